"""The plan: what a gateway does, frozen, typed, and without a word of Envoy's.

Names are unique in their section and sorted, so that equal gateways have equal plans whatever
the order of their text; routes stand in the order in which they are tried. ``at`` is where the
thing was written and takes no part in comparisons.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from compiler.plan_accounts import (
    DEFAULT_COUNTING,
    DEFAULT_EDGE,
    DEFAULT_LEDGER,
    AuthMethod,
    Counting,
    Edge,
    Issuer,
    Ledger,
    PlacedLimit,
    Tenant,
)
from compiler.plan_fleet import NodeGroup, Rollout, Runtime
from compiler.plan_llm import Endpoint, Model, Provider, Redaction
from compiler.plan_policies import Applied
from compiler.source import Span


class Lane(StrEnum):
    """The mechanism that carries a request to a target, cheapest first."""

    NATIVE = "native"
    PREVIEW = "preview"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Listener:
    """A port that clients connect to."""

    name: str
    address: str
    port: int
    policies: tuple[Applied, ...]
    at: Span = field(compare=False)
    on_demand: bool = False
    """Whether Envoys are sent those hosts only that they have requests for."""


class Protocol(StrEnum):
    """What an upstream speaks; GRPC is HTTP/2 with gRPC's own health and retry rules."""

    HTTP1 = "http1"
    HTTP2 = "http2"
    GRPC = "grpc"


@dataclass(frozen=True, slots=True)
class EndpointAddress:
    """One address of a service; a name is resolved through DNS, an IP address is not."""

    host: str
    port: int
    weight: int
    priority: int
    zone: str


class Resolution(StrEnum):
    """How a service's endpoints become addresses."""

    STATIC = "static"  # IP addresses, from the policy or an endpoints file
    DNS = "dns"  # every address that the names resolve to, kept fresh
    LOGICAL_DNS = "logical_dns"  # one address at a time, for large round-robin names


@dataclass(frozen=True, slots=True)
class Service:
    """An upstream that routes can name."""

    name: str
    protocol: Protocol
    endpoints: tuple[EndpointAddress, ...]
    resolution: Resolution
    connect_timeout: timedelta
    policies: tuple[Applied, ...]
    at: Span = field(compare=False)


class PathKind(StrEnum):
    """How a path is compared; PREFIX matches whole segments, the query string takes no part."""

    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"
    TEMPLATE = "template"


class ValueKind(StrEnum):
    """How the value of a header or a query parameter is compared."""

    EXACT = "exact"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    CONTAINS = "contains"
    REGEX = "regex"
    PRESENT = "present"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class ValueMatch:
    """A condition on one header or query parameter; ``value`` is empty for PRESENT and ABSENT."""

    name: str
    kind: ValueKind
    value: str


@dataclass(frozen=True, slots=True)
class Match:
    """Which requests a route takes: all conditions hold; empty ``hosts`` or ``methods``: any."""

    hosts: tuple[str, ...]
    path_kind: PathKind
    path: str
    methods: tuple[str, ...]
    headers: tuple[ValueMatch, ...]
    query: tuple[ValueMatch, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """A share of a route's requests that goes to one service."""

    service: str
    weight: int


@dataclass(frozen=True, slots=True)
class Forward:
    """Send requests to services, drawn by weight."""

    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Serve:
    """Answer LLM requests with these models, on the operations below the route's prefix."""

    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send clients elsewhere; what is None stays as it was asked for."""

    code: int
    scheme: str | None
    host: str | None
    port: int | None
    path: str | None
    prefix: str | None
    strip_query: bool


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer at once."""

    status: int
    body: str
    content_type: str


Action = Forward | Serve | Redirect | Respond


@dataclass(frozen=True, slots=True)
class Route:
    """What happens to the requests that match, on the listeners named."""

    name: str
    listeners: tuple[str, ...]
    match: Match
    action: Action
    policies: tuple[Applied, ...]
    at: Span = field(compare=False)
    auth: tuple[AuthMethod, ...] = ()
    """How clients say who they are, in order; none is nobody asked (`auth: none`)."""
    allow: tuple[str, ...] | None = None
    """The tenants that it is for; None is all."""
    on_request: bool = False
    tags: tuple[str, ...] = ()
    limits: tuple[PlacedLimit, ...] = ()
    redact: tuple[str, ...] = ()
    """Redactions of its requests, beside those of the gateway and of their tenant."""


@dataclass(frozen=True, slots=True)
class LaneChoice:
    """The lane by which one route's requests for one model reach one target, and why."""

    route: str
    endpoint: Endpoint
    model: str
    target: str
    lane: Lane
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole gateway; ``envoy`` is the oldest version of the fleet as (major, minor).

    ``groups`` stand in the order in which a node is held against them, most particular first; none
    is the group of all nodes that gets everything. ``rollout`` None is to all nodes at once.
    """

    name: str
    envoy: tuple[int, int]
    listeners: tuple[Listener, ...]
    services: tuple[Service, ...]
    providers: tuple[Provider, ...]
    models: tuple[Model, ...]
    routes: tuple[Route, ...]
    lanes: tuple[LaneChoice, ...]
    groups: tuple[NodeGroup, ...] = ()
    rollout: Rollout | None = None
    runtime: Runtime | None = None
    tenants: tuple[Tenant, ...] = ()
    issuers: tuple[Issuer, ...] = ()
    limits: tuple[PlacedLimit, ...] = ()
    """Of the whole gateway."""
    counting: Counting = DEFAULT_COUNTING
    ledger: Ledger = DEFAULT_LEDGER
    edge: Edge = DEFAULT_EDGE
    redactions: tuple[Redaction, ...] = ()
    redact: tuple[str, ...] = ()
    """Redactions of all requests for models."""

    @property
    def shared_limits(self) -> tuple[PlacedLimit, ...]:
        """Every limit but those of keys: of what requests of several clients have in common."""
        return (
            *self.limits,
            *(limit for route in self.routes for limit in route.limits),
            *(limit for model in self.models for limit in model.limits),
            *(limit for provider in self.providers for limit in provider.limits),
            *(limit for tenant in self.tenants for limit in tenant.limits),
            *(limit for tenant in self.tenants for team in tenant.teams for limit in team.limits),
        )

    @property
    def every_limit(self) -> tuple[PlacedLimit, ...]:
        """All limits and budgets."""
        keys = (key for tenant in self.tenants for key in tenant.every_key)
        return (*self.shared_limits, *(limit for key in keys for limit in key.limits))
