"""What of a policy its tests touch: which routes, models, targets, tenants, limits, redactions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from compiler.expectations.limits import limits_named
from compiler.expectations.run import Result
from compiler.plan import Plan, Route, Serve
from compiler.source import Span


@dataclass(frozen=True, slots=True)
class Part:
    """Something of a policy that a test may touch; ``at`` is where it is written."""

    kind: str
    name: str
    touched: bool
    at: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Coverage:
    """All parts of a policy, by kind and in the order of the plan."""

    parts: tuple[Part, ...]

    @property
    def percent(self) -> float:
        """The share of parts that are touched; 100 where there are none."""
        touched = sum(part.touched for part in self.parts)
        return 100.0 * touched / len(self.parts) if self.parts else 100.0

    @property
    def missed(self) -> tuple[Part, ...]:
        """What no test touches."""
        return tuple(part for part in self.parts if not part.touched)


def coverage_of(plan: Plan, results: Iterable[Result]) -> Coverage:
    """Tell what the cases touched.

    A route is touched by a request that it takes, a target by an attempt at it for that model, a
    tenant by a request of it, a redaction where it is looked for, and a limit where it refuses or
    a test says what it is to say.
    """
    seen = _Seen()
    for result in results:
        seen.add(plan, result)
    parts: list[Part] = []

    def part(kind: str, name: str, at: Span, key: tuple[str, ...]) -> None:
        parts.append(Part(kind, name, (kind, *key) in seen.keys, at))

    for route in plan.routes:
        part("route", route.name, route.at, (route.name,))
    served = _served(plan.routes)
    for model in plan.models:
        if model.name in served:
            for group in model.groups:
                for target in group.targets:
                    name = f"{target.provider}/{target.model}"
                    part("target", f"{model.name} -> {name}", target.at, (model.name, name))
    for tenant in plan.tenants:
        part("tenant", tenant.name, tenant.at, (tenant.name,))
    for placed in plan.every_limit:
        limit = placed.limit
        part("limit", f"{limit.text} of {limit.owner}", placed.at, (limit.id,))
    for redaction in plan.redactions:
        part("redaction", redaction.name, redaction.at, (redaction.name,))
    return Coverage(tuple(parts))


class _Seen:
    """What was touched so far: a kind and what it is known by."""

    __slots__ = ("keys",)

    def __init__(self) -> None:
        self.keys: set[tuple[str, ...]] = set()

    def add(self, plan: Plan, result: Result) -> None:
        """Note what one case touched."""
        trace = result.outcome.trace
        if trace.route is not None:
            self.keys.add(("route", trace.route))
        for attempt in result.outcome.tried:
            self.keys.add(("target", trace.model or "", attempt.target))
            self.keys.update(("redaction", name) for name in attempt.redacted)
        if trace.identity is not None and trace.identity.tenant:
            self.keys.add(("tenant", trace.identity.tenant))
        for verdict in trace.verdicts:
            if not verdict.allowed:
                self.keys.add(("limit", verdict.limit))
        for name in result.case.expect.limits:
            self.keys.update(("limit", limit.id) for limit in limits_named(plan, name))


def _served(routes: Iterable[Route]) -> frozenset[str]:
    return frozenset(
        name for route in routes if isinstance(route.action, Serve) for name in route.action.models
    )
