"""The base of every document of the language: strict, frozen, closed, and honest about shorthands.

A document is what was written, checked but not interpreted. Shorthands (``match: /orders`` for
``match: {prefix: /orders}``) are unfolded before validation and not by unions, so that an error
names the place that people wrote and not a branch of a union.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from policies.field_docs import field_docs
from policies.refusal import refuse

T = TypeVar("T")


class Document(BaseModel):
    """A mapping of the language: no unknown keys, no coercion of scalars, never changed.

    What a key is for stands in the string below its field (``policies.field_docs`` reads it).
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        # Nested documents are built once, inside the document that holds them.
        defer_build=True,
        # Errors are shown by the compiler with their place; secrets must not ride along.
        hide_input_in_errors=True,
        protected_namespaces=(),
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Say what the keys are for."""
        written = handler(core)
        properties = handler.resolve_ref_schema(written).get("properties", {})
        for name, text in field_docs(cls).items():
            properties[cls.model_fields[name].alias or name]["description"] = text
        return written


Items = Annotated[tuple[T, ...], Strict(strict=False)]
"""A YAML list, kept as a tuple; its items stay strict."""


class Unfold:
    """Mark a type as having a shorthand: ``unfold`` turns the short form into the full one.

    ``short`` is the JSON Schema of the short form; the published schema offers both. ``unfold``
    gets whatever was written and returns what it does not know unchanged.

    Example:
        ``Annotated[Match, Unfold(lambda v: {"prefix": v} if isinstance(v, str) else v,
        {"type": "string"})]``
    """

    __slots__ = ("short", "unfold")

    def __init__(self, unfold: Callable[[Any], Any], short: JsonSchemaValue) -> None:
        self.unfold = unfold
        self.short = short

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Run ``unfold`` before the type's own validation."""
        return BeforeValidator(self.unfold).__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Offer the short form beside the full one."""
        full = handler(core)
        short = self.short
        if "anyOf" in full and not full.keys() - {"anyOf"}:
            return {"anyOf": [short, *full["anyOf"]]}
        return {"anyOf": [short, full]}


def keyed(key: str, short: JsonSchemaValue, *types: type) -> Unfold:
    """Let a scalar of one of ``types`` stand for the mapping ``{key: scalar}``."""

    def unfold(value: Any) -> Any:
        return {key: value} if type(value) in types else value

    return Unfold(unfold, short)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


class _OneOrMore:
    """Let one item stand for the list of it; the published schema says so."""

    __slots__ = ()

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return BeforeValidator(_listed).__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        full = handler(core)
        return {"anyOf": [full["items"], full]} if "items" in full else full


class NonEmpty:
    """Refuse an empty list with a diagnostic of its own."""

    __slots__ = ("code", "hint", "message")

    def __init__(self, code: str, message: str, hint: str) -> None:
        self.code, self.message, self.hint = code, message, hint

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Count after the items were checked."""
        return AfterValidator(self._check).__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Say it to editors too."""
        return {**handler(core), "minItems": 1}

    def _check(self, items: Any) -> Any:
        if not items:
            refuse(self.code, self.message, self.hint)
        return items


def one_of(keys: Iterable[str], at_least: int = 1) -> dict[str, Any]:
    """Give the JSON Schema that says: one of these keys, and not two.

    The compiler checks it when it links, where it can show both places.
    """
    choices: list[Any] = [{"required": [key]} for key in keys]
    if at_least == 0:
        choices.append({"not": {"anyOf": list(choices)}})
    return {"oneOf": choices}


class _NotNull:
    """Keep ``null`` out of a type that says ``| None`` only for what was left away."""

    __slots__ = ()

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        core = handler(source)
        return core["schema"] if core["type"] == "nullable" else core


Maybe = Annotated[T | None, _NotNull()]
"""A key that may be left away (``= None``), but has a value when it is written."""

OneOrMore = Annotated[tuple[T, ...], Strict(strict=False), _OneOrMore()]
"""One item, or a list of them; kept as a tuple."""
