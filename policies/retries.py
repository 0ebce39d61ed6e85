"""When a failed attempt is made again, and how often.

``attempts`` counts all of them, the first one too. ``on`` says what counts as a failure:

- ``connect_failure``: no connection could be made, or the upstream refused the stream
- ``reset``: the upstream broke off before it answered
- ``gateway_error``: 502, 503, 504
- ``server_error``: any 5xx, or no answer at all
- ``rate_limited``: 429
- ``unavailable``: gRPC status UNAVAILABLE

Only the first two cannot have had an effect upstream already in most cases; retry the others only
where a request may happen twice. A retry goes to another endpoint where there is one.
``per_try_timeout`` bounds one attempt. Between attempts Envoy waits a random time up to ``base``,
doubled each time up to ``max``. A request can be made again while Envoy still has its body: up to
1 MiB, or the route's ``body_limit``.

Retries of a service share a budget, so that they cannot multiply an outage: see ``circuit``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from policies.base import Place, PolicyKind, route_v3
from policies.document import Document, Items, Maybe
from policies.values import Duration, refuse
from xds.schema import envoy
from xds.wire import pack

Cause = Literal[
    "connect_failure", "reset", "server_error", "gateway_error", "rate_limited", "unavailable"
]

_RETRY_ON: dict[str, tuple[str, ...]] = {
    "connect_failure": ("connect-failure", "refused-stream"),
    "reset": ("reset",),
    "server_error": ("5xx",),
    "gateway_error": ("gateway-error",),
    "rate_limited": ("retriable-status-codes",),
    "unavailable": ("unavailable",),
}
_STATUSES: dict[str, tuple[int, ...]] = {"rate_limited": (429,)}

# The random draw may land on the host that just failed; this many draws make that unlikely.
_DRAWS = 5


class Backoff(Document):
    """How long Envoy waits between attempts."""

    base: Duration = timedelta(milliseconds=25)
    """The longest wait before the second attempt; it doubles with each attempt."""
    max: Duration = timedelta(milliseconds=250)
    """The longest wait before any attempt."""

    @model_validator(mode="after")
    def _ordered(self) -> Backoff:
        if self.max < self.base:
            refuse("bad-backoff", "`max` is less than `base`", "the wait grows from base to max")
        return self


class Retries(Document):
    """When a failed attempt is made again, and how often."""

    attempts: Annotated[int, Field(ge=2, le=10, examples=[2])] = 2
    """All attempts, the first one too."""
    on: Annotated[Items[Cause], Field(min_length=1)] = ("connect_failure", "reset")
    """What counts as a failure."""
    per_try_timeout: Maybe[Duration] = None
    """How long one attempt may take."""
    backoff: Backoff = Backoff()
    """How long Envoy waits between attempts."""


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """Attempts (the first included), their causes in a fixed order, and the waits between them."""

    attempts: int
    on: tuple[str, ...]
    per_try_timeout: timedelta | None
    base: timedelta
    max: timedelta


def plan(document: Retries) -> RetryPlan:
    """Put the causes in the order of the language, so that their order in the text is nothing."""
    return RetryPlan(
        attempts=document.attempts,
        on=tuple(cause for cause in _RETRY_ON if cause in document.on),
        per_try_timeout=document.per_try_timeout,
        base=document.backoff.base,
        max=document.backoff.max,
    )


def patch_route(plan: RetryPlan, route: route_v3.Route) -> None:
    """Give the route a retry policy that avoids hosts already tried."""
    policy = route.route.retry_policy
    policy.retry_on = ",".join(word for cause in plan.on for word in _RETRY_ON[cause])
    policy.num_retries.value = plan.attempts - 1
    for cause in plan.on:
        policy.retriable_status_codes.extend(_STATUSES.get(cause, ()))
    if plan.per_try_timeout is not None:
        policy.per_try_timeout.FromTimedelta(plan.per_try_timeout)
    policy.retry_back_off.base_interval.FromTimedelta(plan.base)
    policy.retry_back_off.max_interval.FromTimedelta(plan.max)
    other_host = policy.retry_host_predicate.add(name="envoy.retry_host_predicates.previous_hosts")
    previous_hosts = envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate()
    other_host.typed_config.CopyFrom(pack(previous_hosts))
    policy.host_selection_retry_max_attempts = _DRAWS


KIND = PolicyKind(
    name="retries",
    places=frozenset({Place.ROUTE}),
    docs=__doc__,
    document=Retries,
    plan=plan,
    valid="""\
attempts: 3
on: [connect_failure, gateway_error, rate_limited]
per_try_timeout: 2s
backoff: { base: 50ms, max: 1s }
""",
    invalid="backoff: { base: 1s, max: 50ms }",
    invalid_code="bad-backoff",
    patch_route=patch_route,
)
