"""Models: their names, their targets, and fallbacks that can happen."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.linking.choosing import check_choice, in_order
from compiler.linking.findings import Findings
from compiler.linking.linked import LinkedModel, LinkedTarget
from compiler.linking.names import other_names
from compiler.linking.operations import link_operations
from compiler.linking.targets import Groups, link_groups
from compiler.plan_llm import Trigger
from compiler.schema import GatewayDocument
from compiler.schema.models import ModelDocument
from compiler.source import Path


def link_models(
    document: GatewayDocument, meaning: Mapping[str, str], findings: Findings
) -> tuple[LinkedModel, ...]:
    """Link all models that have targets, sorted by name; those with faults are left out."""
    others = other_names(meaning)
    linked: list[LinkedModel] = []
    for name, model in sorted(document.models.items()):
        if isinstance(model, str):
            continue
        path: Path = ("models", name)
        groups = link_groups(name, model.targets, (*path, "targets"), document, findings)
        if groups is None:
            continue
        check_choice(model, groups, path, findings)
        _check_fallback(model, groups, path, findings)
        _check_times(model, groups, path, findings)
        endpoints = link_operations(name, model, groups, path, document, findings)
        linked.append(LinkedModel(name, others.get(name, ()), endpoints, groups, model, path))
    return tuple(linked)


def _check_fallback(model: ModelDocument, groups: Groups, path: Path, findings: Findings) -> None:
    """Report what the fallback asks for and cannot happen."""
    fallback = model.fallback
    at: Path = (*path, "fallback")
    if fallback.attempts is not None and fallback.attempts > len(groups):
        few = "1 group" if len(groups) == 1 else f"{len(groups)} groups"
        findings.error(
            "too-many-attempts",
            f"{fallback.attempts} attempts, but {few} of targets: each is one attempt",
            (*at, "attempts"),
            labels=[((*path, "targets"), few)],
            hint="add targets, or lower `attempts`; `retries` ask the same target again",
        )
    elif len(groups) == 1 and fallback.on and fallback.retries is None:
        findings.warning(
            "idle-fallback",
            "there is nothing to fall back to",
            (*at, "on"),
            labels=[((*path, "targets"), "one group of targets")],
            hint="add a second target or `retries`, or remove `on`",
        )
    elif len(groups) > 1 and (fallback.on == () or fallback.attempts == 1):
        key = "on" if fallback.on == () else "attempts"
        findings.warning(
            "unreachable-target",
            "targets after the first are never tried",
            (*at, key),
            labels=[(groups[1][0].path, "never tried")],
            hint="remove those targets, or say when to go on: `on: [rate_limited]`",
        )
    elif fallback.attempts is not None and fallback.attempts < len(groups) and in_order(model):
        findings.warning(
            "unreachable-target",
            f"with {fallback.attempts} attempts this target is never tried",
            groups[fallback.attempts][0].path,
            "never tried",
            labels=[((*at, "attempts"), "because of this")],
            hint="raise `attempts`, or remove the target",
        )


def _check_times(model: ModelDocument, groups: Groups, path: Path, findings: Findings) -> None:
    """Report limits that can never be reached, and a trigger without a limit."""
    fallback = model.fallback
    targets = [target for group in groups for target in group]
    limits: list[tuple[Path, str]] = []
    if model.timeout is not None:
        if fallback.attempt_timeout is not None and fallback.attempt_timeout >= model.timeout:
            limits.append(((*path, "fallback", "attempt_timeout"), "an attempt"))
        limits += [
            ((*target.path, "timeout"), f"target `{target.provider}/{target.model}`")
            for target in targets
            if target.timeout is not None and target.timeout > model.timeout
        ]
    for at, what in limits:
        findings.warning(
            "unreachable-timeout",
            f"the limit on {what} is never reached: the whole request has no more time",
            at,
            labels=[((*path, "timeout"), "for the whole request")],
            hint="lower it, or give the request more time",
        )
    goes_on = len(groups) > 1 or fallback.retries is not None
    if fallback.on and goes_on:
        _check_triggers(model, fallback.on, targets, path, findings)
    timed = fallback.attempt_timeout is not None or any(t.timeout is not None for t in targets)
    if fallback.on and goes_on and Trigger.TIMEOUT in fallback.on and not timed:
        findings.warning(
            "idle-trigger",
            "`timeout` never happens: an attempt has no limit of its own",
            (*path, "fallback", "on", fallback.on.index(Trigger.TIMEOUT)),
            hint="add `attempt_timeout: 20s`",
        )


def _check_triggers(
    model: ModelDocument,
    on: tuple[Trigger, ...],
    targets: list[LinkedTarget],
    path: Path,
    findings: Findings,
) -> None:
    """Report triggers that bring more with them than they say, and a limit that triggers nothing.

    To Envoy an attempt that took too long and a connection that broke are both a stream that was
    reset before its answer began: a chain goes on for both or for neither.
    """
    at: Path = (*path, "fallback", "on")
    timed = next((target for target in targets if target.timeout is not None), None)
    if Trigger.TIMEOUT in on and Trigger.CONNECT_FAILURE not in on:
        findings.warning(
            "wider-trigger",
            "with `timeout` the chain goes on for broken connections too",
            (*at, on.index(Trigger.TIMEOUT)),
            "Envoy cannot tell the two apart",
            hint="write `connect_failure` as well, so that readers know",
        )
    elif Trigger.CONNECT_FAILURE in on and Trigger.TIMEOUT not in on and timed is not None:
        findings.warning(
            "wider-trigger",
            "with `connect_failure` the chain goes on when this target's time is up, too",
            (*timed.path, "timeout"),
            labels=[((*at, on.index(Trigger.CONNECT_FAILURE)), "because of this")],
            hint="write `timeout` as well, so that readers know",
        )
    if model.fallback.attempt_timeout is not None and Trigger.TIMEOUT not in on:
        findings.warning(
            "idle-timeout",
            "`attempt_timeout` has no effect: the chain does not go on for `timeout`",
            (*path, "fallback", "attempt_timeout"),
            labels=[(at, "`timeout` is not among these")],
            hint="add `timeout` to `on`, or remove the limit",
        )
