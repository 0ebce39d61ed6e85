"""Targets of models: which provider and model each names, and how they share requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from compiler.diagnostic import did_you_mean
from compiler.linking.findings import Findings
from compiler.linking.linked import LinkedTarget
from compiler.schema import GatewayDocument
from compiler.schema.models import TargetDocument
from compiler.source import Path

Items = Sequence[TargetDocument | tuple[TargetDocument, ...]]
Groups = tuple[tuple[LinkedTarget, ...], ...]


def link_groups(
    model: str, items: Items, path: Path, document: GatewayDocument, findings: Findings
) -> Groups | None:
    """Turn a model's list into groups; None where it has faults, which are reported.

    Plain targets are a group each; if all of them carry a weight, they are one group together.
    """
    placed = [(item, (*path, place)) for place, item in enumerate(items)]
    plain = [(item, at) for item, at in placed if isinstance(item, TargetDocument)]
    weighted = [at for item, at in plain if item.weight is not None]
    good = True
    groups: list[list[tuple[TargetDocument, Path]]]
    if weighted and len(weighted) == len(placed):
        groups = [plain]
    else:
        if weighted:
            bare = next((at for item, at in placed if at not in weighted), path)
            _mixed(findings, (*weighted[0], "weight"), bare)
            good = False
        groups = []
        for item, at in placed:
            if isinstance(item, TargetDocument):
                groups.append([(item, at)])
            else:
                groups.append([(one, (*at, place)) for place, one in enumerate(item)])
                good &= _even(groups[-1], findings)
    linked = [_link_group(model, group, document, findings) for group in groups]
    found = tuple(group for group in linked if group is not None)
    return found if good and len(found) == len(groups) else None


def _even(group: list[tuple[TargetDocument, Path]], findings: Findings) -> bool:
    """Check that all targets of an inner list have a weight, or none."""
    weighted = [at for target, at in group if target.weight is not None]
    if weighted and len(weighted) < len(group):
        bare = next(at for target, at in group if target.weight is None)
        _mixed(findings, (*weighted[0], "weight"), bare)
        return False
    return True


def _mixed(findings: Findings, weighted: Path, bare: Path) -> None:
    findings.error(
        "mixed-weights",
        "some targets of this list have a weight, and some have none",
        bare,
        "no weight",
        labels=[(weighted, "a weight")],
        hint="give all of them a weight (a split), or none (a chain); for a split inside a chain "
        "put its targets into a list of their own: `[[{to: .., weight: ..}, ..], ..]`",
    )


def _link_group(
    model: str,
    group: list[tuple[TargetDocument, Path]],
    document: GatewayDocument,
    findings: Findings,
) -> tuple[LinkedTarget, ...] | None:
    linked: list[LinkedTarget] = []
    first: dict[tuple[str, str], Path] = {}
    good = True
    for target, path in group:
        found = _reference(model, target.to, path, document, findings)
        if found is None:
            good = False
            continue
        if found in first:
            good = False
            findings.error(
                "duplicate-target",
                f"`{target.to}` is there twice among the targets that share requests",
                path,
                "again",
                labels=[(first[found], "first here")],
                hint="add the weights up in one of them",
            )
        first.setdefault(found, path)
        weight = 1 if target.weight is None else target.weight
        linked.append(LinkedTarget(*found, weight, target.timeout, path, target.context))
    if good and not any(target.weight for target in linked):
        good = False
        findings.error(
            "zero-weights",
            "no target of this group gets a request: all weights are 0",
            (*group[0][1], "weight"),
            hint="give at least one a weight above 0",
        )
    return tuple(linked) if good else None


def _reference(
    model: str, to: str, path: Path, document: GatewayDocument, findings: Findings
) -> tuple[str, str] | None:
    """Read ``provider/model``; the first slash separates, for model names may hold more."""
    provider, slash, upstream = to.partition("/")
    if not slash or not upstream or upstream != upstream.strip():
        findings.error(
            "bad-target",
            f"model `{model}` has a target `{to}`, which names no provider's model",
            (*path, "to"),
            "not `provider/model`",
            hint=_target_hint(to.rstrip("/"), document),
        )
        return None
    if provider not in document.providers:
        findings.unknown(
            "provider",
            "providers",
            provider,
            document.providers,
            f"model `{model}` tries provider `{provider}`",
            (*path, "to"),
        )
        return None
    return provider, upstream


def _target_hint(word: str, document: GatewayDocument) -> str:
    """Guess what a target without a slash was to say."""
    if word in document.providers:
        return f"`{word}` is a provider: name its model too, such as `{word}/MODEL`"
    if word in document.models:
        return (
            f"`{word}` is a model of this file, and a target is a provider's: write "
            f"`OTHER-NAME: {word}` for another name of it, or repeat its targets"
        )
    known = sorted(set(_targets(document)))
    named = next((to for to in known if to.partition("/")[2] == word), None)
    close = named or did_you_mean(word, [*known, *document.providers])
    if close is not None:
        return f"did you mean `{close}`?" if "/" in close else f"did you mean `{close}/MODEL`?"
    return "write the provider, a slash and its model, such as `openai/gpt-4o-mini`"


def _targets(document: GatewayDocument) -> Iterable[str]:
    for model in document.models.values():
        if isinstance(model, str):
            continue
        for item in model.targets:
            for target in (item,) if isinstance(item, TargetDocument) else item:
                if "/" in target.to:
                    yield target.to
