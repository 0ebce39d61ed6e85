"""Who a request is from: by key, by a verified token or certificate, or nobody.

Ways are tried in the route's order. Where an edge is asked it knows keys, and a client that shows
one that is not good is refused even if a later way would have let it in; where Envoy alone decides
there are tokens and certificates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from compiler.decide.laid import HeldKey, Laid
from compiler.decide.refusing import LOG_IN, UNKNOWN, UNVERIFIED, Refused
from compiler.decide.request import Request
from compiler.decide.trace import Identity
from compiler.decide.world import World
from compiler.plan import Route
from compiler.plan_accounts import AuthKind, AuthMethod, Issuer
from xds.identity import stands_for

_PREFIX: Final = "gw_"
_LONGEST: Final = 256
_PLAIN: Final = ("x-api-key", "api-key")
_TOKENS: Final = frozenset({AuthKind.JWT, AuthKind.OIDC})
_BEARERS: Final = _TOKENS | {AuthKind.KEYS}
_NOBODY: Final = AuthMethod(AuthKind.NONE)
"""What holds where nothing is said: nobody is asked."""


@dataclass(frozen=True, slots=True)
class Known:
    """Who it is, and the key that was shown, if it was one."""

    identity: Identity
    key: HeldKey | None = None


def identified(
    laid: Laid, route: Route, request: Request, world: World, *, edge: bool
) -> Known | Refused:
    """Find out who a request is from; ``edge`` is whether an edge says so, and not Envoy alone."""
    bad = refused_by_envoy(route, request)
    if bad is not None:
        return bad
    shown = False
    for method in route.auth or (_NOBODY,):
        match method.kind:
            case AuthKind.KEYS:
                text = _shown_key(request)
                if text is not None:
                    key = _held(laid, request, text, world)
                    if key is None:
                        return UNKNOWN
                    return Known(Identity(key.tenant, key.team, "", key.key.id, "keys"), key)
            case AuthKind.JWT | AuthKind.OIDC:
                payload = _payload(route, request, method)
                if payload is not None:
                    shown = True
                    told = _of_token(laid, payload, laid.issuers[method.issuer], method)
                    if told is not None:
                        return Known(told)
            case AuthKind.MTLS:
                tenant = _of_certificate(laid, request.certificate)
                if tenant:
                    return Known(Identity(tenant, "", request.certificate, "", "mtls"))
            case AuthKind.NONE:
                if edge and not shown and _shows_what_is_none(route, request):
                    return UNKNOWN
                return Known(Identity(by="none"))
    return UNKNOWN if edge else UNVERIFIED


def refused_by_envoy(route: Route, request: Request) -> Refused | None:
    """Tell why Envoy's own filters refuse who asks, whoever else would be asked; None mostly."""
    return LOG_IN if _logs_in(route, request) else _token_is_refused(route, request)


def _logs_in(route: Route, request: Request) -> bool:
    """Tell whether a browser is sent away: nothing says who it is, and people may log in."""
    if all(method.kind is not AuthKind.OIDC for method in route.auth) or _verified(route, request):
        return False
    shown = any(request.values(name) for name in ("authorization", *_PLAIN))
    return not shown and not request.key


def _token_is_refused(route: Route, request: Request) -> Refused | None:
    """Tell why Envoy itself refuses a token, or the want of one, before anybody else is asked."""
    kinds = {method.kind for method in route.auth}
    if not kinds & _TOKENS or kinds & {AuthKind.KEYS, AuthKind.MTLS}:
        return None
    if _verified(route, request):
        return None
    if AuthKind.NONE in kinds and _bearer(request) is None and not request.issuer:
        return None
    return UNVERIFIED


def _verified(route: Route, request: Request) -> bool:
    return bool(request.issuer) and any(
        method.kind in _TOKENS and method.issuer == request.issuer for method in route.auth
    )


def _payload(route: Route, request: Request, method: AuthMethod) -> Mapping[str, Any] | None:
    return request.claims if _verified(route, request) and method.issuer == request.issuer else None


def _bearer(request: Request) -> str | None:
    values = request.values("authorization")
    text = values[0] if values else ""
    return text[7:].strip() if text[:7].lower() == "bearer " else None


def _shown_key(request: Request) -> str | None:
    """Find the key that a client shows, or what it shows as one; an id of a key counts as it."""
    if request.key:
        return request.key
    text = _bearer(request)
    if text is not None and text.startswith(_PREFIX):
        return text
    found: str | None = None
    for header in _PLAIN:
        for value in request.values(header)[:1]:
            if value.strip().startswith(_PREFIX):
                return value.strip()
            found = value.strip() if found is None else found
    return found


def _held(laid: Laid, request: Request, text: str, world: World) -> HeldKey | None:
    now = world.now
    name: str | bytes = text
    if not request.key:
        if not text.startswith(_PREFIX) or len(text) > _LONGEST:
            return None
        name = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    for one in laid.keys.get(name, ()):
        key = one.key
        early = key.starts is not None and now < key.starts
        late = key.expires is not None and now >= key.expires
        if not early and not late:
            return one
    return None


def _shows_what_is_none(route: Route, request: Request) -> bool:
    """Tell whether nobody would be let in who has shown a credential that is none."""
    asked = any(method.kind in _BEARERS for method in route.auth)
    return asked and not _verified(route, request) and _bearer(request) is not None


def _of_token(
    laid: Laid, payload: Mapping[str, Any], issuer: Issuer, method: AuthMethod
) -> Identity | None:
    claim = _claim(payload, issuer.tenant_claim)
    tenant = next((one for one in laid.plan.tenants if claim and claim in one.claims), None)
    if tenant is None:
        return None
    team = _claim(payload, issuer.team_claim)
    if team and all(one.name != team for one in tenant.teams):
        return None
    user = _claim(payload, issuer.user_claim)
    return Identity(tenant.name, team, user, "", method.kind.value)


def _claim(payload: Mapping[str, Any], path: str) -> str:
    """Look a claim up by its name, else follow the path with dots; what is no text is no claim."""
    if not path:
        return ""
    at: Any = payload
    for part in (path,) if path in payload else path.split("."):
        if not isinstance(at, Mapping) or part not in at:
            return ""
        at = at[part]
    return at if isinstance(at, str) else ""


def _of_certificate(laid: Laid, name: str) -> str:
    if not name:
        return ""
    return next(
        (
            tenant.name
            for tenant in laid.plan.tenants
            for glob in tenant.certificates
            if stands_for(glob, name)
        ),
        "",
    )
