"""The parts of a plan that may be left away one by one, each with its line: what may be to blame.

A part is left away in a copy of the plan; what is left is still a plan that can be lowered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from compiler.plan import Plan
from compiler.source import Span

Without = Callable[[Plan], Plan]
"""Gives a plan without one part of it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a plan: what it is called, where it is written, and the plan without it."""

    name: str
    at: Span
    without: Without = field(compare=False, repr=False)


def parts_of(plan: Plan) -> tuple[Part, ...]:
    """Give all parts, in the order of the plan."""
    return tuple(_parts(plan))


def _parts(plan: Plan) -> Iterator[Part]:
    for section, noun in (
        ("listeners", "listener"),
        ("services", "service"),
        ("providers", "provider"),
        ("routes", "route"),
    ):
        for thing in getattr(plan, section):
            yield from _attached(section, noun, thing)
    for provider in plan.providers:
        yield from _members("providers", "provider", provider, ("headers", "cool_down"))
    for route in plan.routes:
        called = f"route `{route.name}`"
        yield Part(called, route.at, _removed("routes", route.name))
        yield from _members("routes", "route", route, ("auth", "allow", "redact"))
    for model in plan.models:
        for number, group in enumerate(model.groups[1:], 1):
            target = group.targets[0]
            yield Part(
                f"target `{target.provider}/{target.model}` of model `{model.name}`",
                target.at,
                _changed("models", model.name, _shorter(number)),
            )
    yield from _limits(plan)
    for tenant in plan.tenants:
        yield Part(f"tenant `{tenant.name}`", tenant.at, _removed("tenants", tenant.name))
    runtime = plan.runtime
    if runtime is not None:
        yield Part("runtime", runtime.at, lambda whole: replace(whole, runtime=None))


def _attached(section: str, noun: str, thing: Any) -> Iterator[Part]:
    for applied in thing.policies:
        kind = applied.kind
        yield Part(
            f"`{kind}` of {noun} `{thing.name}`",
            applied.at,
            _changed(section, thing.name, _unattached(kind)),
        )


def _members(section: str, noun: str, thing: Any, keys: tuple[str, ...]) -> Iterator[Part]:
    """Members that have no place of their own: that of the thing is told."""
    for key in keys:
        value = getattr(thing, key)
        if value:
            empty = () if isinstance(value, tuple) and key != "allow" else None
            yield Part(
                f"`{key}` of {noun} `{thing.name}`",
                thing.at,
                _changed(section, thing.name, _emptied(key, empty)),
            )


def _limits(plan: Plan) -> Iterator[Part]:
    for placed in plan.limits:
        limit = placed.limit
        yield Part(
            f"limit `{limit.text}` of {limit.owner}", placed.at, _fewer_of_the_gateway(limit.id)
        )
    for section in ("routes", "models", "providers", "tenants"):
        for thing in getattr(plan, section):
            for placed in thing.limits:
                limit = placed.limit
                yield Part(
                    f"limit `{limit.text}` of {limit.owner}",
                    placed.at,
                    _changed(section, thing.name, _unlimited(limit.id)),
                )


def _removed(section: str, name: str) -> Without:
    def without(plan: Plan) -> Plan:
        kept = tuple(one for one in getattr(plan, section) if one.name != name)
        return _replaced(plan, section, kept)

    return without


def _changed(section: str, name: str, change: Callable[[Any], Any]) -> Without:
    def without(plan: Plan) -> Plan:
        things = tuple(change(one) if one.name == name else one for one in getattr(plan, section))
        return _replaced(plan, section, things)

    return without


def _replaced(plan: Plan, section: str, things: tuple[Any, ...]) -> Plan:
    changes: dict[str, Any] = {section: things}
    return replace(plan, **changes)


def _unattached(kind: str) -> Callable[[Any], Any]:
    def change(thing: Any) -> Any:
        return replace(thing, policies=tuple(p for p in thing.policies if p.kind != kind))

    return change


def _emptied(key: str, empty: Any) -> Callable[[Any], Any]:
    def change(thing: Any) -> Any:
        changes = {key: empty}
        return replace(thing, **changes)

    return change


def _shorter(number: int) -> Callable[[Any], Any]:
    """Leave a group of targets away; the plan may have lost others before it."""

    def change(model: Any) -> Any:
        if number >= len(model.groups):
            return model
        groups = (*model.groups[:number], *model.groups[number + 1 :])
        return replace(model, groups=groups)

    return change


def _unlimited(name: str) -> Callable[[Any], Any]:
    def change(thing: Any) -> Any:
        return replace(thing, limits=tuple(p for p in thing.limits if p.limit.id != name))

    return change


def _fewer_of_the_gateway(name: str) -> Without:
    def without(plan: Plan) -> Plan:
        return replace(plan, limits=tuple(p for p in plan.limits if p.limit.id != name))

    return without
