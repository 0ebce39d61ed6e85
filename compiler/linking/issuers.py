"""Issuers: their keys are somewhere, and nobody can change them on the way."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from compiler.linking.findings import Findings
from compiler.linking.linked import LinkedRoute
from compiler.schema import GatewayDocument
from compiler.schema.issuers import IssuerDocument
from compiler.source import Path
from policies.values import is_host, is_ip

WELL_KNOWN = "/.well-known/jwks.json"


def link_issuers(document: GatewayDocument, findings: Findings) -> None:
    """Check all issuers."""
    for name, issuer in document.issuers.items():
        path: Path = ("issuers", name)
        if issuer.jwks is None and not _is_url(issuer.issuer):
            findings.error(
                "unknown-jwks",
                f"issuer `{name}` is no URL, so that nobody can know where its keys are",
                (*path, "issuer"),
                hint="add `jwks: https://...` or `jwks: file:NAME.jwks.json`",
            )
        _check_wire(name, issuer, path, findings)


def jwks_url(issuer: IssuerDocument) -> str:
    """Give where an issuer's keys are; only of those that have no key set of a file."""
    return issuer.jwks or issuer.issuer.rstrip("/") + WELL_KNOWN


def check_unused_issuers(
    document: GatewayDocument, routes: Iterable[LinkedRoute], findings: Findings
) -> None:
    """Warn of issuers whose tokens no route takes."""
    used = {method.issuer for route in routes for method in route.auth}
    for name in document.issuers:
        if name not in used:
            findings.warning(
                "unused-issuer",
                f"issuer `{name}` is never used: no route takes its tokens",
                ("issuers", name),
                "never used",
                hint="use it, or remove it",
            )


def _check_wire(name: str, issuer: IssuerDocument, path: Path, findings: Findings) -> None:
    """Warn of keys that come over the open wire: who changes them there is whoever they like."""
    url = jwks_url(issuer)
    if not url.startswith("http://"):
        return
    host = urlsplit(url).hostname or ""
    if host == "localhost" or (is_ip(host) and ip_address(host).is_loopback):
        return
    findings.warning(
        "clear-text-jwks",
        f"the keys of issuer `{name}` come over the wire in clear text",
        (*path, "jwks" if issuer.jwks else "issuer"),
        hint="write the URL with `https:`",
    )


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    plain = "@" not in parts.netloc and not parts.query and not parts.fragment
    return plain and parts.scheme in ("http", "https") and is_host(parts.hostname or "")
