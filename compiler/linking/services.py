"""Services: their endpoints must be of one sort, and each of them there once."""

from __future__ import annotations

from compiler.linking.findings import Findings
from compiler.schema import GatewayDocument
from compiler.schema.services import ServiceDocument
from compiler.source import Path
from policies.values import is_ip


def link_services(document: GatewayDocument, findings: Findings) -> None:
    """Check the endpoints of all services."""
    for name, service in document.services.items():
        path: Path = ("services", name)
        _check_sort(service, path, findings)
        _check_twice(service, path, findings)
        _check_priorities(service, path, findings)


def _check_sort(service: ServiceDocument, path: Path, findings: Findings) -> None:
    """Refuse IP addresses beside names: they become endpoints in different ways."""
    ips = [place for place, one in enumerate(service.endpoints) if is_ip(one.address.host)]
    names = [place for place, one in enumerate(service.endpoints) if not is_ip(one.address.host)]
    if ips and names:
        first = service.endpoints[0].address
        odd = names[0] if ips[0] == 0 else ips[0]
        sort, other = ("an IP address", "a name") if ips[0] == 0 else ("a name", "an IP address")
        findings.error(
            "mixed-endpoints",
            f"`{first}` is {sort}, `{service.endpoints[odd].address}` {other}",
            (*path, "endpoints", odd),
            f"{other} among others",
            labels=[((*path, "endpoints", 0), sort)],
            hint="make two services, and a `split` over them, or name them all in DNS",
        )
    elif service.resolve is not None and not names:
        findings.error(
            "nothing-to-resolve",
            "IP addresses need no DNS",
            (*path, "resolve"),
            hint="remove `resolve`, or write names as endpoints",
        )
    elif service.resolve == "logical_dns" and len(names) > 1:
        findings.error(
            "several-logical-names",
            "`logical_dns` is about one name, this service has several",
            (*path, "endpoints", 1),
            "the second",
            labels=[((*path, "resolve"), "asked for here")],
            hint="write `resolve: dns`, which uses every address of every name",
        )


def _check_twice(service: ServiceDocument, path: Path, findings: Findings) -> None:
    """Refuse an address that is there twice: Envoy would take it once, and ignore one weight."""
    first: dict[str, int] = {}
    for place, one in enumerate(service.endpoints):
        address = str(one.address).lower()
        if address in first:
            findings.error(
                "duplicate-endpoint",
                f"`{address}` is there twice",
                (*path, "endpoints", place),
                "again",
                labels=[((*path, "endpoints", first[address]), "first here")],
                hint="remove one; a greater share is written `weight`",
            )
        first.setdefault(address, place)


def _check_priorities(service: ServiceDocument, path: Path, findings: Findings) -> None:
    """Refuse gaps between priorities, which Envoy does not load."""
    used = {one.priority for one in service.endpoints}
    for place, one in enumerate(service.endpoints):
        missing = next((p for p in range(one.priority) if p not in used), None)
        if missing is not None:
            findings.error(
                "priority-gap",
                f"priority {one.priority} is used, and {missing} is not",
                (*path, "endpoints", place, "priority"),
                hint="count priorities from 0, without gaps",
            )
            return
