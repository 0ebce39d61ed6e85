"""The rules that an edge decides by: one resource, of which every part is plain, frozen data.

Names are the policy's. What depends on nothing at run time (globs, tags, inheritance from tiers)
has been worked out by the compiler: a rule says which models a tenant has, and not why. Keys are
not in here but in shards of their own (`xds.edge.key_table`), so that a new key moves few bytes.
"""

from __future__ import annotations

import msgspec

from xds.edge.limit import Away, Limit


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """An approved request for a model or route that is there on request only.

    ``until`` is in seconds since 1970, from which on the grant is refused; None is for ever.
    Exactly one of ``model`` and ``route`` is named.
    """

    model: str = ""
    route: str = ""
    until: int | None = None


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a tenant; ``models`` None is all that the tenant has."""

    models: tuple[str, ...] | None = None
    limits: tuple[Limit, ...] = ()


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """Who uses the gateway.

    ``models`` and ``routes`` None is all that there are, but for those on request. ``addresses``
    are CIDR networks that its clients may come from; none is any. ``certificates`` are globs of
    subject alternative names (`xds.glob.Glob`) by which `mtls` knows it; ``claims`` are the
    values of the tenant claim by which `jwt` does.
    """

    tier: str = ""
    tags: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None
    routes: tuple[str, ...] | None = None
    limits: tuple[Limit, ...] = ()
    addresses: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    teams: dict[str, Team] = {}
    grants: tuple[Grant, ...] = ()


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model as far as admission goes.

    Prices are in pico-USD a token, the highest among its targets; 0 where nobody knows any.
    ``output`` is what is reserved for a request that states no bound of its own, in tokens.
    ``names`` are the model's name and its aliases. ``providers`` are those of the first group of
    its chain, where a request goes at first, ``fallbacks`` the others; ``seconds`` bounds a whole
    request. ``latency`` is for a model that chooses by latency whom it tries first: the targets of
    each group in order, as `PROVIDER/MODEL`, by which the usage log tells who served.
    """

    names: tuple[str, ...]
    tags: tuple[str, ...] = ()
    on_request: bool = False
    input_price: int = 0
    output_price: int = 0
    output: int = 4096
    seconds: float = 600.0
    providers: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    latency: tuple[tuple[str, ...], ...] = ()


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """Whose JWTs Envoy has verified; claims are paths with dots, empty where not asked for."""

    issuer: str
    tenant_claim: str
    team_claim: str = ""
    user_claim: str = "sub"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A route whose requests an edge decides about.

    ``auth`` are the ways in which a client may say who it is, in order: ``keys``, ``jwt:ISSUER``,
    ``oidc:ISSUER``, ``mtls``, ``none`` (last, if at all). ``llm`` tells that it serves models,
    ``models`` which. ``prefix`` is the path below which it does (`/v1`). ``allow`` are names of
    tenants that it is for; None is all.
    """

    auth: tuple[str, ...]
    llm: bool = False
    models: tuple[str, ...] = ()
    prefix: str = ""
    allow: tuple[str, ...] | None = None
    on_request: bool = False
    limits: tuple[Limit, ...] = ()


class CounterStore(msgspec.Struct, frozen=True, kw_only=True):
    """Where counters are kept: ``embedded``, or the URL of a Redis or Valkey.

    ``url`` is empty where the URL is a secret: then ``secret`` is the name of that SDS secret.
    """

    embedded: bool = True
    url: str = ""
    secret: str = ""
    timeout_ms: int = 100


class LedgerStore(msgspec.Struct, frozen=True, kw_only=True):
    """Where the ledger is kept; ``kind`` is ``embedded``, ``postgres`` or ``none``.

    ``retention_days`` 0 keeps everything.
    """

    kind: str = "embedded"
    url: str = ""
    secret: str = ""
    retention_days: int = 0


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. ``workers`` is how many processes decide, each on a socket of its own."""

    gateway: str
    workers: int = 2
    away: Away = Away.CLOSED
    counters: CounterStore = CounterStore()
    ledger: LedgerStore = LedgerStore()
    limits: tuple[Limit, ...] = ()
    """Of the whole gateway."""
    routes: dict[str, Route] = {}
    models: dict[str, Model] = {}
    providers: dict[str, tuple[Limit, ...]] = {}
    """The limits of each provider that has any."""
    tenants: dict[str, Tenant] = {}
    issuers: dict[str, Issuer] = {}


class Key(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A key, known by its SHA-256 alone (`xds.edge.key_table` has that).

    ``id`` is ``TENANT/KEY`` or ``TENANT/TEAM/KEY``. Times are in seconds since 1970: the key is
    good from ``starts`` (0: always) until ``expires`` (0: for ever). ``models`` None is all that
    its team has.
    """

    id: str
    tenant: str
    team: str = ""
    starts: int = 0
    expires: int = 0
    models: tuple[str, ...] | None = None
    limits: tuple[Limit, ...] = ()


_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(Rules)


def write_rules(rules: Rules) -> bytes:
    """Write rules as JSON, the same bytes for equal rules."""
    return _ENCODER.encode(rules)


def read_rules(body: bytes) -> Rules:
    """Read what `write_rules` wrote; raises msgspec.DecodeError and msgspec.ValidationError."""
    return _DECODER.decode(body)
