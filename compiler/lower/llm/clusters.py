"""One cluster for each target: its address, its TLS, and the filters around each attempt.

A provider's models do not share a cluster, because what makes a request the target's own (its
model's name, its price, the bound on an attempt) is the cluster's. Only so can Envoy fall over from
one target to another with nothing of the first left in the request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from compiler.lower.attached import attached
from compiler.lower.llm.attempt import attempt_filter
from compiler.lower.llm.aws import aws_filters
from compiler.lower.llm.cool_down import (
    address_listener,
    address_name,
    cool_down,
    stand_in_listener,
)
from compiler.lower.llm.credentials import clean_slate, constant_headers, own_key
from compiler.lower.llm.names import NAMESPACE, cluster_name
from compiler.lower.llm.processors import Processors
from compiler.plan import Plan
from compiler.plan_llm import Provider, Target
from compiler.source import Span
from policies import circuit, upstream_tls
from policies.base import Place
from policies.http_options import http_options
from policies.secret import SecretRef
from policies.values import is_ip
from xds.edge.usage_line import INPUT_PRICE, OUTPUT_PRICE, PRICE, PROVIDER, SERVED
from xds.schema import envoy
from xds.wire import pack

cluster_v3 = envoy.config.cluster.v3
endpoint_v3 = envoy.config.endpoint.v3
listener_v3 = envoy.config.listener.v3
hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
codec_v3 = envoy.extensions.filters.http.upstream_codec.v3

BUFFER_BYTES = 1 << 20


def llm_clusters(
    plan: Plan, models: frozenset[str], processors: Processors, *, accounts: bool = False
) -> tuple[tuple[cluster_v3.Cluster, Span], ...]:
    """The clusters of all targets of the models named, sorted by name, with who made them."""
    providers = {provider.name: provider for provider in plan.providers}
    constant = constant_headers(plan.providers)
    again = frozenset(_tried_again(plan))
    made: dict[str, tuple[cluster_v3.Cluster, Span]] = {}
    for target in _targets(plan, models):
        name = cluster_name(target)
        if name not in made:
            provider = providers[target.provider]
            slate = clean_slate(
                provider,
                f"{provider.name}/{target.model}",
                constant,
                accounts=accounts,
                again=name in again,
            )
            filters = (slate, *_attempt_filters(provider, target, processors.filter(name)))
            cluster = _cluster(name, provider, target, filters, accounts=accounts)
            made[name] = (cluster, target.at)
    for provider in _behind_names(plan, models):
        made[address_name(provider)] = (_address_cluster(provider), provider.at)
    return tuple(made[name] for name in sorted(made))


def llm_listeners(
    plan: Plan, models: frozenset[str]
) -> tuple[tuple[listener_v3.Listener, Span], ...]:
    """The listeners inside of Envoy that those clusters lead to, with who made them."""
    cooling = _cooling(plan, models)
    if not cooling:
        return ()
    return (
        (stand_in_listener(), cooling[0].at),
        *((address_listener(one), one.at) for one in _behind_names(plan, models)),
    )


def _cooling(plan: Plan, models: frozenset[str]) -> list[Provider]:
    """The providers of these models that are passed by after failures."""
    used = {target.provider for target in _targets(plan, models)}
    return [one for one in plan.providers if one.name in used and one.cool_down is not None]


def _behind_names(plan: Plan, models: frozenset[str]) -> list[Provider]:
    """Those of them whose hosts are names, which are looked up."""
    return [one for one in _cooling(plan, models) if not is_ip(one.url.host)]


def _tried_again(plan: Plan) -> Iterator[str]:
    """The clusters of targets that may be tried several times running, whose attempts count."""
    for model in plan.models:
        if model.fallback.retries is not None:
            yield from (cluster_name(one) for group in model.groups for one in group.targets)


def _targets(plan: Plan, models: frozenset[str]) -> Iterator[Target]:
    for model in plan.models:
        if model.name in models:
            for group in model.groups:
                yield from group.targets


def _cluster(
    name: str,
    provider: Provider,
    target: Target,
    filters: Iterable[hcm_v3.HttpFilter],
    *,
    accounts: bool,
) -> cluster_v3.Cluster:
    cluster = cluster_v3.Cluster(name=name)
    cluster.connect_timeout.FromTimedelta(provider.connect_timeout)
    cluster.per_connection_buffer_limit_bytes.value = BUFFER_BYTES
    host = _address(cluster, provider)
    if accounts:
        host.metadata.filter_metadata[NAMESPACE].update(_told_of(target))
    _keep_alive(cluster)
    cluster.metadata.filter_metadata[NAMESPACE].update(
        {
            "provider": provider.name,
            "api": provider.speech.value,
            "model": target.model,
        }
    )
    with http_options(cluster) as options:
        if provider.url.scheme == "https":
            options.auto_config.SetInParent()  # HTTP/2 where ALPN offers it
        else:
            options.explicit_http_config.http_protocol_options.SetInParent()
        if target.timeout is not None:
            options.common_http_protocol_options.max_stream_duration.FromTimedelta(target.timeout)
        options.http_filters.extend(filters)
    if provider.url.scheme == "https":
        upstream_tls.patch_cluster(upstream_tls.DEFAULT, cluster)
    circuit.patch_cluster(circuit.DEFAULT, cluster)
    retries: int | None = None
    for kind, applied in attached(Place.PROVIDER, provider.policies):
        if kind.patch_cluster is not None:
            kind.patch_cluster(applied.plan, cluster)
        if kind.name == circuit.KIND.name:
            retries = applied.plan.retries
    if retries is None:
        _let_all_retry(cluster)
    if provider.cool_down is not None:
        cool_down(cluster, provider, provider.cool_down)
    return cluster


def _address_cluster(provider: Provider) -> cluster_v3.Cluster:
    """Where the connections of a provider that may be cooling down go in the end."""
    cluster = cluster_v3.Cluster(name=address_name(provider))
    cluster.connect_timeout.FromTimedelta(provider.connect_timeout)
    cluster.per_connection_buffer_limit_bytes.value = BUFFER_BYTES
    _address(cluster, provider)
    _keep_alive(cluster)
    circuit.patch_cluster(circuit.DEFAULT, cluster)
    _let_all_retry(cluster)
    return cluster


def _keep_alive(cluster: cluster_v3.Cluster) -> None:
    """A model may think for minutes before it says anything, and NATs take that for the end."""
    keepalive = cluster.upstream_connection_options.tcp_keepalive
    keepalive.keepalive_time.value = 60
    keepalive.keepalive_interval.value = 30


def _let_all_retry(cluster: cluster_v3.Cluster) -> None:
    """Bound retries by nothing but requests: while one target is down, all requests are retries.

    Any budget below that would refuse clients in the very case that a chain was written for, and
    a chain tries each group once, so that retries cannot multiply an outage.
    """
    for limits in cluster.circuit_breakers.thresholds:
        limits.ClearField("retry_budget")
        limits.max_retries.value = 1 << 30
        for limit in (limits.max_connections, limits.max_pending_requests, limits.max_requests):
            if limit.value == 0:
                limit.value = 1 << 16


def _told_of(target: Target) -> dict[str, Any]:
    """What the usage log tells of a target: the host's, since only an attempt has one."""
    told: dict[str, Any] = {PROVIDER: target.provider, SERVED: target.model}
    if target.price is not None:
        told[PRICE] = target.price.source
        told[INPUT_PRICE] = target.price.input
        told[OUTPUT_PRICE] = target.price.output
    return told


def _address(cluster: cluster_v3.Cluster, provider: Provider) -> endpoint_v3.LbEndpoint:
    """A name is resolved as large sites want it: one address at a time, for new connections."""
    cluster.load_assignment.cluster_name = cluster.name
    host = cluster.load_assignment.endpoints.add().lb_endpoints.add()
    host.endpoint.address.socket_address.address = provider.url.host
    host.endpoint.address.socket_address.port_value = provider.url.port
    if is_ip(provider.url.host):
        cluster.type = cluster_v3.Cluster.STATIC
    else:
        cluster.type = cluster_v3.Cluster.LOGICAL_DNS
        # AUTO would take an IPv6 address that many networks cannot reach.
        cluster.dns_lookup_family = cluster_v3.Cluster.V4_PREFERRED
    return host


def _attempt_filters(
    provider: Provider, target: Target, processor: hcm_v3.HttpFilter | None
) -> Iterator[hcm_v3.HttpFilter]:
    """First become the target's, then what the edge makes of it, then take its key, then send."""
    yield attempt_filter(provider, target)
    if processor is not None:
        yield processor
    key = own_key(provider)
    if key is not None:
        yield key
    elif provider.aws is not None:
        yield from aws_filters(provider.aws)
    yield hcm_v3.HttpFilter(
        name="envoy.filters.http.upstream_codec", typed_config=pack(codec_v3.UpstreamCodec())
    )


def cluster_secrets(plan: Plan, models: frozenset[str]) -> tuple[SecretRef, ...]:
    """All secrets that those clusters name: keys, roots, and our own certificates."""
    used = {target.provider for target in _targets(plan, models)}
    found: set[SecretRef] = set()
    for provider in plan.providers:
        if provider.name not in used:
            continue
        if provider.key is not None:
            found.add(provider.key)
        if provider.aws is not None and provider.aws.keys is not None:
            keys = provider.aws.keys
            found.update((keys.access_key, keys.secret_key))
            if keys.session_token is not None:
                found.add(keys.session_token)
        if provider.url.scheme == "https":
            found.update(upstream_tls.secrets(upstream_tls.DEFAULT))
        for kind, applied in attached(Place.PROVIDER, provider.policies):
            found.update(kind.secrets(applied.plan))
    return tuple(sorted(found))
