"""The rollout: waves that grow until all nodes have the change, and time enough for each."""

from __future__ import annotations

from compiler.linking.findings import Findings
from compiler.plan_fleet import WHOLE
from compiler.schema import GatewayDocument
from compiler.source import Path


def link_rollout(document: GatewayDocument, findings: Findings) -> None:
    """Check the waves and the times of the rollout, if there is one."""
    rollout = document.rollout
    if rollout is None:
        return
    path: Path = ("rollout",)
    waves: list[tuple[int, Path]] = [
        (rollout.canary, (*path, "canary")),
        *((share, (*path, "then", place)) for place, share in enumerate(rollout.then)),
    ]
    if _grow(waves, findings):
        _check_last(waves, written=bool(rollout.then), findings=findings)
    if rollout.deadline <= rollout.hold:
        written = "deadline" if "deadline" in rollout.model_fields_set else "hold"
        findings.error(
            "deadline-too-short",
            "no wave can be held for `hold` before its `deadline`",
            (*path, written),
            labels=[((*path, "hold"), "held so long")] if written == "deadline" else [],
            hint="the deadline of a wave counts from its beginning: let it be longer than `hold`",
        )


def _grow(waves: list[tuple[int, Path]], findings: Findings) -> bool:
    """Check that each wave has more nodes than the one before it, and the first has any."""
    before, at = 0, None
    for share, path in waves:
        if share <= before:
            labels: list[tuple[Path, str]] = [] if at is None else [(at, "the wave before")]
            findings.error(
                "wave-without-nodes",
                f"a wave of {_spoken(share)} after {_spoken(before)} adds no node"
                if at is not None
                else "the canary has no node",
                path,
                labels=labels,
                hint="let each wave be larger than the one before, such as "
                "`canary: 5%, then: [25%, 100%]`",
            )
            return False
        before, at = share, path
    return True


def _check_last(waves: list[tuple[int, Path]], *, written: bool, findings: Findings) -> None:
    """Check that the last wave has all nodes, and that it is not the only one."""
    share, path = waves[-1]
    if written and share < WHOLE:
        findings.error(
            "rollout-without-end",
            f"the last wave has {_spoken(share)} of the nodes: the others never get the change",
            path,
            hint="add `100%`",
        )
    elif not written and share == WHOLE:
        findings.error(
            "canary-of-all",
            "a canary of all nodes holds nothing back",
            path,
            hint="write a smaller share, or remove `rollout`",
        )


def _spoken(share: int) -> str:
    return f"{share / 100:g}%"
