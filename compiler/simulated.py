"""The same plan with every upstream answered by a simulator: what `up --simulate` runs.

Only where requests go changes: routes, chains, triggers, prices and rewrites stay as written, so
what is seen is what the policy does. Keys stay references; whoever resolves them must give the
simulator made-up values (`made_up_keys`), never the real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from compiler.plan import (
    EndpointAddress,
    Plan,
    Protocol,
    Provider,
    Resolution,
    Service,
    Url,
)

_NETWORK_POLICIES = frozenset({"tls", "health", "outliers"})
"""Policies about the network between Envoy and the real upstream, which is not there."""


def simulated(host: str, port: int) -> Callable[[Plan], Plan]:
    """Return the revision that points every provider at ``http://host:port/<provider>``.

    A provider's own path (``/v1``) is kept behind its name; HTTP services go to the ``/`` of the
    simulator's echo, and gRPC services stay where they are: nothing simulates their methods.
    """

    def revise(plan: Plan) -> Plan:
        return replace(
            plan,
            providers=tuple(_provider(p, host, port) for p in plan.providers),
            services=tuple(_service(s, host, port) for s in plan.services),
        )

    return revise


def _provider(provider: Provider, host: str, port: int) -> Provider:
    return replace(
        provider,
        url=Url("http", host, port, f"/{provider.name}{provider.url.path}"),
        policies=tuple(p for p in provider.policies if p.kind not in _NETWORK_POLICIES),
    )


def _service(service: Service, host: str, port: int) -> Service:
    if service.protocol is not Protocol.HTTP1:
        return service
    return replace(
        service,
        endpoints=(EndpointAddress(host, port, weight=1, priority=0, zone=""),),
        resolution=Resolution.STATIC,
        policies=tuple(p for p in service.policies if p.kind not in _NETWORK_POLICIES),
    )


def made_up_keys(plan: Plan) -> Mapping[str, str]:
    """Return a made-up value for each source that a provider's key names, by source."""
    return {
        source: f"simulated-key-of-{provider.name}"
        for provider in plan.providers
        if provider.key is not None
        for source in provider.key.sources
    }
