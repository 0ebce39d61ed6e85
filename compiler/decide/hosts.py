"""Which of a listener's hosts a request is for.

Source: `VirtualHost.domains` in envoy/config/route/v3/route_components.proto: an exact name, then
the longest wildcard, then any. Ports, upper case and a dot at the end mean nothing.
"""

from __future__ import annotations

from collections.abc import Collection


def undotted(authority: str) -> str:
    """Take the dot at the end of a host's name away, as Envoy does before anything looks at it."""
    name, dot, rest = authority.rpartition(".")
    return name + rest if dot and (not rest or rest.startswith(":")) else authority


def host_name(authority: str) -> str:
    """Give the name that hosts are compared by: what follows the last colon counts as a port."""
    name, colon, port = authority.lower().rpartition(":")
    return name if colon and "]" not in port else authority.lower()


def choose_host(patterns: Collection[str], authority: str) -> str | None:
    """Choose among host patterns (the empty one is any host); None where none takes it."""
    name = host_name(authority)
    if name in patterns:
        return name
    labels = name.split(".")
    for start in range(1, len(labels)):
        wildcard = "*." + ".".join(labels[start:])
        if wildcard in patterns:
            return wildcard
    return "" if "" in patterns else None
