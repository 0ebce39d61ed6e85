"""Models: what clients may ask for, who answers, in which order, by which shares, and when next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from compiler.diff.change import NOTHING, Area, Change, Reach, Severity
from compiler.diff.fields import Said, field_changes
from compiler.diff.sides import Sides, at, paired
from compiler.diff.values import arrow, names, said
from compiler.plan_llm import Group, Model, Target

_MODEL = Said(
    Area.TARGETS,
    areas={"timeout": Area.TIMEOUTS, "tags": Area.ACCESS},
    elsewhere=("name", "aliases", "endpoints", "groups", "limits", "on_request", "fallback"),
    words={"choice": "the first target is chosen by", "output": "tokens reserved for an answer"},
)
_FALLBACK = Said(
    Area.TARGETS,
    areas={"attempt_timeout": Area.TIMEOUTS},
    elsewhere=("on",),
    words={
        "attempts": "attempts over the whole chain",
        "gate": "streams are held until their first content",
        "trim": "the oldest turns are dropped where a prompt does not fit",
    },
)
_TARGET = Said(
    Area.TARGETS,
    areas={"timeout": Area.TIMEOUTS},
    elsewhere=("provider", "model", "weight", "price"),
    words={"window": "context window"},
)


def models(sides: Sides) -> Iterator[Change]:
    """Yield what changes of each model, and the models that come and go."""
    both, gone, come = paired(sides.before.models, sides.after.models)
    for had, has in both:
        yield from _changed(had, has, sides)
    for model in gone:
        yield _gone(model, sides)
    for model in come:
        yield _new(model, sides)


def chain(groups: Iterable[Group]) -> str:
    """Say a chain: `openai/a, then 90 % claude/b | 10 % claude/c`."""
    return ", then ".join(_group(group) for group in groups)


def target_name(target: Target) -> str:
    """Call a target as logs and headers do."""
    return f"{target.provider}/{target.model}"


def _group(group: Group) -> str:
    if len(group.targets) == 1 and group.targets[0].weight == 1:
        return target_name(group.targets[0])
    whole = sum(one.weight for one in group.targets)
    shares = (f"{100 * one.weight / whole:.3g} % {target_name(one)}" for one in group.targets)
    return " | ".join(shares)


def _changed(had: Model, has: Model, sides: Sides) -> Iterator[Change]:
    subject, reach = f"model `{had.name}`", sides.models([had.name])
    yield from _aliases(subject, had, has, reach)
    yield from _operations(subject, had, has, reach)
    if had.on_request != has.on_request:
        yield Change(
            Area.ACCESS,
            Severity.LOSS if has.on_request else Severity.GAIN,
            subject,
            "is there on request only: who has no grant is refused"
            if has.on_request
            else "needs no grant any more",
            "on request" if had.on_request else "all",
            "on request" if has.on_request else "all",
            reach,
            at(had),
            at(has),
        )
    yield from _groups(subject, had, has, reach)
    triggers = set(had.fallback.on) ^ set(has.fallback.on)
    if triggers or had.fallback.on != has.fallback.on:
        yield _triggers(subject, had, has, reach)
    yield from _placed(subject, had, has, reach)
    yield from field_changes(subject, had, has, _MODEL, reach)


def _placed(subject: str, had: Model, has: Model, reach: Reach) -> Iterator[Change]:
    """Tell the fields of a fallback and of targets, which have no places or others."""
    for change in field_changes(subject, had.fallback, has.fallback, _FALLBACK, reach):
        words = f"fallback: {change.message}"
        yield replace(change, message=words, before_at=at(had), after_at=at(has))
    for one, other in same_targets(had, has):
        yield from field_changes(f"{subject}, {target_name(one)}", one, other, _TARGET, reach)


def same_targets(had: Model, has: Model) -> Iterator[tuple[Target, Target]]:
    """Pair the targets of both chains by name; one that stands there twice, in their order."""
    waiting: dict[str, list[Target]] = defaultdict(list)
    for group in had.groups:
        for one in group.targets:
            waiting[target_name(one)].append(one)
    for group in has.groups:
        for other in group.targets:
            if waiting[target_name(other)]:
                yield waiting[target_name(other)].pop(0), other


def _aliases(subject: str, had: Model, has: Model, reach: Reach) -> Iterator[Change]:
    lost, gained = set(had.aliases) - set(has.aliases), set(has.aliases) - set(had.aliases)
    if lost or gained:
        parts = [f"no longer answers to {names(lost)}"] if lost else []
        parts += [f"also answers to {names(gained)}"] if gained else []
        severity = Severity.LOSS if lost else Severity.GAIN
        words = " and ".join(parts)
        before, after = said(had.aliases), said(has.aliases)
        yield Change(Area.ACCESS, severity, subject, words, before, after, reach, at(had), at(has))
    elif had.aliases != has.aliases:
        words = f"order of its names: {arrow(had.aliases, has.aliases)}"
        yield Change(Area.ACCESS, Severity.NEUTRAL, subject, words, None, None, NOTHING)


def _operations(subject: str, had: Model, has: Model, reach: Reach) -> Iterator[Change]:
    lost = [one for one in had.endpoints if one not in has.endpoints]
    gained = [one for one in has.endpoints if one not in had.endpoints]
    if had.endpoints != has.endpoints:
        parts = [f"is no longer offered on {names(lost)}"] if lost else []
        parts += [f"is offered on {names(gained)} too"] if gained else []
        yield Change(
            Area.ACCESS,
            Severity.LOSS if lost else Severity.GAIN,
            subject,
            " and ".join(parts) or "offers its operations in another order",
            said(had.endpoints),
            said(has.endpoints),
            reach,
            at(had),
            at(has),
        )


def _groups(subject: str, had: Model, has: Model, reach: Reach) -> Iterator[Change]:
    before, after = chain(had.groups), chain(has.groups)
    if before == after and _shares(had) == _shares(has):
        return
    old = [target_name(one) for group in had.groups for one in group.targets]
    new = [target_name(one) for group in has.groups for one in group.targets]
    gone, come = set(old) - set(new), set(new) - set(old)
    if gone or come:
        parts = [f"no longer {names(gone)}"] if gone else []
        parts += [f"now also {names(come)}" if not gone else f"now {names(come)}"] if come else []
        what = "targets: " + ", ".join(parts)
    elif [_members(group) for group in had.groups] != [_members(group) for group in has.groups]:
        what = "order of targets"
    else:
        what = "shares of targets"
    yield Change(
        Area.TARGETS,
        Severity.NEUTRAL,
        subject,
        f"{what}: {before} -> {after}",
        before,
        after,
        reach,
        at(*(one for group in had.groups for one in group.targets)),
        at(*(one for group in has.groups for one in group.targets)),
    )


def _members(group: Group) -> frozenset[str]:
    return frozenset(target_name(one) for one in group.targets)


def _shares(model: Model) -> list[list[tuple[str, float]]]:
    """Give exact shares: weights of 1 and 1 are those of 50 and 50."""
    return [
        [
            (target_name(one), one.weight / sum(each.weight for each in group.targets))
            for one in group.targets
        ]
        for group in model.groups
    ]


def _triggers(subject: str, had: Model, has: Model, reach: Reach) -> Change:
    lost = [one for one in had.fallback.on if one not in has.fallback.on]
    gained = [one for one in has.fallback.on if one not in had.fallback.on]
    parts = [f"no longer after {names(lost)}"] if lost else []
    parts += [f"also after {names(gained)}"] if gained else []
    return Change(
        Area.TARGETS,
        Severity.LOSS if lost else Severity.GAIN,
        subject,
        f"goes on to its next target {' and '.join(parts) or 'in the same cases'}",
        said(had.fallback.on),
        said(has.fallback.on),
        reach,
        at(had),
        at(has),
    )


def _gone(model: Model, sides: Sides) -> Change:
    who = sides.had.who_reaches(frozenset({model.name}))
    whose = _whose(model.name, who, sides, past=True)
    return Change(
        Area.ACCESS,
        Severity.LOSS if whose else Severity.NEUTRAL,
        f"model `{model.name}`",
        f"is gone{whose or '; no route served it'}",
        chain(model.groups),
        None,
        sides.models([model.name]),
        at(model),
        (),
    )


def _new(model: Model, sides: Sides) -> Change:
    who = sides.has.who_reaches(frozenset({model.name}))
    whose = _whose(model.name, who, sides, past=False)
    return Change(
        Area.ACCESS,
        Severity.GAIN if whose else Severity.NEUTRAL,
        f"model `{model.name}`",
        f"is new: {chain(model.groups)}{whose or '; no route serves it'}",
        None,
        chain(model.groups),
        sides.models([model.name]),
        (),
        at(model),
    )


def _whose(model: str, who: frozenset[str], sides: Sides, *, past: bool) -> str:
    if model in (sides.had if past else sides.has).public:
        return f"; anybody {'could' if past else 'may'} ask for it"
    if not who:
        return ""
    return f"; {sides.crowd.called(who)} {'had' if past else 'may ask for'} it"
