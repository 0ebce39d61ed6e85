"""How routes ask who a client is: issuers that exist, listeners that can ask for certificates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from compiler.linking.findings import Findings
from compiler.plan_accounts import AuthKind, AuthMethod
from compiler.schema import GatewayDocument
from compiler.schema.auth import AuthWritten
from compiler.schema.routes import RouteDocument
from compiler.source import Path


def link_auth(
    route: RouteDocument,
    listeners: Iterable[str],
    path: Path,
    document: GatewayDocument,
    findings: Findings,
) -> tuple[AuthMethod, ...]:
    """Give the ways of a route in order, each issuer by itself; none where nobody is asked."""
    methods: dict[AuthMethod, None] = {}
    written = route.auth or ()
    for place, one in enumerate(written):
        at: Path = (*path, "auth", place)
        if one.kind in (AuthKind.JWT, AuthKind.OIDC):
            methods.update(dict.fromkeys(_of_issuers(one, at, document, findings)))
            continue
        methods[AuthMethod(one.kind)] = None
        if one.kind is AuthKind.MTLS:
            _check_certificates(listeners, at, document, findings)
        elif one.kind is AuthKind.NONE and place < len(written) - 1:
            findings.error(
                "bad-auth",
                "`none` lets everybody in, and what follows is never tried",
                at,
                labels=[((*path, "auth", place + 1), "never tried")],
                hint="write `none` last, or remove it",
            )
    if not asks(written):
        _check_nobody(route, path, findings)
    return tuple(methods)


def asks(written: Sequence[AuthWritten]) -> bool:
    """Tell whether anybody is ever asked who they are."""
    return any(one.kind is not AuthKind.NONE for one in written)


def check_keys_exist(document: GatewayDocument, findings: Findings) -> None:
    """Warn where keys are asked for, and there are none: said once, at the first such route."""
    if any(
        tenant.keys or any(team.keys for team in tenant.teams.values())
        for tenant in document.tenants.values()
    ):
        return
    for place, route in enumerate(document.routes):
        for index, one in enumerate(route.auth or ()):
            if one.kind is AuthKind.KEYS:
                findings.warning(
                    "keys-without-tenants",
                    "this route asks for keys, and no tenant has any",
                    ("routes", place, "auth", index),
                    "nobody gets in with a key",
                    hint="`gatewright keys create TENANT/NAME` makes one",
                )
                return


def _of_issuers(
    written: AuthWritten, path: Path, document: GatewayDocument, findings: Findings
) -> list[AuthMethod]:
    """Give a way for the issuer that it names, or for every one that can be asked."""
    name = written.issuer
    oidc = written.kind is AuthKind.OIDC
    if name is not None:
        if name not in document.issuers:
            findings.unknown(
                "issuer",
                "issuers",
                name,
                document.issuers,
                f"this route believes issuer `{name}`",
                path,
            )
            return []
        if oidc and document.issuers[name].client is None:
            findings.error(
                "no-client",
                f"nobody can log in at issuer `{name}`: the gateway is no client of its",
                path,
                labels=[(("issuers", name), "has no `client`")],
                hint="add `client` to the issuer, or write `jwt` for clients that have a token",
            )
        return [AuthMethod(written.kind, name)]
    if not document.issuers:
        findings.error(
            "unknown-issuer",
            f"this route has `auth: {written.kind}`, and there are no issuers",
            path,
            "whose tokens?",
            hint="add `issuers: { corp: { issuer: https://login.corp.example } }`",
        )
        return []
    names = [
        name
        for name, issuer in sorted(document.issuers.items())
        if not oidc or issuer.client is not None
    ]
    if not names:
        findings.error(
            "no-client",
            "nobody can log in: no issuer has a `client`",
            path,
            hint="add `client` to an issuer, or write `jwt` for clients that have a token",
        )
    return [AuthMethod(written.kind, name) for name in names]


def _check_certificates(
    listeners: Iterable[str], path: Path, document: GatewayDocument, findings: Findings
) -> None:
    """Refuse `mtls` where a listener of the route asks for no certificate."""
    for name in listeners:
        tls = getattr(document.listeners[name], "tls", None)
        if tls is None or tls.client_ca is None:
            lacks = "no `tls`" if tls is None else "no `client_ca`"
            findings.error(
                "auth-missing-listener-ca",
                f"this route asks for certificates, and listener `{name}` does not",
                path,
                labels=[
                    (("listeners", name) if tls is None else ("listeners", name, "tls"), lacks)
                ],
                hint="add `client_ca` to the listener's `tls`, or keep the route off it by "
                "`listeners`",
            )


def _check_nobody(route: RouteDocument, path: Path, findings: Findings) -> None:
    """Refuse what is for some, where nobody is asked who they are."""
    for key, given in (
        ("allow", route.allow is not None),
        ("access", route.access == "on_request"),
    ):
        if given:
            findings.error(
                f"{key}-without-auth",
                f"`{key}` says whom this route is for, and nobody is asked who they are",
                (*path, key),
                labels=[((*path, "auth"), "asks nobody")] if route.auth else [],
                hint="write `auth: keys`, or another way to ask",
            )
