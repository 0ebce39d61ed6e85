"""Listeners: two cannot have the same port of the same address."""

from __future__ import annotations

from collections import defaultdict
from ipaddress import ip_address

from compiler.linking.findings import Findings
from compiler.schema import GatewayDocument


def link_listeners(document: GatewayDocument, findings: Findings) -> None:
    """Check the ports of all listeners."""
    if not document.listeners:
        findings.warning(
            "no-listeners",
            "this gateway listens nowhere",
            ("name",),
            hint="add `listeners: { public: { port: 8080 } }`",
        )
    by_port: dict[int, list[str]] = defaultdict(list)
    for name, listener in document.listeners.items():
        for other in by_port[listener.port]:
            if _overlap(document.listeners[other].address, listener.address):
                findings.error(
                    "port-in-use",
                    f"listeners `{other}` and `{name}` both take port {listener.port}",
                    ("listeners", name, "port"),
                    "taken already",
                    labels=[(("listeners", other, "port"), "taken here")],
                    hint="give one of them another port, or an address of its own",
                )
                break
        by_port[listener.port].append(name)


def _overlap(one: str, other: str) -> bool:
    a, b = ip_address(one), ip_address(other)
    return a.version == b.version and (a == b or a.is_unspecified or b.is_unspecified)
