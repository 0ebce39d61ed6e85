"""URLs as policies write them: where a provider's API begins, where a redirect leads."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, InstanceOf, WithJsonSchema

from compiler.plan_llm import Url
from policies.values import is_host, refuse, shown

_SCHEME_PORTS = {"http": 80, "https": 443}
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")


def split_url(value: str, hint: str) -> tuple[SplitResult, int | None]:
    """Split an absolute http(s) URL; the port is None where none is written.

    Raises:
        PydanticCustomError: ``inline-secret`` where it holds a user and password, which are not
            echoed; else ``bad-url``.
    """
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return refuse("bad-url", f"{shown(value)} is no URL", hint)
    if "@" in parts.netloc:
        refuse(
            "inline-secret",
            "a URL in a policy holds no user and no password",
            "write the URL without them, and name where the key lies: `key: env:NAME`",
        )
    if parts.scheme not in _SCHEME_PORTS or not parts.hostname:
        refuse("bad-url", f"{shown(value)} is no http or https URL", hint)
    if not is_host(parts.hostname) or port == 0 or parts.netloc.endswith(":"):
        refuse("bad-url", f"{shown(value)} has no right host and port", hint)
    if not _PATH.fullmatch(parts.path):
        refuse("bad-url", f"{shown(value)} has a path with odd characters", hint)
    return parts, port


def parse_provider_url(value: Any) -> Url | Any:
    """Read the URL that a provider's API begins at; a trailing slash means nothing.

    Raises:
        PydanticCustomError: ``bad-url`` or ``inline-secret``.
    """
    if not isinstance(value, str):
        return refuse("bad-url", f"{shown(value)} is no URL", "write `https://host/v1`")
    hint = "write `https://host/v1` or `http://host:port/v1`"
    parts, port = split_url(value, hint)
    if parts.query or parts.fragment:
        refuse("bad-url", f"{shown(value)} has a query or a fragment", hint)
    host = parts.hostname or ""
    return Url(parts.scheme, host, port or _SCHEME_PORTS[parts.scheme], parts.path.rstrip("/"))


ProviderUrl = Annotated[
    InstanceOf[Url],
    BeforeValidator(parse_provider_url),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^https?://[^/?#@]+(/[^?#]*)?$",
            "description": "An http or https URL without query.",
            "examples": ["https://api.openai.com/v1", "http://llm.internal:8000/v1"],
        }
    ),
]
