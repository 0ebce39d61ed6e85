"""The ``tests`` section: requests, and what the gateway is to do with them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from policies.document import Document, Items, Maybe, OneOrMore, Unfold
from policies.limit_text import MOST
from policies.refusal import refuse, shown
from policies.values import Duration, Timestamp

Text = Annotated[str, Field(max_length=8192)]
BodyText = Annotated[str, Field(max_length=1 << 20)]
Word = Annotated[str, Field(min_length=1, max_length=512)]

NONE = "none"
"""Says that there is to be nobody, or nothing."""

_MONEY = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) USD")
PICO = 10**12
"""Pico-USD in 1 USD."""


def parse_money(value: Any) -> int:
    """Read an amount of money in pico-USD: ``0.01 USD``.

    Raises:
        PydanticCustomError: ``bad-money``.
    """
    found = _MONEY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return refuse("bad-money", f"{shown(value)} is no amount of money", "write `0.01 USD`")
    return int(Decimal(found[1]) * PICO)


PicoUsd = Annotated[
    int,
    BeforeValidator(parse_money),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^{_MONEY.pattern}$",
            "description": "An amount of money.",
            "examples": ["0.01 USD"],
        }
    ),
]
"""``0.01 USD``, in pico-USD."""


class AnswerDocument(Document):
    """What an upstream does with a request. A number is its `status`, a word its `fault`."""

    status: Annotated[int, Field(ge=200, le=599)] = 200
    """The status of its answer."""
    fault: Maybe[
        Literal[
            "connect_failure",
            "timeout",
            "stall",
            "cut",
            "cut_later",
            "in_band",
            "context_exceeded",
            "content_filter",
        ]
    ] = None
    """What it does instead: `connect_failure`, `timeout` (nothing comes), `stall` (a stream begins
    and says nothing), `cut` (a stream ends before its first content), `cut_later` (and after it),
    `in_band` (an error inside a stream), `context_exceeded`, `content_filter`."""
    retry_after: Maybe[Annotated[int, Field(ge=0, le=86_400)]] = Field(default=None, examples=[30])
    """The seconds of its Retry-After."""
    input_tokens: Annotated[int, Field(ge=0, le=10**9)] = 0
    """The tokens of the prompt, as it bills them."""
    output_tokens: Annotated[int, Field(ge=0, le=10**9)] = 0
    """The tokens of its answer."""


def _unfolded(value: Any) -> Any:
    if type(value) is int:
        return {"status": value}
    if value == "ok":
        return {}
    return {"fault": value} if isinstance(value, str) else value


AnswerOf = Annotated[
    AnswerDocument,
    Unfold(
        _unfolded,
        {"type": ["integer", "string"], "examples": [429, "timeout", "ok"]},
    ),
]
"""``429``, ``timeout``, ``ok`` or the mapping."""

ALL = "all"
_USED = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)([kM]?)(?: USD)?")
_FACTORS = {"": 1, "k": 1_000, "M": 1_000_000}


def parse_used(value: Any) -> Decimal | str:
    """Read how much of a limit is used: a number in its unit (of money: USD), or ``all``.

    Raises:
        PydanticCustomError: ``bad-amount``.
    """
    if value == ALL:
        return ALL
    if type(value) in (int, float) and 0 <= value <= MOST:
        return Decimal(str(value))
    found = _USED.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        hint = "write a number in the limit's unit (`50k`, `499.99 USD`), or `all`"
        return refuse("bad-amount", f"{shown(value)} is no amount", hint)
    return Decimal(found[1]) * _FACTORS[found[2]]


UsedAmount = Annotated[
    Any,
    BeforeValidator(parse_used),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": rf"^(all|{_USED.pattern})$", "examples": ["all"]},
            ],
            "description": "How much of a limit is used up.",
        }
    ),
]
"""``all``, or a number in the limit's own unit (of money: USD), as a Decimal."""


def _by_whom(value: Any) -> Any:
    return value if isinstance(value, dict) else {NONE: value}


Used = Annotated[
    dict[Word, UsedAmount],
    Unfold(_by_whom, {"type": ["number", "string"], "examples": ["all", 600]}),
]
"""How much is used by whom; by everybody alike (under ``none``) where it is one amount."""


class GivenDocument(Document):
    """What holds around the gateway, and what its upstreams do.

    Every key but those below is a service, a provider or a target (`provider/model`), and its value
    is what that does: a status, a word, or a list of them of which each request gets the next and
    the last one stays.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, OneOrMore[AnswerOf]] = Field(init=False)

    used: dict[Word, Used] = Field(
        default_factory=dict,
        examples=[{"600 requests/minute": "all", "tenant/acme/cost/month/budget": "499.99"}],
    )
    """What is counted already, by a limit's text or its whole name; and below it by whom it is
    counted for, where each has a counter."""
    cooling: OneOrMore[Word] = Field(default=(), examples=["openai"])
    """The providers that are passed by, because they failed lately."""
    counters: Maybe[Literal["away"]] = None
    """`away`: the store of the counters cannot be reached."""
    edge: Maybe[Literal["away"]] = None
    """`away`: the services beside Envoy cannot be reached."""
    draws: OneOrMore[Annotated[float, Field(ge=0, lt=1)]] = Field(default=(), examples=[[0.95]])
    """Where draws among shares fall, from 0 to below 1, in turn; at 0 unless written."""
    latencies: dict[Word, Duration] = Field(
        default_factory=dict, examples=[{"openai/gpt-4o-mini": "800ms"}]
    )
    """What targets (`provider/model`) take until their first byte."""


class RequestDocument(Document):
    """A request. What is not written is as a client of the API would send it."""

    method: Maybe[Annotated[str, Field(pattern=r"^[A-Z]{1,32}$", examples=["POST"])]] = None
    """The method; `POST` where a model or a body is given, else `GET`."""
    path: Maybe[Annotated[str, Field(min_length=1, max_length=8192, examples=["/orders/7"])]] = None
    """The path with its query; of a request for a model, where the first route that serves it
    offers chat completions (or else messages, ...)."""
    host: Maybe[Word] = Field(default=None, examples=["api.example.com"])
    """The host that is asked for."""
    listener: Maybe[Word] = Field(default=None, examples=["public"])
    """The listener that is asked; the first one unless written."""
    headers: dict[Word, OneOrMore[Text]] = Field(default_factory=dict, examples=[{"x-team": "a"}])
    """Further headers; a list is the same header several times."""
    body: Maybe[BodyText | dict[str, Any]] = Field(
        default=None, examples=[{"model": "fast", "messages": []}, "text"]
    )
    """The body: a text as it is, or a mapping, which is sent as JSON."""
    model: Maybe[Word] = Field(default=None, examples=["fast"])
    """The model that is asked for, in the body."""
    stream: Maybe[bool] = None
    """Whether a stream is asked for, in the body."""
    tools: OneOrMore[Word] = Field(default=(), examples=["look_up"])
    """Names of functions that are offered to the model, in the body."""
    key: Maybe[Word] = Field(default=None, examples=["acme/ci"])
    """Who asks: the id of a key of the policy, `TENANT/KEY` or `TENANT/TEAM/KEY`."""
    issuer: Maybe[Word] = Field(default=None, examples=["corp"])
    """Or whose token it is; the policy's only issuer where `claims` are given."""
    claims: dict[Word, Any] = Field(default_factory=dict, examples=[{"tenant": "acme"}])
    """The claims of the token, which is taken to be a valid one."""
    certificate: Maybe[Word] = Field(default=None, examples=["spiffe://corp/acme"])
    """Or a name in the client certificate, which is taken to be verified."""
    client: Maybe[Annotated[str, Field(pattern=r"^[0-9A-Fa-f.:]+$", examples=["10.1.2.3"])]] = None
    """The client's address; 127.0.0.1 unless written."""
    at: Maybe[Timestamp] = None
    """When it is asked; at a time when every key is in force that may be, unless written."""


class IdentityDocument(Document):
    """Whom the gateway takes the client for. A text is a key's id, a tenant, or `none`."""

    tenant: Maybe[Text] = Field(default=None, examples=["acme"])
    """The tenant."""
    team: Maybe[Text] = Field(default=None, examples=["search"])
    """The team."""
    key: Maybe[Text] = Field(default=None, examples=["acme/ci"])
    """The key, by its id."""
    user: Maybe[Text] = Field(default=None, examples=["ana@acme.example"])
    """The subject of the token."""
    by: Maybe[Literal["keys", "jwt", "oidc", "mtls", "none"]] = None
    """By which way it was told."""


def _told(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value == NONE:
        return {"tenant": ""}
    return {"key": value} if "/" in value else {"tenant": value}


_IDENTITY = Unfold(_told, {"type": "string", "examples": ["acme/ci", "acme", "none"]})


def _status(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch("[1-5]xx", value):
        return value
    if type(value) is int and 100 <= value <= 599:
        return value
    return refuse("bad-status", f"{shown(value)} is no status", "write `429`, or `4xx` for any")


Status = Annotated[
    int | str,
    BeforeValidator(_status),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "string", "pattern": "^[1-5]xx$"},
            ]
        }
    ),
]


class ExpectDocument(Document):
    """What is to become of the request. What is not written may be anything."""

    route: Maybe[Word] = Field(default=None, examples=["orders"])
    """The route that takes it; `none` where none is to."""
    status: Maybe[Status] = Field(default=None, examples=[200, "4xx"])
    """The status of the answer; `4xx` is any of these."""
    code: Maybe[Word] = Field(default=None, examples=["rate_limit_exceeded"])
    """The word for a refusal in its body, such as `rate_limit_exceeded`."""
    identity: Maybe[Annotated[IdentityDocument, _IDENTITY]] = None
    """Whom the gateway takes the client for: a key's id, a tenant, `none`, or a mapping."""
    served_by: Maybe[Word] = Field(default=None, examples=["claude/claude-haiku-4-5", "none"])
    """The target whose answer the client has (`provider/model`); `none` where nobody's."""
    attempts: Maybe[Annotated[int, Field(ge=0, le=100)]] = Field(default=None, examples=[2])
    """How many attempts are made; targets that are passed by are none."""
    targets: Maybe[OneOrMore[Word]] = Field(
        default=None, examples=[["openai/gpt-4o-mini", "claude/claude-haiku-4-5"]]
    )
    """The targets that are tried, in order."""
    redacted: Maybe[OneOrMore[Word] | dict[Word, OneOrMore[Word]]] = Field(
        default=None, examples=[["personal"], {"openai": ["personal"]}]
    )
    """The redactions of what is sent: to the target that is tried last, or by provider or target.
    An empty list is none."""
    limits: dict[Word, Literal["allowed", "refused"]] = Field(
        default_factory=dict, examples=[{"600 requests/minute": "refused"}]
    )
    """What limits and budgets say, by their text or their whole name."""
    location: Maybe[Text] = Field(default=None, examples=["https://www.example.com/"])
    """Where the client is sent."""
    path: Maybe[Text] = Field(default=None, examples=["/v2/orders/7"])
    """The path that the upstream sees."""
    headers: dict[Word, Text] = Field(default_factory=dict, examples=[{"x-team": "none"}])
    """Headers that the policy sets for the upstream; `none` is one that it removes."""
    cost_below: Maybe[PicoUsd] = None
    """The answer costs less, by the tokens that `given` says."""
    latency_below: Maybe[Duration] = None
    """It takes less until the first byte: attempts that time out take their timeout, others what
    `given.latencies` says."""
    lane: Maybe[Literal["native", "preview", "service"]] = None
    """The lane by which the target that is tried last is reached."""


class CaseDocument(Document):
    """A row of a table: what it says takes the place of what the test says."""

    name: Maybe[Annotated[str, Field(min_length=1, max_length=256)]] = Field(
        default=None, examples=["without a key"]
    )
    """What the row is about; what sets it apart unless written."""
    request: RequestDocument = RequestDocument.model_construct()
    """The keys of the request that are the row's own; headers are added."""
    given: GivenDocument = GivenDocument.model_construct()
    """What holds around the gateway, beside what the test says."""
    expect: ExpectDocument = ExpectDocument.model_construct()
    """What is expected, beside what the test says."""


class TestDocument(Document):
    """A request, and what the gateway is to do with it; or a table of them."""

    __test__ = False  # pytest takes classes of this name for its own

    name: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        examples=["a rate-limited OpenAI falls back to Claude"]
    )
    """What it shows, in a few words."""
    request: RequestDocument = RequestDocument.model_construct()
    """The request."""
    given: GivenDocument = GivenDocument.model_construct()
    """What holds around the gateway; all is in order unless written."""
    expect: ExpectDocument = ExpectDocument.model_construct()
    """What is to become of it."""
    cases: Items[CaseDocument] = ()
    """A table: each row is a test of its own, and has all of the above that it does not say."""


class TestsFileDocument(Document):
    """A file of tests, `*.test.yaml`: the same section, apart from the policy."""

    __test__ = False

    gatewright: Literal["v1"] = "v1"
    """The version of this language."""
    tests: Items[TestDocument] = ()
    """The tests."""
