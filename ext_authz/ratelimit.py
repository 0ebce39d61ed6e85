"""Envoy's rate-limit protocol, bytes to bytes: which limits are asked for, and how they stand.

`envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit`. The domain is the gateway's name, a
descriptor is ``(limit, ID)`` and whose counter it is: ``(tenant, acme)``, ``(client, 192.0.2.1)``.
They are the counters that admission counts in, too. A descriptor that names no limit is OK.

The headers are Envoy's business: its filter makes `x-ratelimit-*` and `retry-after` of the answer,
in which the time of a descriptor that is over its limit is when to try again. Which limit of whom
has refused it learns as metadata, from which it writes the refusal in the client's own schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ext_authz.admission import refusal
from ext_authz.counters.counters import Charge, Counters, CountersAwayError, Verdict
from ext_authz.counters.names import counter_name
from xds.edge.limit import Away, Limit, Period, Unit
from xds.edge.rules import Rules
from xds.edge.usage_line import MESSAGE
from xds.schema import envoy

_pb = envoy.service.ratelimit.v3
_Answer = _pb.RateLimitResponse

METHOD: Final = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
_MOST: Final = 2**32 - 1
"""Of a uint32 in an answer; what is more than that is told as that."""
_UNITS: Final = {
    Period.SECOND: _Answer.RateLimit.SECOND,
    Period.MINUTE: _Answer.RateLimit.MINUTE,
    Period.HOUR: _Answer.RateLimit.HOUR,
    Period.DAY: _Answer.RateLimit.DAY,
    Period.MONTH: _Answer.RateLimit.MONTH,
}


@dataclass(frozen=True, slots=True)
class LimitsById:
    """The limits of a gateway, to be found by what a descriptor says."""

    gateway: str
    by_id: Mapping[str, Limit]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for: charges, and the place of the descriptor that each is for."""

    descriptors: int
    places: tuple[int, ...]
    charges: tuple[Charge, ...]


def limits_by_id(rules: Rules) -> LimitsById:
    """Find all limits of the rules; those of keys are not among them, only admission knows keys."""
    return LimitsById(rules.gateway, {limit.id: limit for limit in _limits(rules)})


def _limits(rules: Rules) -> Iterator[Limit]:
    yield from rules.limits
    for route in rules.routes.values():
        yield from route.limits
    for model in rules.models.values():
        yield from model.limits
    for limits in rules.providers.values():
        yield from limits
    for tenant in rules.tenants.values():
        yield from tenant.limits
        for team in tenant.teams.values():
            yield from team.limits


def asked(body: bytes, limits: LimitsById) -> Asked:
    """Read a RateLimitRequest; raises google.protobuf.message.DecodeError."""
    request = _pb.RateLimitRequest.FromString(body)
    places: list[int] = []
    charges: list[Charge] = []
    if request.domain == limits.gateway:
        for place, descriptor in enumerate(request.descriptors):
            charge = _charge(descriptor, request.hits_addend or 1, limits)
            if charge is not None:
                places.append(place)
                charges.append(charge)
    return Asked(len(request.descriptors), tuple(places), tuple(charges))


def _charge(descriptor: Any, hits: int, limits: LimitsById) -> Charge | None:
    said = {entry.key: entry.value for entry in descriptor.entries}
    limit = limits.by_id.get(said.get("limit", ""))
    # What is under way would have to be given back, which this protocol does not tell.
    if limit is None or limit.unit is Unit.CONCURRENT or descriptor.is_negative_hits:
        return None
    if descriptor.HasField("hits_addend"):
        hits = descriptor.hits_addend.value
    client = said.get("client") or said.get("remote_address", "")
    tenant, team, key, user = (said.get(who, "") for who in ("tenant", "team", "key", "user"))
    name = counter_name(limit, tenant, team, key, user, client)
    return Charge(limit, name, hits)


def answer(asked: Asked, verdict: Verdict | None) -> bytes:
    """Write the RateLimitResponse; a verdict of None lets the request pass uncounted."""
    response = _Answer(overall_code=_Answer.OK)
    statuses = [response.statuses.add(code=_Answer.OK) for _ in range(asked.descriptors)]
    if verdict is None:
        return response.SerializeToString()
    if not verdict.admitted:
        response.overall_code = _Answer.OVER_LIMIT
        over = asked.charges[verdict.refused].limit
        why = refusal.over(over.owner, over.text, budget=over.budget, retry_ms=verdict.retry_ms)
        response.dynamic_metadata.update({MESSAGE: why.message})
    for place, charge in enumerate(asked.charges):
        status, standing = statuses[asked.places[place]], verdict.standings[place]
        limit = charge.limit
        status.current_limit.name = limit.id
        status.current_limit.requests_per_unit = min(limit.amount, _MOST)
        status.current_limit.unit = _UNITS[limit.period]
        status.limit_remaining = min(standing.remaining, _MOST)
        ms = standing.reset_ms
        if not verdict.admitted and (
            place == verdict.refused or standing.remaining < charge.amount
        ):
            status.code = _Answer.OVER_LIMIT
            if place == verdict.refused:
                ms = verdict.retry_ms or ms
        # Whole seconds, and not one too few: Envoy cuts the rest off.
        status.duration_until_reset.seconds = -(-ms // 1000)
    return response.SerializeToString()


async def should_rate_limit(body: bytes, limits: LimitsById, counters: Counters) -> bytes:
    """Answer a RateLimitRequest; raises DecodeError, and CountersAwayError if a limit is closed."""
    request = asked(body, limits)
    if not request.charges:
        return answer(request, None)
    try:
        verdict = await counters.reserve("", request.charges, 0)
    except CountersAwayError:
        if _closed(charge.limit for charge in request.charges):
            raise
        return answer(request, None)
    return answer(request, verdict)


def _closed(limits: Iterable[Limit]) -> bool:
    return any(limit.away is Away.CLOSED for limit in limits)
