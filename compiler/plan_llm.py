"""The plan's part about models: who answers, what is tried in which order, what is redacted.

An `Api` is a family of operations that clients ask for, a `Speech` is what a provider is spoken to
in. Which may stand in front of which is the table of `xds.edge.pairs`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from compiler.plan_accounts import PlacedLimit
from compiler.plan_policies import Applied
from compiler.source import Span
from policies.secret import SecretRef
from xds.edge import pairs, processing
from xds.edge.pairs import ClientApi

Speech: TypeAlias = pairs.Provider
"""A way to speak to a provider: an API at a place, or a dialect of an API."""


class Api(StrEnum):
    """A family of operations, in whose schema its clients are answered, errors too."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


class Endpoint(StrEnum):
    """An operation that a ``serve: llm`` route offers, by the path below the route's prefix."""

    CHAT_COMPLETIONS = "/chat/completions"
    COMPLETIONS = "/completions"
    EMBEDDINGS = "/embeddings"
    RESPONSES = "/responses"
    INPUT_TOKENS = "/responses/input_tokens"
    IMAGES = "/images/generations"
    IMAGE_EDITS = "/images/edits"
    SPEECH = "/audio/speech"
    TRANSCRIPTIONS = "/audio/transcriptions"
    AUDIO_TRANSLATIONS = "/audio/translations"
    MESSAGES = "/messages"
    COUNT_TOKENS = "/messages/count_tokens"

    @property
    def api(self) -> Api:
        """The API family whose schema the clients of this operation speak."""
        return Api.ANTHROPIC if self.value.startswith("/messages") else Api.OPENAI

    @property
    def client(self) -> ClientApi:
        """The operation as the table of pairs calls it."""
        return _CLIENTS[self]


_CLIENTS = {
    Endpoint.CHAT_COMPLETIONS: ClientApi.CHAT,
    Endpoint.COMPLETIONS: ClientApi.COMPLETIONS,
    Endpoint.EMBEDDINGS: ClientApi.EMBEDDINGS,
    Endpoint.RESPONSES: ClientApi.RESPONSES,
    Endpoint.INPUT_TOKENS: ClientApi.INPUT_TOKENS,
    Endpoint.IMAGES: ClientApi.IMAGES,
    Endpoint.IMAGE_EDITS: ClientApi.IMAGES,
    Endpoint.SPEECH: ClientApi.SPEECH,
    Endpoint.TRANSCRIPTIONS: ClientApi.SPEECH,
    Endpoint.AUDIO_TRANSLATIONS: ClientApi.SPEECH,
    Endpoint.MESSAGES: ClientApi.MESSAGES,
    Endpoint.COUNT_TOKENS: ClientApi.COUNT_TOKENS,
}


FORMS = frozenset({Endpoint.IMAGE_EDITS, Endpoint.TRANSCRIPTIONS, Endpoint.AUDIO_TRANSLATIONS})
"""Operations whose requests are forms with files in them, and no JSON: they are passed on as they
are, to the provider's own operation of that name."""


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
    CONTENT_FILTER = "content_filter"  # a refusal by the provider's filter, before any content


@dataclass(frozen=True, slots=True)
class Url:
    """Where a provider's API begins: ``path`` has no trailing slash (``/v1``, or empty)."""

    scheme: str
    host: str
    port: int
    path: str


class AwsSource(StrEnum):
    """Where AWS credentials come from that no secret of the policy holds; Envoy fetches them."""

    PROFILE = "profile"  # a credentials file on the Envoy's machine
    CONTAINER = "container"  # ECS task role, EKS pod identity
    INSTANCE = "instance"  # EC2 instance metadata
    ENVIRONMENT = "environment"  # AWS_ACCESS_KEY_ID and its like, of the Envoy's process


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """Static AWS keys, each a GENERIC secret; the edge signs with them."""

    access_key: SecretRef
    secret_key: SecretRef
    session_token: SecretRef | None = None


@dataclass(frozen=True, slots=True)
class Aws:
    """A provider at AWS. ``keys`` None: Envoy signs with what ``source`` gives it.

    ``file`` and ``profile`` are of PROFILE alone. With neither ``keys`` nor ``source`` requests
    carry the provider's ``key`` as a bearer token (a Bedrock API key).
    """

    region: str
    keys: AwsKeys | None = None
    source: AwsSource | None = None
    file: str = ""
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Google:
    """A provider on Vertex AI; its token is the provider's ``key`` (GOOGLE_TOKEN, or GENERIC)."""

    project: str
    location: str


@dataclass(frozen=True, slots=True)
class CoolDown:
    """A target that failed ``after`` times in a row is passed by for ``period``."""

    after: int
    period: timedelta


@dataclass(frozen=True, slots=True)
class Provider:
    """Somebody who answers LLM requests; ``key`` is None where none is wanted.

    ``mends`` tells that the policy names what the server is, so that its quirks are mended, also
    for clients of its own API.
    """

    name: str
    speech: Speech
    url: Url
    key: SecretRef | None
    trust: Trust
    headers: tuple[tuple[str, str], ...]
    connect_timeout: timedelta
    policies: tuple[Applied, ...]
    at: Span = field(compare=False)
    limits: tuple[PlacedLimit, ...] = ()
    mends: bool = False
    aws: Aws | None = None
    google: Google | None = None
    api_version: str = ""
    cool_down: CoolDown | None = None

    @property
    def api(self) -> Api | None:
        """The family whose bytes the provider takes as they are; None where none is."""
        if self.speech.api is pairs.Api.OPENAI:
            return Api.OPENAI
        return Api.ANTHROPIC if self.speech is Speech.ANTHROPIC else None


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
    own. ``price`` is None where nobody knows it, and so is ``window``, the most tokens that the
    model holds.
    """

    provider: str
    model: str
    weight: int
    timeout: timedelta | None
    price: Price | None
    at: Span = field(compare=False)
    window: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Targets among which a request is drawn by weight."""

    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Retries:
    """Further attempts at the same target before the chain goes on, or where there is no other.

    ``attempts`` counts all at one target, the first one too. ``longest_wait`` is the most of a
    provider's Retry-After that is waited for.
    """

    attempts: int
    longest_wait: timedelta


@dataclass(frozen=True, slots=True)
class Fallback:
    """When a request goes on to the next group.

    ``attempt_timeout`` is the time that one attempt has until the first byte of its answer (of a
    stream, with ``gate``: its first content); ``attempts`` counts all of them, the first one too.
    ``gate``: a stream's beginning is held until its first content, so that what fails before it
    goes on too. ``trim``: the oldest turns of a prompt are dropped where it does not fit.
    """

    on: tuple[Trigger, ...]
    attempt_timeout: timedelta | None
    attempts: int
    gate: bool = False
    trim: bool = False
    retries: Retries | None = None


class Choice(StrEnum):
    """By what the first target of a request is chosen."""

    ORDER = "order"  # as they are written
    WEIGHT = "weight"  # drawn by their shares
    COST = "cost"  # the cheapest first; an order that is known when the policy is compiled
    LATENCY = "latency"  # the one that lately began to answer first
    CONTEXT = "context"  # the first whose window the prompt fits


@dataclass(frozen=True, slots=True)
class Model:
    """A name that clients ask for, and the groups that are tried for it in order.

    ``endpoints`` are the operations that all of its targets can serve, in the order of `Endpoint`.
    ``aliases`` are other names of the same model. ``timeout`` bounds a whole request over all
    attempts, from the request's end to the answer's.
    """

    name: str
    aliases: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
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
    choice: Choice = Choice.ORDER

    @property
    def dearest(self) -> tuple[int, int]:
        """The highest prices of input and output among its targets; 0 where nobody knows any."""
        targets = [target for group in self.groups for target in group.targets]
        prices = [target.price for target in targets if target.price is not None]
        return (
            max((price.input for price in prices), default=0),
            max((price.output for price in prices), default=0),
        )


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is taken out of requests, and put back into answers.

    ``rules`` are those of `xds.edge.processing`; ``hash_key`` the secret of `hash` (a GENERIC one),
    whose SDS name they hold.
    """

    name: str
    rules: processing.Redaction
    hash_key: SecretRef | None
    at: Span = field(compare=False)
