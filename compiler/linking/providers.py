"""Providers: no credentials in headers, nothing secret over the open wire."""

from __future__ import annotations

import re
from ipaddress import ip_address

from compiler.linking.clouds import check_cloud, holds_credentials
from compiler.linking.findings import Findings
from compiler.plan_llm import Endpoint, Trust
from compiler.schema import GatewayDocument
from compiler.schema.providers import ProviderApi, ProviderDocument
from compiler.source import Path
from compiler.speech import OFFICIAL_HOSTS
from policies.values import is_ip

_CREDENTIALS = frozenset(
    (
        "api-key",
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-api-key",
        "x-goog-api-key",
        "x-amz-security-token",
        "ocp-apim-subscription-key",
    )
)
_OPERATIONS = {
    ProviderApi.COHERE: ("/chat", "/embed"),
    ProviderApi.BEDROCK: ("/converse", "/converse-stream", "/model"),
    ProviderApi.GEMINI: ("/models", ":generateContent", ":streamGenerateContent"),
}
"""Ends of URLs that go on to an operation, where it is none of OpenAI's or Anthropic's."""

_LOOKS_SECRET = re.compile(
    r"(?i)(?:bearer |basic )?(?:sk-|gsk_|xai-|AIza|AKIA|ASIA|ya29\.|ABSK|gw_|hf_)\S{8}"
    r"|bearer \S|basic \S"
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
        check_cloud(name, provider, path, findings)
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
        return
    credentials = holds_credentials(provider)
    if (
        credentials is not None
        and provider.trust is Trust.EXTERNAL
        and not _loopback(provider.url.host)
    ):
        key = credentials == ("key",)
        signed = credentials[0] == "aws"  # the secret is not sent, but whoever listens may ask
        findings.warning(
            "clear-text-key",
            f"requests that are signed for provider `{name}` go over the wire in clear text"
            if signed
            else f"the {'key' if key else 'access token'} of provider `{name}` goes over the wire "
            "in clear text",
            (*path, "url"),
            labels=[((*path, *credentials), "this key" if key else "these credentials")],
            hint="write the URL with `https:`, or `trust: internal` if the wire is yours",
        )


def _check_path(provider: ProviderDocument, path: Path, findings: Findings) -> None:
    """Catch URLs that end too late, or at the official host too early."""
    url = provider.url
    if url is None:
        return
    operation = _operation(provider, url.path)
    if operation:
        findings.error(
            "url-of-operation",
            f"`url` says where the API begins, and this goes on to `{operation}`",
            (*path, "url"),
            hint=f"end it before `{operation}`",
        )
    elif url.host in OFFICIAL_HOSTS and not url.path:
        begins = OFFICIAL_HOSTS[url.host]
        findings.warning(
            "url-without-version",
            f"the API of {url.host} begins at `{begins}`",
            (*path, "url"),
            hint=f"write `{url.scheme}://{url.host}{begins}`, or leave `url` away",
        )


def _operation(provider: ProviderDocument, path: str) -> str:
    """Find the part of a URL's path that is not where an API begins; empty where there is none."""
    if provider.api is ProviderApi.AZURE:
        _, found, rest = path.partition("/openai")
        return found + rest
    ends = (*Endpoint, *_OPERATIONS.get(provider.api, ()))
    return next((end for end in ends if path.endswith(end)), "")


def _loopback(host: str) -> bool:
    return host == "localhost" or (is_ip(host) and ip_address(host).is_loopback)
