"""Issuers, stores and the edge of the plan, with every default filled in."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from compiler.guards import asks_admission
from compiler.linking.issuers import jwks_url
from compiler.linking.linked import Linked
from compiler.plan import Plan, Serve
from compiler.plan_accounts import (
    EMBEDDED,
    NOWHERE,
    Counting,
    Edge,
    Issuer,
    JwksUrl,
    Ledger,
    OidcClient,
    Store,
)
from compiler.schema.issuers import ClientDocument, is_key_set
from policies.secret import SecretKind, SecretRef

_PORTS = {"http": 80, "https": 443}


def plan_issuers(linked: Linked) -> tuple[Issuer, ...]:
    """Plan all issuers, sorted by name."""
    return tuple(
        Issuer(
            name=name,
            issuer=document.issuer,
            audiences=tuple(sorted(set(document.audiences))),
            jwks=document.jwks
            if document.jwks is not None and is_key_set(document.jwks)
            else _url(jwks_url(document)),
            tenant_claim=document.claims.tenant,
            team_claim=document.claims.team or "",
            user_claim=document.claims.user,
            client=None if document.client is None else _client(document.client),
            at=linked.locate(("issuers", name)),
        )
        for name, document in sorted(linked.document.issuers.items())
    )


def plan_counting(linked: Linked) -> Counting:
    """Plan where limits are counted."""
    written = linked.document.counters
    return Counting(
        _store(written.store, "redis"),
        max(1, written.timeout // timedelta(milliseconds=1)),
        written.when_away,
    )


def plan_ledger(linked: Linked, plan: Plan) -> Ledger:
    """Plan where requests are written down.

    Unless it is written, that is where the edge stands, if it admits requests for models or of
    tenants. For a ledger alone no gateway gets an edge, and one that only translates keeps none.
    """
    written = linked.document.ledger
    if written is not None:
        return Ledger(_store(written.store, "postgres"), written.retention or 0)
    serves = any(isinstance(route.action, Serve) for route in plan.routes)
    return Ledger(EMBEDDED if (plan.tenants or serves) and asks_admission(plan) else NOWHERE)


def plan_edge(linked: Linked) -> Edge:
    """Plan the services beside each Envoy."""
    written = linked.document.edge
    return Edge(
        written.folder,
        written.workers,
        "" if written.ratelimit is None else str(written.ratelimit),
    )


def _store(written: str, server: str) -> Store:
    if written == "embedded":
        return EMBEDDED
    if written == "none":
        return NOWHERE
    if written.startswith(("env:", "file:")):
        return Store(server, secret=SecretRef(SecretKind.GENERIC, (written,)))
    return Store(server, url=written)


def _client(written: ClientDocument) -> OidcClient:
    return OidcClient(
        client_id=written.id,
        client_secret=SecretRef(SecretKind.GENERIC, (written.secret,)),
        cookie_secret=SecretRef(SecretKind.GENERIC, (written.cookie_secret,)),
        authorization_endpoint=written.authorize,
        token_endpoint=_url(written.token),
        redirect_path=written.redirect_path,
        signout_path=written.signout_path,
        scopes=written.scopes,
    )


def _url(text: str) -> JwksUrl:
    parts = urlsplit(text)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return JwksUrl(parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme], path)
