"""The same plan with every upstream answered by a simulator: what `up --simulate` runs.

Only where requests go changes: routes, chains, triggers, prices and rewrites stay as written, so
what is seen is what the policy does. No provider's real key is used; each gets `KEY` instead.
Tenants, keys and limits hold as they are, counted on this machine: nothing else has to be there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec

from compiler.plan import EndpointAddress, Plan, Protocol, Resolution, Service
from compiler.plan_accounts import EMBEDDED, NOWHERE, Issuer, Store
from compiler.plan_llm import Aws, Provider, Redaction, Url
from policies.secret import SecretKind, SecretRef
from xds.edge.pairs import BASES

KEY = "GATEWRIGHT_SIMULATED_KEY"
"""The environment variable, to be made up by who reads secrets, that stands for every key."""

_NETWORK_POLICIES = frozenset({"tls", "health", "outliers"})
"""Policies about the network between Envoy and the real upstream, which is not there."""


def simulated(host: str, providers_port: int, services_port: int) -> Callable[[Plan], Plan]:
    """Return the revision that points all upstreams at ``host``.

    Providers are expected below ``/<name>`` of their port, each API at its usual path (``/v1``),
    services at the root of theirs. Nothing is signed: a key is sent in place of cloud credentials.
    gRPC services stay where they are: nothing simulates their methods.
    """
    key = SecretRef(SecretKind.GENERIC, (f"env:{KEY}",))

    def provider(real: Provider) -> Provider:
        return replace(
            real,
            url=Url("http", host, providers_port, f"/{real.name}{BASES[real.speech]}"),
            key=key,
            aws=None if real.aws is None else Aws(real.aws.region),
            policies=tuple(p for p in real.policies if p.kind not in _NETWORK_POLICIES),
        )

    def service(real: Service) -> Service:
        if real.protocol is Protocol.GRPC:
            return real
        return replace(
            real,
            endpoints=(EndpointAddress(host, services_port, weight=1, priority=0, zone=""),),
            resolution=Resolution.STATIC,
            policies=tuple(p for p in real.policies if p.kind not in _NETWORK_POLICIES),
        )

    def issuer(real: Issuer) -> Issuer:
        client = real.client
        if client is None:
            return real
        return replace(real, client=replace(client, client_secret=key, cookie_secret=key))

    def redaction(real: Redaction) -> Redaction:
        if real.hash_key is None:
            return real
        return replace(
            real, hash_key=key, rules=msgspec.structs.replace(real.rules, hash_key=key.name)
        )

    def revise(plan: Plan) -> Plan:
        return replace(
            plan,
            redactions=tuple(redaction(real) for real in plan.redactions),
            issuers=tuple(issuer(real) for real in plan.issuers),
            counting=replace(plan.counting, store=EMBEDDED),
            ledger=replace(plan.ledger, store=_here(plan.ledger.store)),
            edge=replace(plan.edge, ratelimit=""),
            providers=tuple(provider(real) for real in plan.providers),
            services=tuple(service(real) for real in plan.services),
        )

    return revise


def _here(store: Store) -> Store:
    """Keep what is kept somewhere on this machine; nothing stays nothing."""
    return NOWHERE if store == NOWHERE else EMBEDDED


def edge_in(folder: str) -> Callable[[Plan], Plan]:
    """Return the revision that has the edge meet its Envoy in a folder of this run's own."""

    def revise(plan: Plan) -> Plan:
        return replace(plan, edge=replace(plan.edge, folder=folder))

    return revise


def any_ports(plan: Plan) -> Plan:
    """Let the machine choose the port of every listener: for tests, and where a port is taken."""
    return replace(plan, listeners=tuple(replace(one, port=0) for one in plan.listeners))
