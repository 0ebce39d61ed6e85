"""The attempts of a request for a model: each at a target, until one serves or none is left.

Source: compiler/lower/llm/fallback.py says by which of Envoy's means a chain goes on; what is told
here is what they come to, and tests hold it to Envoy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from compiler.decide import refusing
from compiler.decide.addresses import host_of, path_by_edge, path_by_envoy
from compiler.decide.choosing import called, drawn, ordered
from compiler.decide.outcomes import Came, Outcome, Way, outcome
from compiler.decide.telling import Telling
from compiler.decide.trace import Attempt, Decider, Sent, Trace
from compiler.decide.world import FINE, Answer
from compiler.needs import COUNTS, STREAMED
from compiler.plan import Lane, Route
from compiler.plan_llm import FORMS, Endpoint, Group, Model, Provider, Target, Trigger, Trust
from xds.edge.pairs import pair
from xds.edge.processing import Scope

_STATUSES: Final = {Trigger.RATE_LIMITED: (429,), Trigger.OVERLOADED: (503, 529)}
_COOLING: Final = "cooling_down"


@dataclass(slots=True, eq=False)
class _Chain:
    """One request's attempts, as far as they have come."""

    telling: Telling
    route: Route
    endpoint: Endpoint
    model: Model
    stream: bool
    groups: tuple[Group, ...]
    tried: tuple[Group, ...]
    attempts: list[Attempt] = field(default_factory=list)
    seconds: float = 0.0
    asked: dict[str, int] = field(default_factory=dict)
    target: Target | None = None


def attempted(
    telling: Telling, route: Route, endpoint: Endpoint, model: Model, *, stream: bool
) -> Trace:
    """Make the attempts, and end the trace."""
    groups = ordered(model, len(telling.request.body), telling.world)
    fallback = model.fallback
    each = 1 if fallback.retries is None else fallback.retries.attempts
    tried = tuple(group for group in groups[: fallback.attempts] for _ in range(each))
    if len(model.groups) > 1 or any(len(one.targets) > 1 for one in model.groups):
        order = ", then ".join(called(group) for group in groups[: fallback.attempts])
        telling.step("choice", f"by {model.choice.value}: {order}", model.at)
    chain = _Chain(telling, route, endpoint, model, stream, groups, tried)
    return _run(chain)


def _run(chain: _Chain) -> Trace:
    for number, group in enumerate(chain.tried):
        target = _target(chain, group)
        provider = chain.telling.laid.providers[target.provider]
        lane, way = _lane(chain, target)
        name = f"{target.provider}/{target.model}"
        if lane is Lane.SERVICE and chain.telling.world.edge_away:
            chain.attempts.append(Attempt(name, lane, "passed on", 503))
            chain.telling.step("target", f"`{name}` needs the edge, which is away", target.at)
            return _refused(chain, refusing.NOT_PROCESSED)
        if chain.endpoint in COUNTS and pair(chain.endpoint.client, provider.speech) is None:
            # The edge answers before anybody is asked who cools down.
            return _counted_here(chain, target, lane)
        if target.provider in chain.telling.world.cooling and provider.cool_down is not None:
            chain.attempts.append(Attempt(name, lane, "skipped", 503))
            chain.telling.step("target", f"`{name}` is cooling down", target.at)
            if number + 1 < len(chain.tried) and _passes_by(chain):
                continue
            return _refused(chain, refusing.COOLING)
        ended = _one(chain, number, target, provider, lane, way)
        if ended is not None:
            return ended
    raise AssertionError("the last attempt ends a chain")


def _one(
    chain: _Chain, number: int, target: Target, provider: Provider, lane: Lane, way: Way
) -> Trace | None:
    """Make one attempt; None where the chain goes on behind it."""
    name = f"{target.provider}/{target.model}"
    answer = _answer(chain, target)
    on = chain.model.fallback.on
    came = outcome(answer, way, chain.endpoint, on, stream=chain.stream)
    late = _wait(chain, target) if came.came is Came.NOTHING else False
    again, waited = _goes_on(chain, number, answer, came)
    again = again and not late and number + 1 < len(chain.tried)
    if again and waited:
        chain.seconds += waited
        late = chain.seconds >= chain.model.timeout.total_seconds()
        again = not late
    sent = _sent(chain, target, provider, way)
    served = came.came is Came.ANSWER and 200 <= came.status < 300 and not came.named
    word = "served" if served else "passed on"
    if again or came.came is not Came.ANSWER:
        word = _trigger(came, on)
    status = came.status if came.came is Came.ANSWER else None
    redacted = _redacted(chain, provider, lane)
    chain.attempts.append(Attempt(name, lane, word, status, sent, redacted))
    said = f"`{name}` by {lane.value}: {word}" + (f" ({status})" if status else "")
    chain.telling.step("target", said, target.at)
    if redacted:
        names = ", ".join(f"`{one}`" for one in redacted)
        chain.telling.step("redaction", f"{names} for `{target.provider}`", provider.at)
    if again:
        return None
    if late or came.came is Came.NOTHING:
        return _refused(chain, refusing.LATE)
    if came.came is Came.CUT:
        return _refused(chain, refusing.BROKEN_OFF)
    if came.came is Came.BROKEN:
        return _refused(chain, refusing.UNREACHED)
    cost = None
    if served and target.price is not None:
        price = target.price
        cost = answer.input_tokens * price.input + answer.output_tokens * price.output
    return chain.telling.end(
        Decider.UPSTREAM,
        came.status,
        attempts=tuple(chain.attempts),
        served=None if came.replied else name,
        cost=cost,
    )


def _target(chain: _Chain, group: Group) -> Target:
    """Draw anew for each attempt; where there is one group its one draw holds for all of them."""
    if chain.target is None or len(chain.groups) > 1:
        chain.target = drawn(group, chain.telling.draw)
    return chain.target


def _passes_by(chain: _Chain) -> bool:
    """Tell whether another attempt follows one at which the target was cooling down.

    In a chain always; elsewhere what stands in for the target has said 503, for which one may.
    """
    if any(group is not chain.tried[0] for group in chain.tried):
        return True
    on = chain.model.fallback.on
    return Trigger.SERVER_ERROR in on or (Trigger.OVERLOADED in on and not _waits(chain))


def _lane(chain: _Chain, target: Target) -> tuple[Lane, Way]:
    """Tell by which lane a target is reached, and how its answer comes."""
    found = chain.telling.laid.lane(chain.route.name, chain.endpoint, chain.model.name, target)
    lane = Lane.NATIVE if found is None else found.lane
    if lane is Lane.SERVICE:
        return lane, Way.EDGE
    fallback = chain.model.fallback
    held = (
        fallback.gate
        and chain.stream
        and len(chain.model.groups) > 1
        and chain.endpoint in STREAMED
        and not chain.telling.world.edge_away
    )
    before_last = chain.groups[: fallback.attempts][:-1]
    here = (target.provider, target.model, target.timeout)
    gated = held and any(
        (one.provider, one.model, one.timeout) == here
        for group in before_last
        for one in group.targets
    )
    return lane, Way.GATE if gated else Way.ENVOY


def _answer(chain: _Chain, target: Target) -> Answer:
    """Take the next of a target's answers, of which the last repeats."""
    answers = chain.telling.world.answers
    name = f"{target.provider}/{target.model}"
    key = name if name in answers else target.provider
    given = answers.get(key, ())
    number = chain.asked.get(key, 0)
    chain.asked[key] = number + 1
    return given[min(number, len(given) - 1)] if given else FINE


def _wait(chain: _Chain, target: Target) -> bool:
    """Wait for what does not come; True where the whole request's time is over."""
    fallback = chain.model.fallback
    left = chain.model.timeout.total_seconds() - chain.seconds
    bounds = [] if target.timeout is None else [target.timeout.total_seconds()]
    if (
        Trigger.TIMEOUT in fallback.on
        and fallback.attempt_timeout is not None
        and len(chain.tried) > 1
    ):
        bounds.append(fallback.attempt_timeout.total_seconds())
    least = min(bounds, default=left)
    chain.seconds += min(least, left)
    return least >= left


def _goes_on(chain: _Chain, number: int, answer: Answer, came: Outcome) -> tuple[bool, float]:
    """Tell whether the router makes another attempt, and how long it waits, in seconds."""
    on = frozenset(chain.model.fallback.on)
    if came.came is not Came.ANSWER:
        return bool(on & {Trigger.TIMEOUT, Trigger.CONNECT_FAILURE}), 0.0
    if 200 <= came.status < 300 and not came.named:
        return False, 0.0
    wait, refused = _asked_to_wait(chain, number, answer)
    named = "" if refused else came.named or _caused(chain, came)
    listed = named in {trigger.value for trigger in on}
    by_status = any(came.status in _STATUSES.get(trigger, ()) for trigger in on)
    if _waits(chain):
        by_status = False  # Lua says whether there is a point in it
    server = Trigger.SERVER_ERROR in on and 500 <= came.status < 600
    return listed or by_status or server, wait


def _caused(chain: _Chain, came: Outcome) -> str:
    """What Lua names a status, where it is asked to say whether waiting has a point."""
    if not _waits(chain):
        return ""
    return {429: "rate_limited", 503: "overloaded", 529: "overloaded"}.get(came.status, "")


def _waits(chain: _Chain) -> frozenset[int]:
    """The attempts, from 0, behind which the same target is asked again after a wait."""
    retries = chain.model.fallback.retries
    if retries is None or not retries.longest_wait:
        return frozenset()
    return frozenset(_same(chain))


def _same(chain: _Chain) -> Iterator[int]:
    for number, group in enumerate(chain.tried[:-1]):
        alone = len(group.targets) == 1 or len(chain.groups) == 1
        if group is chain.tried[number + 1] and alone:
            yield number


def _asked_to_wait(chain: _Chain, number: int, answer: Answer) -> tuple[float, bool]:
    """Give the wait that is asked for; True where it is too long, and nobody else is left."""
    retries = chain.model.fallback.retries
    asked = answer.retry_after
    if retries is None or asked is None or asked <= 0 or number not in _waits(chain):
        return 0.0, False
    if asked > retries.longest_wait.total_seconds():
        final = len(chain.tried) - retries.attempts
        return 0.0, number >= final
    return float(asked), False


def _trigger(came: Outcome, on: tuple[Trigger, ...]) -> str:
    """Give the word for which a chain went on, or would have."""
    listed = {trigger.value for trigger in on}
    if came.named in listed:
        return came.named
    if came.kind in listed:
        return came.kind
    if came.came is Came.ANSWER and came.status >= 500:
        return Trigger.SERVER_ERROR.value
    return came.kind or "passed on"


def _sent(chain: _Chain, target: Target, provider: Provider, way: Way) -> Sent:
    if way is Way.EDGE:
        stream = chain.stream and chain.endpoint in STREAMED
        path = path_by_edge(provider, target, chain.endpoint, stream=stream)
    else:
        path = path_by_envoy(provider, target, chain.endpoint, chain.telling.path.target)
    return Sent(
        provider.name, "POST", path, host_of(provider.url), set=provider.headers, model=target.model
    )


def _redacted(chain: _Chain, provider: Provider, lane: Lane) -> tuple[str, ...]:
    """Name the redactions of the gateway, the route and the tenant that are for such a provider."""
    if lane is not Lane.SERVICE or chain.endpoint in FORMS:
        return ()
    laid = chain.telling.laid
    who = chain.telling.identity
    tenant = None if who is None else laid.tenants.get(who.tenant)
    of_tenant = () if tenant is None else tenant.redact
    names = dict.fromkeys((*laid.plan.redact, *chain.route.redact, *of_tenant))
    return tuple(
        name
        for name in names
        if provider.trust is Trust.EXTERNAL or laid.redactions[name].rules.scope is Scope.ALL
    )


def _counted_here(chain: _Chain, target: Target, lane: Lane) -> Trace:
    name = f"{target.provider}/{target.model}"
    chain.attempts.append(Attempt(name, lane, "served", 200))
    chain.telling.step("target", f"`{name}` counts no tokens: they are counted here", target.at)
    return chain.telling.end(Decider.GATE, 200, attempts=tuple(chain.attempts), cost=0)


def _refused(chain: _Chain, why: refusing.Refused) -> Trace:
    chain.telling.step("answer", why.text, chain.model.at)
    return chain.telling.end(
        Decider.NOBODY,
        why.status,
        attempts=tuple(chain.attempts),
        code=why.word(chain.endpoint.api),
    )
