"""What an edge does to requests on their way to a provider, and to answers on their way back.

One resource (`xds.edge.resources.PROCESSING`) of plain, frozen data beside the rules: what a
cluster speaks, what an Envoy route is for, and what is redacted for whom. An Envoy tells with each
attempt its cluster and its route by their names; all the rest stands here.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from xds.edge.pairs import ClientApi, Provider


class Aws(msgspec.Struct, frozen=True, kw_only=True):
    """How requests are signed for AWS with keys that the edge holds (SigV4).

    The three are names of SDS secrets; ``session_token`` is empty where there is none.
    """

    region: str
    access_key: str
    secret_key: str
    session_token: str = ""
    service: str = "bedrock"


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """A target as an attempt meets it, by the name of its cluster.

    ``base`` is the path before the API's own, None for the provider's usual one. ``window`` is the
    model's context window in tokens, 0 where nobody knows it. ``aws`` is None where Envoy signs, or
    nobody does.
    """

    name: str
    """The policy's name of the provider."""
    provider: Provider
    model: str
    authority: str
    base: str | None = None
    project: str = ""
    location: str = ""
    api_version: str = ""
    external: bool = True
    """Whether what is sent there leaves the house."""
    window: int = 0
    aws: Aws | None = None


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What an Envoy route is for, by the route's name: an operation of a model on a policy's route.

    ``on`` are the triggers (the policy's words) for which the chain goes on. ``trim`` tells that
    the oldest turns are dropped where a prompt does not fit a target's window; ``output`` is what
    is reserved of it for the answer, in tokens. ``redact`` are redactions of the gateway and the
    route, in order.
    """

    client: ClientApi
    route: str
    model: str
    on: tuple[str, ...] = ()
    trim: bool = False
    output: int = 4096
    redact: tuple[str, ...] = ()


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """A detector of the policy's own: an RE2 pattern, or words (one of the two)."""

    name: str
    pattern: str = ""
    words: tuple[str, ...] = ()


class Scope(StrEnum):
    """Which providers' requests a redaction is for."""

    EXTERNAL = "external"
    ALL = "all"


class Redaction(msgspec.Struct, frozen=True, kw_only=True):
    """A redaction, by its name in the policy.

    ``detect`` are names of detectors and groups (`ext_authz.redact.catalogue`), ``patterns`` the
    policy's own. Actions are words of `ext_authz.redact.rules.Action`: ``actions`` are those of
    detectors that differ from ``action``, ``answers`` what becomes of values that the model says,
    empty to let them pass. ``hash_key`` is the name of an SDS secret. ``entities`` are kinds of
    entities that presidio looks for, in ``language``.
    """

    detect: tuple[str, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    entities: tuple[str, ...] = ()
    language: str = "en"
    action: str = "placeholder"
    actions: dict[str, str] = {}
    answers: str = ""
    restore: bool = True
    scope: Scope = Scope.EXTERNAL
    hash_key: str = ""


class Processing(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. ``tenants`` are those for whom something is redacted, beside what routes say.

    ``body_limit`` is the most bytes of a body that are read, of requests and of whole answers.
    """

    upstreams: dict[str, Upstream] = {}
    operations: dict[str, Operation] = {}
    redactions: dict[str, Redaction] = {}
    tenants: dict[str, tuple[str, ...]] = {}
    body_limit: int = 32 << 20


_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(Processing)


def write_processing(processing: Processing) -> bytes:
    """Write it as JSON, the same bytes for equal data."""
    return _ENCODER.encode(processing)


def read_processing(body: bytes) -> Processing:
    """Read what `write_processing` wrote; raises msgspec.DecodeError and ValidationError."""
    return _DECODER.decode(body)
