"""Logs people in with their browsers: an oauth2 filter for each issuer with a client.

Who comes without a session is sent to the issuer, and comes back with a token, which is kept in
cookies and put into the request; from there on it is verified as any other (`jwt`). A request that
has a credential already is let through to those who can tell what it is worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from compiler.lower.accounts.jwt import address, asked_at
from compiler.lower.accounts.names import issuer_cluster
from compiler.plan import Route
from compiler.plan_accounts import AuthKind, Issuer, OidcClient
from policies import upstream_tls
from policies.ads import sds_secret
from policies.secret import SecretRef
from xds.schema import envoy
from xds.wire import pack

hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
oauth2_v3 = envoy.extensions.filters.http.oauth2.v3
route_v3 = envoy.config.route.v3

FILTER = "envoy.filters.http.oauth2"

TIMEOUT = timedelta(seconds=5)
CREDENTIALS = ("api-key", "authorization", "x-api-key")
"""Headers in which a client says who it is without a login."""
_COOKIES = (
    ("bearer_token", "token"),
    ("oauth_hmac", "hmac"),
    ("oauth_expires", "expires"),
    ("id_token", "id"),
    ("refresh_token", "refresh"),
    ("oauth_nonce", "nonce"),
    ("code_verifier", "verifier"),
)


def logins_of(route: Route) -> tuple[str, ...]:
    """Name the issuers at which people may log in for a route."""
    return tuple(method.issuer for method in route.auth if method.kind is AuthKind.OIDC)


def oidc_filter(issuer: Issuer, client: OidcClient) -> hcm_v3.HttpFilter:
    """The filter of one issuer, switched off."""
    made = oauth2_v3.OAuth2()
    config = made.config
    config.token_endpoint.uri = address(client.token_endpoint)
    config.token_endpoint.cluster = issuer_cluster(issuer.name, "token")
    config.token_endpoint.timeout.FromTimedelta(TIMEOUT)
    config.authorization_endpoint = client.authorization_endpoint
    config.redirect_uri = f"%REQ(x-forwarded-proto)%://%REQ(:authority)%{client.redirect_path}"
    config.redirect_path_matcher.path.exact = client.redirect_path
    config.signout_path.path.exact = client.signout_path
    config.auth_scopes.extend(client.scopes)
    config.forward_bearer_token = True
    for header in CREDENTIALS:
        config.pass_through_matcher.add(name=header).present_match = True
    credentials = config.credentials
    credentials.client_id = client.client_id
    credentials.token_secret.CopyFrom(sds_secret(client.client_secret))
    credentials.hmac_secret.CopyFrom(sds_secret(client.cookie_secret))
    for field, name in _COOKIES:
        # Two issuers on one host have sessions apart.
        setattr(credentials.cookie_names, field, f"gatewright-{issuer.name}-{name}")
    return hcm_v3.HttpFilter(name=_name(issuer.name), typed_config=pack(made), disabled=True)


def log_in(route: Route, made: route_v3.Route) -> None:
    """Switch the filters of a route's issuers on."""
    on = route_v3.FilterConfig()
    on.config.SetInParent()
    for issuer in logins_of(route):
        made.typed_per_filter_config[_name(issuer)].CopyFrom(pack(on))


def login_routes(route: Route, issuers: Iterable[Issuer]) -> Iterator[route_v3.Route]:
    """Yield Envoy routes for the paths on which logins end and begin, outside of the route's own.

    The filter answers there; where it does not, nothing is.
    """
    wanted = logins_of(route)
    for issuer in issuers:
        if issuer.client is None or issuer.name not in wanted:
            continue
        for what, path in (
            ("callback", issuer.client.redirect_path),
            ("signout", issuer.client.signout_path),
        ):
            made = route_v3.Route(name=f"{route.name}/{issuer.name}/{what}")
            made.match.path = path
            made.direct_response.status = 404
            on = route_v3.FilterConfig()
            on.config.SetInParent()
            made.typed_per_filter_config[_name(issuer.name)].CopyFrom(pack(on))
            yield made


def issuer_secrets(issuers: Iterable[Issuer]) -> Iterator[SecretRef]:
    """Yield the secrets of clients, those that cookies are signed with, and roots to believe."""
    for issuer in issuers:
        if issuer.client is not None:
            yield issuer.client.client_secret
            yield issuer.client.cookie_secret
        if any(url.scheme == "https" for url in asked_at(issuer).values()):
            yield from upstream_tls.secrets(upstream_tls.DEFAULT)


def _name(issuer: str) -> str:
    return f"{FILTER}/{issuer}"
