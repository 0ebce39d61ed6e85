"""What Envoy makes of a request's head before it looks at its path, and what it refuses there.

A target may be a whole URL, which then says the host; CONNECT's is a host, and leads nowhere.
Source: `isMethodValid` and `isUrlValid` in source/common/http/http1/balsa_parser.cc, `handlePath`
in codec_impl.cc beside it, and http-parser's `http_parser_parse_url`; RFC 10008 for QUERY.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final

from compiler.decide.hosts import undotted
from compiler.decide.request import Request

METHODS: Final = frozenset(
    (
        "ACL", "BIND", "CHECKOUT", "CONNECT", "COPY", "DELETE", "GET", "HEAD", "LINK", "LOCK",
        "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MOVE", "MSEARCH", "NOTIFY", "OPTIONS",
        "PATCH", "POST", "PROPFIND", "PROPPATCH", "PURGE", "PUT", "QUERY", "REBIND", "REPORT",
        "SEARCH", "SOURCE", "SUBSCRIBE", "TRACE", "UNBIND", "UNLINK", "UNLOCK", "UNSUBSCRIBE",
    )
)  # fmt: skip
"""Those that Envoy reads of HTTP/1; case counts."""

_NAME: Final = re.compile(r"[!#$%&'*+.^`|~0-9A-Za-z-]+")
"""A token (RFC 9110, 5.6.2) without an underscore, which Envoy is told to refuse."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HOST: Final = re.compile(r"[!$%&'()*+,\-.0-9:;=@A-Z\[\]_a-z~]*")
_TARGET: Final = re.compile(r"[!-~]+")
_NAMED: Final = r"(?:[A-Za-z0-9.-]+|\[(?P<address>[0-9A-Fa-f:.]+)\])"
_URL: Final = re.compile(
    rf"(?P<scheme>https?)://(?:[!$%&'()*+,\-.0-9:;=A-Z_a-z~]*@)?"
    rf"(?P<host>{_NAMED}(?::(?P<port>[0-9]+))?)(?P<target>[/?].*)?",
    re.IGNORECASE,
)
_TUNNEL: Final = re.compile(rf"{_NAMED}:(?P<port>[0-9]+)\??")
_LAST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Unread:
    """Why a request goes no further; ``about`` is a step's word."""

    about: str
    text: str
    status: int = 400


@dataclass(frozen=True, slots=True)
class Head:
    """A request whose host and target are in their own places, and the scheme that it came by."""

    request: Request
    scheme: str


def read_head(request: Request, *, tls: bool) -> Head | Unread:
    """Read the head of a request on a listener with TLS, or without."""
    if request.method not in METHODS:
        return Unread("method", f"`{request.method}` is no method that Envoy reads: refused")
    for name, value in (("host", request.host), *request.headers):
        if not _NAME.fullmatch(name):
            why = "has an underscore" if "_" in name else "is no name of a header"
            return Unread("headers", f"header `{name}` {why}: refused")
        if _CONTROL.search(value):
            return Unread("headers", f"header `{name}` has a control character: refused")
    if not _TARGET.fullmatch(request.target):
        return Unread("path", f"`{request.target}` is no path: refused")
    read = _placed(request, "https" if tls else "http", tls=tls)
    if isinstance(read, Head) and not _HOST.fullmatch(read.request.host):
        return Unread("host", f"`{read.request.host}` is no host: refused")
    if isinstance(read, Head) and request.method == "QUERY" and not _says_type(request):
        return Unread("headers", "a QUERY has to say its content type: refused")
    return read


def _says_type(request: Request) -> bool:
    return any(request.values("content-type"))


def _placed(request: Request, scheme: str, *, tls: bool) -> Head | Unread:
    target = request.target
    if request.method == "CONNECT":
        if _is_authority(_TUNNEL.fullmatch(target)):
            return Unread("route", f"no route leads to `{target}`: CONNECT is not served", 404)
        return Unread("path", f"`{target}` is no host with a port, as CONNECT needs it: refused")
    if target.startswith("/"):
        return Head(replace(request, host=undotted(request.host)), scheme)
    if request.method == "OPTIONS" and target.startswith("*"):
        if not _HOST.fullmatch(request.host):
            return Unread("host", f"`{request.host}` is no host: refused")
        return Unread("path", "`*` is of all of the gateway, and of no route", 404)
    url = _URL.fullmatch(target)
    if url is None or not _is_authority(url):
        return Unread("path", f"`{target}` is no path: refused")
    scheme, path = url["scheme"].lower(), url["target"] or "/"
    if scheme == "https" and not tls:
        return Unread("path", f"`{target}` came without TLS: refused", 403)
    if path.startswith("?"):
        return Unread("path", f"`{target}` has no path", 404)
    return Head(replace(request, host=undotted(url["host"]), target=path), scheme)


def _is_authority(found: re.Match[str] | None) -> bool:
    """Tell whether what looks like a host and port is one."""
    if found is None:
        return False
    if found["address"] is not None:
        try:
            ip_address(found["address"])
        except ValueError:
            return False
    return int((found["port"] or "").lstrip("0")[:6] or "0") <= _LAST_PORT


def upgrades(request: Request) -> bool:
    """Tell whether a request wants another protocol on its connection; Envoy passes h2c over."""
    wanted = request.values("upgrade")
    asked = ",".join(request.values("connection")).lower().split(",")
    return (
        bool(wanted)
        and "upgrade" in (one.strip() for one in asked)
        and ",".join(wanted).lower() != "h2c"
    )
