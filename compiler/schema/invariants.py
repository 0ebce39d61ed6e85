"""The ``invariants`` section: what must hold for every request that the policy allows."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    TypeAdapter,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from compiler.plan_accounts import AuthKind
from compiler.plan_llm import Trust
from compiler.schema.choices import ModelChoice, RouteChoice, Tag, TenantChoice
from compiler.schema.groups import NameGlob
from compiler.schema.models import ServedApi
from compiler.schema.redactions import DetectorName
from compiler.schema.tenants import Line
from policies.document import Document, Items, Maybe, NonEmpty, OneOrMore, one_of
from policies.values import Name, refuse
from xds.edge.detectors import DETECTORS, GROUPS

NONE = "none"
"""The word for nothing at all, where a path may have several: no redaction, no limit."""


class Served(StrEnum):
    """What a route does with a request."""

    MODELS = "models"  # serve: llm
    SERVICES = "services"  # service, split
    REDIRECT = "redirect"
    ANSWER = "answer"  # respond


class Transport(StrEnum):
    """How a listener is spoken to."""

    PLAINTEXT = "plaintext"
    TLS = "tls"
    MTLS = "mtls"  # TLS, and clients show a certificate


class Limited(StrEnum):
    """What a limit counts; `none` is that nothing bounds how much is used."""

    NONE = "none"
    REQUESTS = "requests"
    TOKENS = "tokens"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    COST = "cost"
    CONCURRENT = "concurrent"


class Kept(StrEnum):
    """Where requests are written down."""

    NONE = "none"
    EMBEDDED = "embedded"
    POSTGRES = "postgres"


def _alone(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse `none` beside others: nothing has none of them and some of them."""
    if NONE in values and len(values) > 1:
        refuse("bad-condition", "`none` and others at once: no request is both", "keep one of them")
    return values


ALONE = AfterValidator(_alone)

T = TypeVar("T")
Some = Annotated[
    OneOrMore[T],
    NonEmpty("empty-condition", "this list holds nothing", "write one, or remove the key"),
]
"""One of these, or a list of at least one."""

TargetGlob = Annotated[
    str,
    Field(pattern=r"^[a-z0-9*][a-z0-9*-]*/\S+$", max_length=256),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[a-z0-9*][a-z0-9*-]*/\S+$",
            "maxLength": 256,
            "description": "A provider's model as `provider/model`, or a glob of these.",
            "examples": ["openai/gpt-4o", "openai/*", "*/*preview*"],
        }
    ),
]

Detected = Annotated[
    DetectorName,
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[a-z][a-z0-9_]*$",
            "maxLength": 48,
            "description": "A detector or a group of them, built in or of the policy's own.",
            "examples": [next(iter(GROUPS)), DETECTORS[0], "employee_id"],
        }
    ),
]


class ConditionDocument(Document):
    """What a path is to be like: all that is written holds of it.

    A path is a way that the policy allows: through a listener, on a route, for somebody, and from
    there to a service, or by an operation of a model to one of its targets. Of what a path has one
    of, a list is one of these; of what it may have several of (`redaction`, `detectors`, `limits`,
    `own_limits`) a list is all of these, and `none` is that there is none.
    """

    listeners: Maybe[Some[NameGlob]] = None
    """The listener, by name or glob."""
    transport: Maybe[Some[Annotated[Transport, Strict(strict=False)]]] = None
    """How the listener is spoken to: `plaintext`, `tls`, or `mtls`, which is `tls` as well."""
    routes: Maybe[Some[RouteChoice]] = None
    """The route, by name, glob or tag."""
    serves: Maybe[Some[Annotated[Served, Strict(strict=False)]]] = None
    """What the route does: `models`, `services`, `redirect` or `answer`."""
    services: Maybe[Some[NameGlob]] = None
    """The service that it leads to, by name or glob."""
    auth: Maybe[Some[Annotated[AuthKind, Strict(strict=False)]]] = None
    """How it is known who asks: `keys`, `jwt`, `oidc`, `mtls`, or `none` where it is not."""
    tenants: Maybe[Some[TenantChoice]] = None
    """The tenant, by name, glob or tag."""
    tiers: Maybe[Some[NameGlob]] = None
    """The tenant's own tier, by name or glob."""
    models: Maybe[Some[ModelChoice]] = None
    """The model, by name, glob or tag."""
    operations: Maybe[Some[Annotated[ServedApi, Strict(strict=False)]]] = None
    """The API of clients on which the model is asked, as in a model's `apis`."""
    providers: Maybe[Some[NameGlob]] = None
    """The provider that may be asked, by name or glob; those of fallbacks as well."""
    targets: Maybe[Some[TargetGlob]] = None
    """The provider's model that may be asked, by `provider/model` or glob."""
    egress: Maybe[Some[Annotated[Trust, Strict(strict=False)]]] = None
    """Where the request goes: to a provider with `trust: external`, or `internal`."""
    tags: Maybe[Some[Tag]] = None
    """A tag of the route, the tenant, the team or the model."""
    redaction: Maybe[Annotated[Some[Name], ALONE]] = None
    """The redactions that hold for what is sent to this provider, or `none`."""
    detectors: Maybe[Annotated[Some[Detected], ALONE]] = None
    """What these redactions look for: detectors or groups, or `none`."""
    limits: Maybe[Annotated[Some[Annotated[Limited, Strict(strict=False)]], ALONE]] = None
    """What is limited, by a limit or budget of anybody's that holds for the request: `requests`,
    `tokens`, `input_tokens`, `output_tokens`, `cost`, `concurrent`. `none`: nothing but, at most,
    requests under way at the same time. Of providers, those of the first group count: what a
    fallback takes of its provider's limits is settled afterwards."""
    own_limits: Maybe[Annotated[Some[Annotated[Limited, Strict(strict=False)]], ALONE]] = None
    """The same, of limits that count for whoever asks alone: those of the tenant, the team and the
    key, and any for `each` tenant, team, key or user."""
    ledger: Maybe[Some[Annotated[Kept, Strict(strict=False)]]] = None
    """Where requests are written down: `none`, `embedded` or `postgres`."""


def _says_something(condition: ConditionDocument) -> ConditionDocument:
    if not condition.model_fields_set:
        refuse(
            "empty-condition",
            "this condition says nothing, and would hold for everything",
            "write what is meant, such as `egress: external`",
        )
    return condition


Condition = Annotated[ConditionDocument, AfterValidator(_says_something)]
Conditions = Annotated[
    OneOrMore[Condition],
    NonEmpty("empty-condition", "this list holds no condition", "write one, or remove the key"),
]

_FORBIDDEN: dict[str, Any] = {"egress": "external", "redaction": "none"}


class InvariantDocument(Document):
    """What holds for all requests that the policy allows, or the policy is refused.

    Exactly one of `forbid` and `require`. A list of conditions is each of them by itself.
    """

    model_config = ConfigDict(json_schema_extra=one_of(("forbid", "require")))

    name: Annotated[Line, Field(examples=["no raw personal data leaves"])]
    """What it is called when it is violated: a sentence of yours."""
    where: Annotated[Maybe[Conditions], Field(examples=[{"tenants": "tag:confidential"}])] = None
    """The paths that it is about, such as those of some tenants; all unless written."""
    forbid: Annotated[Maybe[Conditions], Field(examples=[_FORBIDDEN])] = None
    """What no path may be like."""
    require: Annotated[Maybe[Conditions], Field(examples=[{"auth": ["keys", "jwt"]}])] = None
    """What each path is like that this can be said of: what is required of models is required of
    requests for models."""
    except_: Annotated[
        Maybe[Conditions], Field(alias="except", examples=[{"routes": "healthz"}])
    ] = None
    """The paths that are excepted."""
    severity: Literal["error", "warning"] = "error"
    """Whether a policy that violates it is refused, or told so."""
    absent: Literal["error", "allowed"] = "error"
    """Whether what it names by name, glob or tag may be absent from the policy: `allowed` is for
    invariants that many gateways share."""
    reason: Annotated[str, Field(max_length=1024, examples=["article 28 of the contract"])] = ""
    """Why, for those whose policy violates it."""


class _WhenWritten:
    """Make the validators of a section when it is written: most policies do not have it."""

    __slots__ = ("_adapter",)

    def __init__(self) -> None:
        self._adapter: TypeAdapter[Any] | None = None

    def __get_pydantic_core_schema__(
        self, source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: self._made(source).validate_python(value), metadata={"source": source}
        )

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(self._made(core["metadata"]["source"]).core_schema)

    def _made(self, source: Any) -> TypeAdapter[Any]:
        if self._adapter is None:
            self._adapter = TypeAdapter(source)
        return self._adapter


Invariants = Annotated[Items[InvariantDocument], _WhenWritten()]
