"""Bytes on the wire of one changed route among 10,000, by how the routes lie among hosts.

A whole policy is compiled, one route's answer changes, and what a stream that is up to date would
be sent is counted: whole tables (SotW, and Envoys before 1.40) against virtual hosts (delta).
"""

from __future__ import annotations

from compiler.pipeline import compile_sources
from compiler.read import sources_of
from xds.delta import DeltaWatch
from xds.group import Group
from xds.order import CLUSTER, LISTENER, ROUTE, VIRTUAL_HOST
from xds.schema import envoy
from xds.session import Session
from xds.snapshot import Snapshot

ROUTES = 10_000
HOSTS = (10_000, 1_000, 100, 1)
discovery = envoy.service.discovery.v3


def main() -> None:
    """Print a line for each number of hosts."""
    print(f"one changed route of {ROUTES:,}: bytes on the wire to each Envoy")
    for hosts in HOSTS:
        before, after = _compiled(hosts, "before"), _compiled(hosts, "after!")
        whole, parts = (_sent(before, after, minor=minor) for minor in (39, 40))
        each = f"{hosts:>6} hosts of {ROUTES // hosts:>6}"
        print(f"  {each}: whole {whole:>9,} B, in parts {parts:>9,} B")


def _compiled(hosts: int, body: str) -> Snapshot:
    lines = ["gatewright: v1", "name: bench", "listeners: { public: { port: 8080 } }", "routes:"]
    for n in range(ROUTES):
        host = f"host: h{n % hosts}.example.com, " if hosts > 1 else ""
        answer = body if n == ROUTES // 2 else "same"
        lines.append(
            f"  - {{ {host}match: /teams/{n}/things, respond: {{ status: 200, body: {answer} }} }}"
        )
    made = compile_sources(sources_of({"gateway.yaml": "\n".join(lines)}), until="snapshot")
    assert made.ok, made.diagnostics[:1]
    return made.snapshot


def _sent(before: Snapshot, after: Snapshot, *, minor: int) -> int:
    group = Group()
    group.publish(before)
    session = group.join(DeltaWatch)
    tables = list(before.of(ROUTE).by_name)
    for url, names in ((CLUSTER, []), (LISTENER, []), (ROUTE, tables), (VIRTUAL_HOST, [])):
        request = discovery.DeltaDiscoveryRequest(type_url=url, resource_names_subscribe=names)
        request.node.id = "bench"
        request.node.user_agent_name = "envoy"
        request.node.user_agent_build_version.version.major_number = 1
        request.node.user_agent_build_version.version.minor_number = minor
        session.receive(request, 0.0)
        _acked(session)
    group.publish(after)
    group.steer(0.0)
    return _acked(session)


def _acked(session: Session) -> int:
    """Take and acknowledge all that there is to send; give its size."""
    size = 0
    while frames := session.flush(0.0):
        for frame in frames:
            size += len(frame)
            response = discovery.DeltaDiscoveryResponse.FromString(frame)
            session.receive(
                discovery.DeltaDiscoveryRequest(
                    type_url=response.type_url, response_nonce=response.nonce
                ),
                0.0,
            )
    return size


if __name__ == "__main__":
    main()
