"""Invariants: what they name is there, so that a misspelt one does not hold for ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from enum import Enum

from compiler.diagnostic import Severity, did_you_mean
from compiler.invariants.invariant import SEVERAL, Condition, Invariant, Word
from compiler.linking.choices import Choices
from compiler.linking.findings import Findings
from compiler.linking.linked import LinkedModel
from compiler.linking.offered import Offered
from compiler.schema import GatewayDocument
from compiler.schema.invariants import NONE, ConditionDocument, InvariantDocument
from compiler.source import Path
from xds.edge.detectors import DETECTORS, GROUPS


def link_invariants(
    document: GatewayDocument,
    models: tuple[LinkedModel, ...],
    there: Offered,
    tenants: Choices,
    findings: Findings,
) -> tuple[Invariant, ...]:
    """Look up what all invariants name; what is not there is reported."""
    if not document.invariants:
        return ()
    _check_names(document, findings)
    names = _Names(document, models, there, tenants)
    return tuple(
        _invariant(written, ("invariants", place), names, findings)
        for place, written in enumerate(document.invariants)
    )


def _check_names(document: GatewayDocument, findings: Findings) -> None:
    first: dict[str, int] = {}
    for place, one in enumerate(document.invariants):
        other = first.setdefault(one.name, place)
        if other != place:
            findings.error(
                "duplicate-invariant",
                f"two invariants are called `{one.name}`",
                ("invariants", place, "name"),
                labels=[(("invariants", other, "name"), "the first one")],
                hint="call one of them otherwise",
            )


def _invariant(
    written: InvariantDocument, path: Path, names: _Names, findings: Findings
) -> Invariant:
    _check_shape(written, path, findings)

    def conditions(key: str, some: tuple[ConditionDocument, ...] | None) -> tuple[Condition, ...]:
        at: Path = (*path, key)
        if len(some or ()) == 1 and findings.locate((*at, 0)) == findings.locate(at):
            places: list[Path] = [at]  # it is written without a list around it
        else:
            places = [(*at, place) for place in range(len(some or ()))]
        return tuple(
            _condition(one, place, written, names, findings)
            for one, place in zip(some or (), places, strict=True)
        )

    return Invariant(
        name=written.name,
        where=conditions("where", written.where),
        excepted=conditions("except", written.except_),
        forbidden=conditions("forbid", written.forbid),
        required=conditions("require", written.require),
        at=findings.locate(path),
        warns=written.severity == "warning",
        reason=written.reason,
    )


def _check_shape(written: InvariantDocument, path: Path, findings: Findings) -> None:
    if (written.forbid is None) == (written.require is None):
        both = written.forbid is not None
        findings.error(
            "bad-invariant",
            f"the invariant `{written.name}` "
            + ("forbids and requires" if both else "neither forbids nor requires anything"),
            (*path, "require") if both else path,
            labels=[((*path, "forbid"), "forbids")] if both else [],
            hint="write two invariants"
            if both
            else "write `forbid: { egress: external, redaction: none }`, or `require`",
        )


def _condition(
    written: ConditionDocument,
    path: Path,
    invariant: InvariantDocument,
    names: _Names,
    findings: Findings,
) -> Condition:
    asked: list[tuple[Word, frozenset[str]]] = []
    whose = f"the invariant `{invariant.name}` speaks of"
    told = findings if invariant.absent == "error" else findings.silent()
    for word in Word:
        values = getattr(written, word.value)
        if values is not None:
            plain = tuple(one.value if isinstance(one, Enum) else one for one in values)
            asked.append((word, names.meant(word, plain, (*path, word.value), whose, told)))
    if told is not findings:
        _warn_of_slips(told, findings)
    return Condition(tuple(asked), findings.locate(path))


def _warn_of_slips(told: Findings, findings: Findings) -> None:
    """Of names that may be absent, tell those that are one letter from what is there."""
    for one in told.reporter.diagnostics:
        if one.hint is not None and one.hint.startswith("did you mean"):
            findings.reporter.add(replace(one, severity=Severity.WARNING))


class _Names:
    """All that conditions can name."""

    def __init__(
        self,
        document: GatewayDocument,
        models: tuple[LinkedModel, ...],
        there: Offered,
        tenants: Choices,
    ) -> None:
        targets = {
            f"{target.provider}/{target.model}": target.path
            for model in models
            for group in model.groups
            for target in group
        }
        self._choices: Mapping[Word, Choices] = {
            Word.MODELS: there.models,
            Word.ROUTES: there.routes,
            Word.TENANTS: tenants,
            Word.LISTENERS: _section("listener", "listeners", document.listeners),
            Word.SERVICES: _section("service", "services", document.services),
            Word.PROVIDERS: _section("provider", "providers", document.providers),
            Word.TIERS: _section("tier", "tiers", document.tiers),
            Word.TARGETS: Choices(
                "target",
                {name: name for name in targets},
                {},
                targets,
                complete=len(models)
                == sum(not isinstance(one, str) for one in document.models.values()),
            ),
            Word.TAGS: Choices("tag", {tag: tag for tag in _tags(document, tenants)}, {}, {}),
            Word.REDACTION: _section("redaction", "redactions", document.redactions),
        }
        self._detectors = {*DETECTORS, *GROUPS, *_own_detectors(document)}

    def meant(
        self, word: Word, written: tuple[str, ...], path: Path, whose: str, findings: Findings
    ) -> frozenset[str]:
        """Give what values stand for; what stands for nothing is reported."""
        if written == (NONE,):
            return frozenset(written)
        if word is Word.DETECTORS:
            return self._detected(written, path, whose, findings)
        choices = self._choices.get(word)
        if choices is None:
            return frozenset(written)  # a closed list of words
        found = choices.chosen(written, path, whose, findings)
        # Of these a list is all: what is absent is what no path has, and not left out.
        return frozenset(written if word in SEVERAL else found)

    def _detected(
        self, written: tuple[str, ...], path: Path, whose: str, findings: Findings
    ) -> frozenset[str]:
        for place, word in enumerate(written):
            if word not in self._detectors:
                close = did_you_mean(word, sorted(self._detectors))
                findings.error(
                    "unknown-detector",
                    f"{whose} detector `{word}`",
                    (*path, place),
                    "no such detector",
                    hint=f"did you mean `{close}`?"
                    if close
                    else f"there are the groups {', '.join(f'`{group}`' for group in GROUPS)}, "
                    "their members, and those of the policy's own",
                )
        return frozenset(member for word in written for member in GROUPS.get(word, (word,)))


def _section(kind: str, section: str, names: Iterable[str]) -> Choices:
    places: dict[str, Path] = {name: (section, name) for name in names}
    return Choices(kind, {name: name for name in places}, {}, places)


def _tags(document: GatewayDocument, tenants: Choices) -> Iterator[str]:
    for route in document.routes:
        yield from route.tags
    for model in document.models.values():
        if not isinstance(model, str):
            yield from model.tags
    for tenant in document.tenants.values():
        for team in tenant.teams.values():
            yield from team.tags
    yield from tenants.tags


def _own_detectors(document: GatewayDocument) -> Iterator[str]:
    for redaction in document.redactions.values():
        yield from redaction.patterns
        yield from redaction.words
        yield from (entity.lower() for entity in redaction.entities)
