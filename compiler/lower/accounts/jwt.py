"""Verifies tokens: the jwt_authn filter, a provider for each issuer, and where their keys are.

A route says by name what it requires. Keys of an issuer that publishes them are fetched ahead and
kept fresh; a listener does not wait for them, so that an issuer that is down stops nobody but its
own users.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from datetime import timedelta

from compiler.lower.accounts.names import issuer_cluster
from compiler.lower.llm.attempt import authority
from compiler.plan import Route
from compiler.plan_accounts import AuthKind, AuthMethod, Issuer, JwksUrl
from compiler.plan_llm import Url
from policies import circuit, upstream_tls
from policies.http_options import http_options
from xds.schema import envoy
from xds.wire import pack

cluster_v3 = envoy.config.cluster.v3
hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
jwt_v3 = envoy.extensions.filters.http.jwt_authn.v3
route_v3 = envoy.config.route.v3

FILTER = "envoy.filters.http.jwt_authn"

FRESH = timedelta(minutes=1)
"""How old a published key set may be: a key that an issuer takes back is good for so long."""
FETCH = timedelta(seconds=5)
TOKENS = frozenset({AuthKind.JWT, AuthKind.OIDC})


def issuers_of(routes: Iterable[Route]) -> frozenset[str]:
    """Name the issuers whose tokens these routes take."""
    return frozenset(
        method.issuer for route in routes for method in route.auth if method.kind in TOKENS
    )


def jwt_filter(issuers: Iterable[Issuer], routes: Iterable[Route]) -> hcm_v3.HttpFilter:
    """The filter with the issuers and the requirements of these routes, switched off."""
    config = jwt_v3.JwtAuthentication()
    for issuer in issuers:
        config.providers[issuer.name].CopyFrom(_provider(issuer))
    for route in routes:
        if issuers_of((route,)):
            config.requirement_map[requirement_name(route.auth)].CopyFrom(_requirement(route.auth))
    return hcm_v3.HttpFilter(name=FILTER, typed_config=pack(config), disabled=True)


def require(route: Route, made: route_v3.Route) -> None:
    """Switch the filter on for a route."""
    config = jwt_v3.PerRouteConfig(requirement_name=requirement_name(route.auth))
    made.typed_per_filter_config[FILTER].CopyFrom(pack(config))


def requirement_name(auth: Iterable[AuthMethod]) -> str:
    """Name what a route with these methods requires."""
    return ",".join(str(method) for method in auth)


def _requirement(auth: tuple[AuthMethod, ...]) -> jwt_v3.JwtRequirement:
    names = dict.fromkeys(method.issuer for method in auth if method.kind in TOKENS)
    kinds = {method.kind for method in auth}
    made = jwt_v3.JwtRequirement()
    others = kinds - TOKENS
    if len(names) == 1 and not others:
        made.provider_name = next(iter(names))
        return made
    any_of = made.requires_any.requirements
    for name in names:
        any_of.add(provider_name=name)
    if AuthKind.KEYS in kinds or AuthKind.MTLS in kinds:
        # What is no token may be a key, or a certificate may do.
        any_of.add().allow_missing_or_failed.SetInParent()
    elif others:
        any_of.add().allow_missing.SetInParent()
    return made


def _provider(issuer: Issuer) -> jwt_v3.JwtProvider:
    provider = jwt_v3.JwtProvider(
        issuer=issuer.issuer,
        audiences=issuer.audiences,
        payload_in_metadata=issuer.name,
        # Services may want to look at it themselves; providers of models never get it.
        forward=True,
        require_expiration=True,
    )
    # And nowhere else: a token in a query string would be in everybody's logs.
    provider.from_headers.add(name="authorization", value_prefix="Bearer ")
    if isinstance(issuer.jwks, str):
        provider.local_jwks.inline_string = issuer.jwks
        return provider
    remote = provider.remote_jwks
    remote.http_uri.uri = address(issuer.jwks)
    remote.http_uri.cluster = issuer_cluster(issuer.name, "jwks")
    remote.http_uri.timeout.FromTimedelta(FETCH)
    remote.cache_duration.FromTimedelta(FRESH)
    remote.async_fetch.fast_listener = True
    remote.retry_policy.num_retries.value = 2
    return provider


def address(url: JwksUrl) -> str:
    """Write the address of a place at an issuer."""
    host = authority(Url(url.scheme, url.host, url.port, ""))
    return f"{url.scheme}://{host}{url.path}"


def issuer_clusters(issuer: Issuer) -> Iterator[cluster_v3.Cluster]:
    """Yield the clusters at which an issuer is asked."""
    for what, url in asked_at(issuer).items():
        yield _cluster(issuer_cluster(issuer.name, what), url)


def asked_at(issuer: Issuer) -> dict[str, JwksUrl]:
    """Say where an issuer is asked for what."""
    asked = {}
    if isinstance(issuer.jwks, JwksUrl):
        asked["jwks"] = issuer.jwks
    if issuer.client is not None:
        asked["token"] = issuer.client.token_endpoint
    return asked


def _cluster(name: str, url: JwksUrl) -> cluster_v3.Cluster:
    cluster = cluster_v3.Cluster(name=name)
    cluster.connect_timeout.FromTimedelta(FETCH)
    cluster.load_assignment.cluster_name = name
    host = cluster.load_assignment.endpoints.add().lb_endpoints.add()
    host.endpoint.address.socket_address.address = url.host
    host.endpoint.address.socket_address.port_value = url.port
    try:
        ipaddress.ip_address(url.host)
    except ValueError:
        cluster.type = cluster_v3.Cluster.LOGICAL_DNS
        cluster.dns_lookup_family = cluster_v3.Cluster.V4_PREFERRED
    else:
        cluster.type = cluster_v3.Cluster.STATIC
    with http_options(cluster) as options:
        if url.scheme == "https":
            options.auto_config.SetInParent()
        else:
            options.explicit_http_config.http_protocol_options.SetInParent()
    if url.scheme == "https":
        upstream_tls.patch_cluster(upstream_tls.DEFAULT, cluster)
    circuit.patch_cluster(circuit.DEFAULT, cluster)
    return cluster
