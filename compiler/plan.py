"""The plan: what a gateway does, frozen, typed, and without a word of Envoy's.

Names are unique in their section and sorted, so that equal gateways have equal plans whatever
the order of their text; routes stand in the order in which they are tried. ``at`` is where the
thing was written and takes no part in comparisons.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

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
from compiler.source import Span
from policies.secret import SecretRef


class Api(StrEnum):
    """A family of LLM wire formats, spoken by clients on one side and providers on the other."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


class Endpoint(StrEnum):
    """An operation that a ``serve: llm`` route offers, by the path below the route's prefix."""

    CHAT_COMPLETIONS = "/chat/completions"
    COMPLETIONS = "/completions"
    EMBEDDINGS = "/embeddings"
    MESSAGES = "/messages"

    @property
    def api(self) -> Api:
        """The API family whose schema the clients of this operation speak."""
        return Api.ANTHROPIC if self is Endpoint.MESSAGES else Api.OPENAI


class Trust(StrEnum):
    """Whether what is sent to a provider leaves the house."""

    EXTERNAL = "external"
    INTERNAL = "internal"


class Trigger(StrEnum):
    """What makes a chain go on to its next target; each word is named after its cause."""

    RATE_LIMITED = "rate_limited"  # 429
    OVERLOADED = "overloaded"  # 503, 529
    TIMEOUT = "timeout"  # no first byte of the answer within the attempt's timeout
    CONNECT_FAILURE = "connect_failure"  # no connection, or one that broke before an answer
    SERVER_ERROR = "server_error"  # any 5xx
    CONTEXT_EXCEEDED = "context_exceeded"  # a 400 whose body says that the prompt is too long


class Lane(StrEnum):
    """The mechanism that carries a request to a target, cheapest first."""

    NATIVE = "native"
    PREVIEW = "preview"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Applied:
    """A policy of the kind ``kind`` (a name in ``policies.registry``) with its own plan."""

    kind: str
    plan: Any
    at: Span = field(compare=False)


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


@dataclass(frozen=True, slots=True)
class Url:
    """Where a provider's API begins: ``path`` has no trailing slash (``/v1``, or empty)."""

    scheme: str
    host: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class Provider:
    """Somebody who answers LLM requests; ``key`` is None where none is wanted."""

    name: str
    api: Api
    url: Url
    key: SecretRef | None
    trust: Trust
    headers: tuple[tuple[str, str], ...]
    connect_timeout: timedelta
    policies: tuple[Applied, ...]
    at: Span = field(compare=False)
    limits: tuple[PlacedLimit, ...] = ()


@dataclass(frozen=True, slots=True)
class Price:
    """What a token costs, in pico-USD (1 USD per 1M tokens is 1,000,000), and who says so."""

    input: int
    output: int
    cached_input: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Target:
    """One provider's model in a group; ``weight`` is relative to the others of its group.

    ``timeout`` bounds the whole attempt at this target, answer included; None is no bound of its
    own. ``price`` is None where nobody knows it.
    """

    provider: str
    model: str
    weight: int
    timeout: timedelta | None
    price: Price | None
    at: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Group:
    """Targets among which a request is drawn by weight."""

    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Fallback:
    """When a request goes on to the next group.

    ``attempt_timeout`` is the time that one attempt has until the first byte of its answer;
    ``attempts`` counts all of them, the first one too.
    """

    on: tuple[Trigger, ...]
    attempt_timeout: timedelta | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Model:
    """A name that clients ask for, and the groups that are tried for it in order.

    ``api`` is what all of its targets speak. ``aliases`` are other names of the same model.
    ``timeout`` bounds a whole request over all attempts, from the request's end to the answer's.
    """

    name: str
    aliases: tuple[str, ...]
    api: Api
    groups: tuple[Group, ...]
    fallback: Fallback
    timeout: timedelta
    at: Span = field(compare=False)
    tags: tuple[str, ...] = ()
    on_request: bool = False
    """Whether only tenants with a grant may use it."""
    output: int = 4096
    """Output tokens that are reserved for a request that states no bound."""
    limits: tuple[PlacedLimit, ...] = ()


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
