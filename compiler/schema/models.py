"""The ``models`` section: the names that clients ask for, and what is tried for them."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, Strict, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from compiler.plan_llm import Choice, Trigger
from compiler.schema.choices import Tag
from compiler.schema.limits import Budgets, Limits
from policies.document import Document, Items, Maybe, NonEmpty, OneOrMore, Unfold, keyed
from policies.values import Duration, ModelName, Tokens


class ServedApi(StrEnum):
    """An API of clients that a model may be offered on."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    RESPONSES = "responses"
    MESSAGES = "messages"
    EMBEDDINGS = "embeddings"
    IMAGES = "images"
    SPEECH = "speech"


Weight = Annotated[int, Field(ge=0, le=1_000_000, examples=[90])]


class TargetDocument(Document):
    """One provider's model. A text is its `to`."""

    to: Annotated[str, Field(min_length=1, max_length=256, examples=["openai/gpt-4o-mini"])]
    """The provider, a slash, and the model as that provider calls it."""
    weight: Maybe[Weight] = None
    """Its share of the requests, relative to the others; all of a list have one, or none."""
    timeout: Maybe[Duration] = None
    """The time that an attempt at this target has, to the end of its answer."""
    context: Maybe[Tokens] = None
    """How many tokens it holds, prompt and answer; what the shipped data knows unless written."""


Target = Annotated[
    TargetDocument, keyed("to", {"type": "string", "examples": ["openai/gpt-4o-mini"]}, str)
]
_GROUP = Annotated[
    Items[Target],
    NonEmpty("empty-chain", "this group has no targets", "name at least one `provider/model`"),
]


class _TargetOrGroup:
    """Let a list of targets stand where a target may, without a union in error locations."""

    __slots__ = ("_group",)

    def __init__(self) -> None:
        self._group: TypeAdapter[Any] | None = None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        target = handler.generate_schema(Target)

        def validate(value: Any, one: Any) -> Any:
            if not isinstance(value, list):
                return one(value)
            if self._group is None:
                self._group = TypeAdapter(_GROUP)
            return self._group.validate_python(value)

        return core_schema.no_info_wrap_validator_function(validate, target)

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        target = handler(core)
        group = {
            "type": "array",
            "items": target,
            "minItems": 1,
            "description": "A group: the targets share the requests by their weights.",
        }
        return {"anyOf": [*target["anyOf"], group]}


class RetriesDocument(Document):
    """Further attempts at the same target, before a chain goes on. A number is how many."""

    attempts: Annotated[int, Field(ge=2, le=10, examples=[3])]
    """How many attempts a target has in all, the first one too."""
    longest_wait: Duration = timedelta(seconds=5)
    """The most that is waited where the provider says when to come again (Retry-After); one that
    wants more is not asked again."""


def _unfold_retries(value: Any) -> Any:
    # `true` is an int, and none of ours.
    return {"attempts": value + 1} if type(value) is int else value


class FallbackDocument(Document):
    """When a request goes on to the next target of its chain, and how long one may take."""

    on: Maybe[Items[Annotated[Trigger, Strict(strict=False)]]] = None
    """What makes it go on; rate_limited, overloaded, timeout and connect_failure unless written."""
    attempt_timeout: Maybe[Duration] = None
    """The time that an attempt has until the first byte of its answer; of a stream that is held,
    until its first content."""
    before_first_token: Maybe[Literal["fall_back", "pass"]] = None
    """What happens to a stream that breaks, stalls or tells of an error before its first content:
    `fall_back`, for which its beginning is held until then, is what chains do unless written;
    `pass` gives it to the client as it comes."""
    after_first_token: Literal["fail"] = "fail"  # noqa: S105 - a token of text, no password
    """What happens when an answer breaks after it has begun: the client is told so."""
    attempts: Maybe[Annotated[int, Field(ge=1, le=64, examples=[2])]] = None
    """How many groups are tried in all; each of them unless written."""
    retries: Maybe[
        Annotated[
            RetriesDocument,
            Unfold(
                _unfold_retries, {"type": "integer", "minimum": 1, "maximum": 9, "examples": [2]}
            ),
        ]
    ] = None
    """How often the same target is asked again before that, waiting as long as it says; not at all
    unless written."""
    trim: Maybe[Literal["oldest"]] = None
    """`oldest`: where a prompt does not fit a target, its oldest turns are dropped, never the
    system prompt nor the last turn. If it does not fit without them either, the chain goes on or
    the client is told (`context_exceeded`). Unless written, it goes as it is."""


class ModelDocument(Document):
    """A name that clients ask for: its targets, in the order in which they are tried.

    Plain targets are a chain. If all of them carry a `weight` they are one group that shares the
    requests. A list among the targets is such a group inside a chain. A text in place of all this
    makes the name another name of the model that it says.
    """

    targets: Annotated[
        Items[Annotated[TargetDocument | tuple[TargetDocument, ...], _TargetOrGroup()]],
        NonEmpty("empty-chain", "this model has no targets", "name at least one `provider/model`"),
        Field(examples=[["openai/gpt-4o-mini", "azure/gpt-4o-mini"]]),
    ]
    """What is tried, in order."""
    choose: Maybe[Annotated[Choice, Strict(strict=False)]] = None
    """By what the first target is chosen: `order`, as they are written; `weight`, by their shares;
    `cost`, the cheapest first (three parts of the input's price to one of the output's); `latency`,
    the one that lately began to answer first; `context`, the smallest window that the prompt fits.
    Shares where targets have them, else the order, unless written."""
    apis: Maybe[
        Annotated[OneOrMore[Annotated[ServedApi, Strict(strict=False)]], Field(min_length=1)]
    ] = None
    """The APIs of clients that it is offered on: `chat`, `completions`, `responses`, `messages`,
    `embeddings`, `images`, `speech`; all that its targets can serve unless written."""
    fallback: FallbackDocument = FallbackDocument.model_construct()
    """When to go on to the next target."""
    timeout: Maybe[Duration] = None
    """The time of a whole request over all attempts; `defaults.model_timeout` unless written."""
    aliases: Items[ModelName] = ()
    """Other names of the same model."""
    tags: OneOrMore[Tag] = ()
    """Words by which tenants choose models."""
    access: Literal["all", "on_request"] = "all"
    """`on_request`: only for tenants that have a grant for it."""
    output: Maybe[Tokens] = None
    """How many tokens of output are reserved for a request that states no bound of its own;
    `4096 tokens` unless written."""
    limits: Limits = ()
    """How much it may be used, by all together unless `each` says otherwise."""
    budget: Budgets = ()
    """How much may be spent on it."""


class _ModelOrAlias:
    """Let the name of another model stand where a model may."""

    __slots__ = ("_name",)

    def __init__(self) -> None:
        self._name: TypeAdapter[Any] | None = None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        def validate(value: Any, model: Any) -> Any:
            if not isinstance(value, str):
                return model(value)
            if self._name is None:
                self._name = TypeAdapter(ModelName)
            return self._name.validate_python(value)

        model = handler.generate_schema(ModelDocument)
        return core_schema.no_info_wrap_validator_function(validate, model)

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        name = {
            "type": "string",
            "description": "The model of which this is another name.",
            "examples": ["fast"],
        }
        return {"anyOf": [name, handler(core)]}


Model = Annotated[ModelDocument | str, _ModelOrAlias()]
