"""Hold what became of a request against what was expected of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from compiler.decide.trace import Attempt, Identity, Sent, Trace
from compiler.decide.world import FINE, Fault, World
from compiler.expectations.limits import limits_named
from compiler.plan import Plan
from compiler.plan_llm import Model, Target, Trigger
from compiler.schema.expected import PICO, ExpectDocument
from compiler.schema.given import NONE
from policies.limit_text import usd_text

SKIPPED = "skipped"
"""The outcome of a target that is passed by; it is no attempt."""

UNSET = "not set"
"""Said of a header that the policy leaves alone."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One expectation that does not hold; ``what`` is its key, with a name below it if any."""

    what: str
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `decide` says, and what it was asked in."""

    plan: Plan
    trace: Trace
    world: World

    @property
    def status(self) -> int | None:
        """The status of the answer."""
        return status_of(self.trace, self.world)

    @property
    def tried(self) -> tuple[Attempt, ...]:
        """The attempts that were made."""
        return tuple(one for one in self.trace.attempts if one.outcome != SKIPPED)

    @property
    def sent(self) -> Sent | None:
        """What the last upstream was sent."""
        found = [*self.trace.sent, *(one.sent for one in self.tried if one.sent is not None)]
        return found[-1] if found else None

    @property
    def latency(self) -> float:
        """Seconds until the first byte: timeouts as long as they are, others as is given."""
        model = next((one for one in self.plan.models if one.name == self.trace.model), None)
        if model is None:
            return 0.0
        bounds = {
            f"{target.provider}/{target.model}": _patience(model, target)
            for group in model.groups
            for target in group.targets
        }
        total = sum(
            bounds[one.target]
            if one.outcome == Fault.TIMEOUT.value
            else self.world.latencies.get(one.target, 0.0)
            for one in self.tried
        )
        return min(total, model.timeout.total_seconds())


def status_of(trace: Trace, world: World) -> int | None:
    """Give the status of the answer; of an upstream's own, what is given that it answers."""
    if trace.status is not None or not trace.sent:
        return trace.status
    answer = world.answers.get(trace.sent[-1].to, (FINE,))[0]
    return answer.status if answer.fault is Fault.NONE else None


def _patience(model: Model, target: Target) -> float:
    """Give the seconds after which an attempt at a target is given up."""
    bounds = [model.timeout]
    if target.timeout is not None:
        bounds.append(target.timeout)
    fallback = model.fallback
    chain = len(model.groups) > 1 or fallback.retries is not None
    if chain and Trigger.TIMEOUT in fallback.on and fallback.attempt_timeout is not None:
        bounds.append(fallback.attempt_timeout)
    return min(bounds).total_seconds()


def judge(expect: ExpectDocument, outcome: Outcome) -> tuple[Difference, ...]:
    """Give what differs, in the order of the language's keys; empty where all holds."""
    found: list[Difference] = []
    for key, check in _CHECKS.items():
        if key in expect.model_fields_set:
            found += check(expect, outcome)
    return tuple(found)


def _same(what: str, expected: object, got: object) -> Iterator[Difference]:
    if expected != got:
        yield Difference(what, _spelled(expected), _spelled(got))


def _route(expect: ExpectDocument, outcome: Outcome) -> Iterator[Difference]:
    yield from _same("route", expect.route, outcome.trace.route or NONE)


def _status(expect: ExpectDocument, outcome: Outcome) -> Iterator[Difference]:
    got = outcome.status
    if isinstance(expect.status, str):
        if str(got)[:1] != expect.status[0]:
            yield Difference("status", expect.status, _spelled(got))
    else:
        yield from _same("status", expect.status, got)


def _code(expect: ExpectDocument, outcome: Outcome) -> Iterator[Difference]:
    yield from _same("code", expect.code, outcome.trace.code or NONE)


def _identity(expect: ExpectDocument, outcome: Outcome) -> Iterator[Difference]:
    wanted = expect.identity
    got = outcome.trace.identity or Identity()
    if wanted is None:
        return
    for key in ("tenant", "team", "user", "key", "by"):
        if key in wanted.model_fields_set and getattr(wanted, key) != getattr(got, key):
            yield Difference("identity", _who(wanted), _who(got))
            return


def _served(expect: ExpectDocument, outcome: Outcome) -> Iterator[Difference]:
    yield from _same("served_by", expect.served_by, outcome.trace.served or NONE)


def _attempts(expect: ExpectDocument, outcome: Outcome) -> Iterator[Difference]:
    if expect.attempts != len(outcome.tried):
        told = ", ".join(f"{one.target} {one.outcome}" for one in outcome.tried)
        got = f"{len(outcome.tried)}" + (f" ({told})" if told else "")
        yield Difference("attempts", str(expect.attempts), got)


def _targets(expect: ExpectDocument, outcome: Outcome) -> Iterator[Difference]:
    wanted = [name for name in expect.targets or () if name != NONE]
    yield from _same("targets", wanted, [one.target for one in outcome.tried])


def _redacted(expect: ExpectDocument, outcome: Outcome) -> Iterator[Difference]:
    wanted = expect.redacted
    if isinstance(wanted, dict):
        for whom, names in wanted.items():
            attempts = [
                one for one in outcome.tried if whom in (one.target, one.target.partition("/")[0])
            ]
            got = sorted({name for one in attempts for name in one.redacted})
            if not attempts:
                yield Difference(f"redacted.{whom}", _spelled(sorted(names)), "not tried")
            else:
                yield from _same(f"redacted.{whom}", sorted(names), got)
    elif wanted is not None:
        last = outcome.tried[-1].redacted if outcome.tried else ()
        yield from _same("redacted", sorted(wanted), sorted(last))


def _limits(expect: ExpectDocument, outcome: Outcome) -> Iterator[Difference]:
    said = {verdict.limit: verdict.allowed for verdict in outcome.trace.verdicts}
    for name, wanted in expect.limits.items():
        ids = {limit.id for limit in limits_named(outcome.plan, name)}
        found = [said[one] for one in ids if one in said]
        got = "not asked" if not found else "allowed" if all(found) else "refused"
        yield from _same(f"limits.{name}", wanted, got)


def _location(expect: ExpectDocument, outcome: Outcome) -> Iterator[Difference]:
    yield from _same("location", expect.location, outcome.trace.location or NONE)


def _path(expect: ExpectDocument, outcome: Outcome) -> Iterator[Difference]:
    sent = outcome.sent
    yield from _same("path", expect.path, NONE if sent is None else sent.path)


def _headers(expect: ExpectDocument, outcome: Outcome) -> Iterator[Difference]:
    sent = outcome.sent
    set_to: dict[str, str] = {}
    removed: set[str] = set()
    if sent is not None:
        set_to = {name.lower(): value for name, value in (*sent.set, *sent.added)}
        removed = {name.lower() for name in sent.removed}
    for name, wanted in expect.headers.items():
        key = name.lower()
        got = set_to.get(key, NONE if key in removed else UNSET)
        yield from _same(f"headers.{name}", wanted, got)


def _cost(expect: ExpectDocument, outcome: Outcome) -> Iterator[Difference]:
    cost, bound = outcome.trace.cost, expect.cost_below
    if bound is not None and (cost is None or cost >= bound):
        got = "unknown" if cost is None else usd(cost)
        yield Difference("cost_below", usd(bound), got)


def _latency(expect: ExpectDocument, outcome: Outcome) -> Iterator[Difference]:
    bound = expect.latency_below
    if bound is not None and outcome.latency >= bound.total_seconds():
        wanted = f"{bound.total_seconds():g}s"
        yield Difference("latency_below", wanted, f"{outcome.latency:g}s")


def _lane(expect: ExpectDocument, outcome: Outcome) -> Iterator[Difference]:
    got = outcome.tried[-1].lane.value if outcome.tried else NONE
    yield from _same("lane", expect.lane, got)


_Check = Callable[[ExpectDocument, Outcome], Iterator[Difference]]
_CHECKS: dict[str, _Check] = {
    "route": _route,
    "status": _status,
    "code": _code,
    "identity": _identity,
    "served_by": _served,
    "attempts": _attempts,
    "targets": _targets,
    "redacted": _redacted,
    "limits": _limits,
    "location": _location,
    "path": _path,
    "headers": _headers,
    "cost_below": _cost,
    "latency_below": _latency,
    "lane": _lane,
}


def usd(pico: int) -> str:
    """Write an amount of money as policies do, without rounding."""
    return usd_text(pico, PICO)


def _who(said: object) -> str:
    told = {key: getattr(said, key) for key in ("tenant", "team", "user", "key", "by")}
    words = [f"{key} {value}" for key, value in told.items() if value]
    return ", ".join(words) or NONE


def _spelled(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or NONE
    return "no answer" if value is None else str(value)
