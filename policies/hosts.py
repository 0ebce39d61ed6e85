"""Hosts, ports, and addresses made of them."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, InstanceOf, WithJsonSchema

from policies.refusal import refuse, shown

Port = Annotated[int, Field(ge=1, le=65535, examples=[8080])]
"""A TCP port."""

_DNS_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
    r"(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?"
)
_ONLY_DIGITS = re.compile(r"[0-9.]+")


def is_ip(host: str) -> bool:
    """Tell whether a host is an IP address and so needs no DNS."""
    if ":" not in host and not host[-1:].isdigit():
        return False  # most hosts, and much cheaper to tell
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_host(host: str) -> bool:
    """Tell whether a text is an IP address or a DNS name."""
    if is_ip(host):
        return True
    return _DNS_NAME.fullmatch(host) is not None and _ONLY_DIGITS.fullmatch(host) is None


def _check_host(value: Any) -> Any:
    if isinstance(value, str) and not is_host(value):
        refuse(
            "bad-host",
            f"{shown(value)} is no host",
            "write a DNS name or an IP address, without scheme and port",
        )
    return value


Host = Annotated[
    str,
    BeforeValidator(_check_host),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[A-Za-z0-9_.:-]{1,253}$",
            "description": "A DNS name or an IP address.",
            "examples": ["orders.internal", "10.0.0.1"],
        }
    ),
]
"""A DNS name or an IP address, without scheme, port or brackets."""


def _check_ip(value: Any) -> Any:
    if isinstance(value, str) and not is_ip(value):
        refuse("bad-address", f"{shown(value)} is no IP address", "write `127.0.0.1` or `::1`")
    return value


IpAddress = Annotated[
    str,
    BeforeValidator(_check_ip),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9A-Fa-f.:]{2,45}$",
            "description": "An IPv4 or IPv6 address.",
            "examples": ["127.0.0.1", "0.0.0.0", "::1"],  # noqa: S104 - an example of an address, nothing binds here
        }
    ),
]
"""An IPv4 or IPv6 address to listen on."""


@dataclass(frozen=True, slots=True)
class HostAndPort:
    """A host (DNS name or IP address, without brackets) and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        """``orders.internal:8080`` or ``[::1]:80``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_host_port(value: Any) -> HostAndPort:
    """Read ``host:port``; an IPv6 address stands in brackets.

    Raises:
        PydanticCustomError: ``bad-address``.
    """
    if isinstance(value, HostAndPort):
        return value
    hint = "write `orders.internal:8080`, `10.0.0.1:80` or `[::1]:80`"
    if not isinstance(value, str):
        refuse("bad-address", f"{shown(value)} is no address", hint)
    if "://" in value:
        refuse("bad-address", f"{shown(value)} is a URL, not an address", hint)
    host, colon, port = value.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        refuse("bad-address", f"{shown(value)} has no port", hint)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if ":" not in host:
            refuse("bad-address", f"{shown(value)} is no address", hint)
    if not is_host(host):
        refuse("bad-address", f"{shown(value)} is no address", hint)
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        refuse("bad-address", f"{shown(value)} has no port from 1 to 65535", hint)
    return HostAndPort(host, int(port))


HostPort = Annotated[
    InstanceOf[HostAndPort],
    BeforeValidator(parse_host_port),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}$",
            "description": "A host and a port.",
            "examples": ["orders.internal:8080", "10.0.0.1:80", "[::1]:80"],
        }
    ),
]
"""``orders.internal:8080``, as ``HostAndPort``."""
