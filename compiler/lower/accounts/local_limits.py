"""Limits that each Envoy counts for itself (`per: edge`): token buckets of local_ratelimit.

All buckets are the listener's own, and requests find theirs by descriptors: buckets that routes
brought along would be as many as there are Envoy routes, of which a route of models has dozens.
A tenant's limits are found by its name, so that there are as many actions as one tenant has limits,
and not as many as all have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from compiler.gates import RETRY_AFTER
from compiler.lower.accounts.names import NAMESPACE
from compiler.plan import Plan, Route
from compiler.plan_accounts import PlacedLimit
from compiler.plan_llm import Model
from xds.edge.limit import SECONDS, Each, Limit
from xds.edge.usage_line import AUTHZ, KEY, TEAM, TENANT, USER
from xds.schema import envoy
from xds.wire import pack

hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
limit_v3 = envoy.extensions.filters.http.local_ratelimit.v3
common_v3 = envoy.extensions.common.ratelimit.v3
route_v3 = envoy.config.route.v3

FILTER = "envoy.filters.http.local_ratelimit"
REMEMBERED = 10_000
"""Of how many clients, users, keys there are buckets at once; who is forgotten begins anew."""

OF = "of"
"""The first entry of every descriptor: which place of the policy, and its how manieth limit."""
LOCAL = "local"
"""What places in metadata begin with, so that they are not taken for those of shared limits."""

NOBODY = "-"
"""Whose bucket it is where a request has no key, or no user: one for all of those."""

_METADATA = route_v3.RateLimit.Action.MetaData
_EACH = {Each.TENANT: TENANT, Each.TEAM: TEAM, Each.KEY: KEY, Each.USER: USER}


@dataclass(frozen=True, slots=True)
class _Bucket:
    """A limit with the descriptor that finds it: its place, and who must be asking for it."""

    place: str
    of: tuple[tuple[str, str], ...]
    limit: Limit


def has_local_limits(plan: Plan) -> bool:
    """Tell whether there is any limit that each Envoy counts for itself."""
    return any(True for _ in _buckets(plan))


def local_limits_filter(plan: Plan) -> hcm_v3.HttpFilter:
    """The filter with all buckets; requests that no descriptor fits pass."""
    config = limit_v3.LocalRateLimit(
        stat_prefix="per_edge",
        enable_x_ratelimit_headers=common_v3.DRAFT_VERSION_03,
        enable_retry_after_header=plan.envoy >= RETRY_AFTER.since,
    )
    config.always_consume_default_token_bucket.value = False
    config.max_dynamic_descriptors.value = REMEMBERED
    for share in (config.filter_enabled, config.filter_enforced):
        share.default_value.numerator = 100
    # It has to be there, and is there for nobody.
    config.token_bucket.max_tokens = 1 << 31
    config.token_bucket.tokens_per_fill.value = 1 << 31
    config.token_bucket.fill_interval.FromTimedelta(timedelta(seconds=1))
    seen: set[tuple[object, ...]] = set()
    # A key that is being rotated is there twice, and counted once.
    for bucket in dict.fromkeys(_buckets(plan)):
        descriptor = config.descriptors.add()
        descriptor.entries.add(key=OF, value=bucket.place)
        for key, value in bucket.of:
            descriptor.entries.add(key=key, value=value)
        _fill(descriptor, bucket.limit)
        who = _who(bucket.limit.each)
        if who is not None:
            descriptor.entries.add(key=who, value="")  # a bucket for each value
        kind = (bucket.place, tuple(key for key, _ in bucket.of), bucket.limit.each)
        if kind not in seen:
            seen.add(kind)
            config.rate_limits.append(_action(bucket))
    return hcm_v3.HttpFilter(name=FILTER, typed_config=pack(config))


def local_metadata(route: Route, model: Model | None) -> dict[str, str]:
    """What a route's metadata say for the actions to find: its name, its model's, providers'."""
    told = {f"{LOCAL}-route": route.name}
    if model is not None:
        told[f"{LOCAL}-model"] = model.name
        told.update({_provider(one.provider): one.provider for one in model.groups[0].targets})
    return told


def _provider(name: str) -> str:
    return f"{LOCAL}-provider-{name}"


def _buckets(plan: Plan) -> Iterator[_Bucket]:
    yield from _of("gateway", (), plan.limits)
    for route in plan.routes:
        yield from _of("route", ((f"{LOCAL}-route", route.name),), route.limits)
    for model in plan.models:
        yield from _of("model", ((f"{LOCAL}-model", model.name),), model.limits)
    for provider in plan.providers:
        yield from _of("provider", ((_provider(provider.name), provider.name),), provider.limits)
    for tenant in plan.tenants:
        whose = ((TENANT, tenant.name),)
        yield from _of("tenant", whose, tenant.limits)
        for key in tenant.keys:
            yield from _of("key", ((KEY, key.id),), key.limits)
        for team in tenant.teams:
            yield from _of("team", (*whose, (TEAM, team.name)), team.limits)
            for key in team.keys:
                yield from _of("key", ((KEY, key.id),), key.limits)


def _of(
    kind: str, of: tuple[tuple[str, str], ...], limits: Iterable[PlacedLimit]
) -> Iterator[_Bucket]:
    numbers: Counter[Each] = Counter()
    for placed in limits:
        if placed.per_edge:
            each = placed.limit.each
            yield _Bucket(f"{kind}/{each}/{numbers[each]}", of, placed.limit)
            numbers[each] += 1


def _who(each: Each) -> str | None:
    return "remote_address" if each is Each.CLIENT else _EACH.get(each)


def _fill(descriptor: common_v3.LocalRateLimitDescriptor, limit: Limit) -> None:
    bucket = descriptor.token_bucket
    bucket.max_tokens = limit.burst or limit.amount
    bucket.tokens_per_fill.value = limit.amount
    bucket.fill_interval.FromTimedelta(timedelta(seconds=SECONDS[limit.period]))


def _action(bucket: _Bucket) -> route_v3.RateLimit:
    made = route_v3.RateLimit()
    place = made.actions.add().generic_key
    place.descriptor_key = OF
    place.descriptor_value = bucket.place
    for key, _ in bucket.of:
        _metadata(made, key)
    each = bucket.limit.each
    if each is Each.CLIENT:
        made.actions.add().remote_address.SetInParent()
    elif each in _EACH:
        _metadata(made, _EACH[each], NOBODY)
    return made


def _metadata(made: route_v3.RateLimit, key: str, otherwise: str = "") -> None:
    named = made.actions.add().metadata
    named.descriptor_key = key
    if key.startswith(LOCAL):
        named.source = _METADATA.ROUTE_ENTRY
        named.metadata_key.key = NAMESPACE
    else:
        named.metadata_key.key = AUTHZ
    named.metadata_key.path.add().key = key
    named.default_value = otherwise
