"""Providers: no credentials in headers, nothing secret over the open wire."""

from __future__ import annotations

import re
from ipaddress import ip_address

from compiler.linking.findings import Findings
from compiler.plan_llm import Endpoint, Trust
from compiler.schema import GatewayDocument
from compiler.schema.providers import ProviderDocument
from compiler.source import Path
from policies.values import is_ip

_OFFICIAL_HOSTS = ("api.anthropic.com", "api.openai.com")
_CREDENTIALS = frozenset(
    (
        "api-key",
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-api-key",
        "x-goog-api-key",
        "x-amz-security-token",
    )
)
_LOOKS_SECRET = re.compile(
    r"(?i)(?:bearer |basic )?(?:sk-|gsk_|xai-|AIza|gw_|hf_)\S{8}|bearer \S|basic \S"
)
_OURS = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


def link_providers(document: GatewayDocument, findings: Findings) -> None:
    """Check all providers."""
    for name, provider in document.providers.items():
        path: Path = ("providers", name)
        _check_headers(provider, path, findings)
        _check_transport(name, provider, path, findings)
        _check_path(provider, path, findings)


def _check_headers(provider: ProviderDocument, path: Path, findings: Findings) -> None:
    first: dict[str, str] = {}
    for name, value in provider.headers.items():
        at: Path = (*path, "headers", name)
        small = name.lower()
        if small in _CREDENTIALS or _LOOKS_SECRET.match(value):
            findings.error(
                "inline-secret",
                f"header `{name}` would hold a secret in the policy",
                at,
                "a credential",
                hint="write `key: env:NAME` or `key: file:PATH` on the provider; if this is a real "
                "secret and was committed, replace it at its issuer",
            )
        elif small in _OURS:
            findings.error(
                "reserved-header",
                f"header `{name}` is set by the gateway itself",
                at,
                hint="remove it",
            )
        if small in first:
            findings.error(
                "duplicate-header",
                f"`{first[small]}` and `{name}` are the same header",
                at,
                "again",
                labels=[((*path, "headers", first[small]), "first here")],
                hint="header names do not differ by case",
            )
        first.setdefault(small, name)


def _check_transport(name: str, provider: ProviderDocument, path: Path, findings: Findings) -> None:
    if provider.url is None or provider.url.scheme != "http":
        return
    if getattr(provider, "tls", None) is not None:
        findings.error(
            "tls-without-https",
            f"provider `{name}` has `tls`, but its URL begins with `http:`",
            (*path, "tls"),
            labels=[((*path, "url"), "in clear text")],
            hint="write the URL with `https:`",
        )
    elif (
        provider.key is not None
        and provider.trust is Trust.EXTERNAL
        and not _loopback(provider.url.host)
    ):
        findings.warning(
            "clear-text-key",
            f"the key of provider `{name}` goes over the wire in clear text",
            (*path, "url"),
            labels=[((*path, "key"), "this key")],
            hint="write the URL with `https:`, or `trust: internal` if the wire is yours",
        )


def _check_path(provider: ProviderDocument, path: Path, findings: Findings) -> None:
    """Catch URLs that end too late, or at the official host too early."""
    url = provider.url
    if url is None:
        return
    operation = next((one for one in Endpoint if url.path.endswith(one)), None)
    if operation is not None:
        findings.error(
            "url-of-operation",
            f"`url` says where the API begins, and this goes on to `{operation}`",
            (*path, "url"),
            hint=f"end it before `{operation}`",
        )
    elif url.host in _OFFICIAL_HOSTS and not url.path:
        findings.warning(
            "url-without-version",
            f"the API of {url.host} begins at `/v1`",
            (*path, "url"),
            hint=f"write `{url.scheme}://{url.host}/v1`, or leave `url` away",
        )


def _loopback(host: str) -> bool:
    return host == "localhost" or (is_ip(host) and ip_address(host).is_loopback)
