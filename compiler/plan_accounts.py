"""The plan's part about who may do what: tenants, keys, limits, issuers, and where it is counted.

Inheritance, globs and tags have been worked out: a tenant has the models, routes and limits that
it has in the end. Where a value came from is kept beside it, for those who ask.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from compiler.source import Span
from policies.secret import SecretRef
from xds.edge.limit import Away, Limit


@dataclass(frozen=True, slots=True)
class PlacedLimit:
    """A limit, and where it was written. ``per_edge``: each Envoy counts for itself."""

    limit: Limit
    per_edge: bool
    at: Span = field(compare=False)


class AuthKind(StrEnum):
    """How a client says who it is."""

    KEYS = "keys"
    JWT = "jwt"
    OIDC = "oidc"  # a browser's login; the token is verified as a JWT
    MTLS = "mtls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class AuthMethod:
    """One way of a route, in the order in which they are tried; ``issuer`` is of JWT and OIDC."""

    kind: AuthKind
    issuer: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.issuer}" if self.issuer else self.kind.value


@dataclass(frozen=True, slots=True)
class JwksUrl:
    """Where an issuer publishes its keys; fetched by Envoy and kept fresh."""

    scheme: str
    host: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class OidcClient:
    """How the gateway itself is known to an issuer, for logins in browsers."""

    client_id: str
    client_secret: SecretRef
    cookie_secret: SecretRef
    authorization_endpoint: str
    token_endpoint: JwksUrl
    redirect_path: str
    signout_path: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose JWTs are accepted. ``jwks`` is the key set itself (of a file) or where it is.

    Claims are paths with dots into the token.
    """

    name: str
    issuer: str
    audiences: tuple[str, ...]
    jwks: str | JwksUrl
    tenant_claim: str
    team_claim: str
    user_claim: str
    client: OidcClient | None
    at: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key of a tenant or team, by its SHA-256 (32 bytes).

    A key that is being rotated is there twice, under one id; a revoked one is not there at all.
    ``id`` is ``TENANT/KEY`` or ``TENANT/TEAM/KEY``.
    """

    id: str
    sha256: bytes
    starts: datetime | None
    expires: datetime | None
    models: tuple[str, ...] | None
    limits: tuple[PlacedLimit, ...]
    at: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """A request for a model or route (one of the two) and what became of it.

    ``approved_by`` None is a request that nobody has approved: it has no effect.
    """

    model: str | None
    route: str | None
    requested_by: str | None
    approved_by: str | None
    until: datetime | None
    reason: str
    at: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Team:
    """A part of a tenant; ``models`` None is all that the tenant has."""

    name: str
    models: tuple[str, ...] | None
    limits: tuple[PlacedLimit, ...]
    keys: tuple[AccessKey, ...]
    contacts: tuple[str, ...]
    tags: tuple[str, ...]
    at: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an effective value of a tenant comes from: ``tenant``, ``tier NAME`` or ``default``.

    ``overrides`` are the places whose own value lost, nearest first.
    """

    key: str
    value: str
    source: str
    overrides: tuple[tuple[str, str], ...]
    at: Span | None = field(compare=False, default=None)


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who uses the gateway, with all that its tier gave it.

    ``models`` and ``routes`` None is all that there are, but for those on request.
    """

    name: str
    tier: str | None
    tags: tuple[str, ...]
    contacts: tuple[str, ...]
    models: tuple[str, ...] | None
    routes: tuple[str, ...] | None
    limits: tuple[PlacedLimit, ...]
    addresses: tuple[str, ...]
    certificates: tuple[str, ...]
    claims: tuple[str, ...]
    keys: tuple[AccessKey, ...]
    teams: tuple[Team, ...]
    grants: tuple[Grant, ...]
    redact: tuple[str, ...] = ()
    """Redactions of its requests for models, beside those of gateway and route."""
    origins: tuple[Origin, ...] = field(compare=False, default=())
    at: Span = field(compare=False, kw_only=True)

    @property
    def every_key(self) -> tuple[AccessKey, ...]:
        """Its own keys, and those of its teams."""
        return (*self.keys, *(key for team in self.teams for key in team.keys))


@dataclass(frozen=True, slots=True)
class Store:
    """Where something is kept: ``embedded``, ``redis``, ``postgres`` or ``none``.

    Of a server there is the URL, or the secret that holds it.
    """

    kind: str
    url: str = ""
    secret: SecretRef | None = None


EMBEDDED = Store("embedded")
NOWHERE = Store("none")


@dataclass(frozen=True, slots=True)
class Counting:
    """Where counters are kept, how long they may take, and what holds when they are away."""

    store: Store = EMBEDDED
    timeout_ms: int = 100
    away: Away = Away.CLOSED


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where each request is written down; ``retention_days`` 0 keeps everything."""

    store: Store = NOWHERE
    retention_days: int = 0


@dataclass(frozen=True, slots=True)
class Edge:
    """The services beside each Envoy: the folder where they meet it, and how many decide."""

    folder: str = "/run/gatewright"
    workers: int = 2
    ratelimit: str = ""
    """``host:port`` of a rate-limit service of yours (the reference one) that answers for limits
    on requests where nothing else is asked of the edge; ours does unless written."""


DEFAULT_COUNTING = Counting()
DEFAULT_LEDGER = Ledger()
DEFAULT_EDGE = Edge()
