"""Parsing: pydantic's locations become places of the text, and its errors become sentences."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from compiler.diagnostic import Reporter
from compiler.fields import fields_at, short_forms_at
from compiler.load import load
from compiler.node import plain
from compiler.parse import parse
from compiler.read import sources_of
from compiler.refused import refused
from compiler.schema import GatewayDocument
from policies.document import Document, Items, Maybe, OneOrMore, keyed

HEAD = "gatewright: v1\nname: edge\n"


class Circle(Document):
    kind: Literal["circle"]
    radius: Annotated[int, Field(ge=1)]


class Square(Document):
    kind: Literal["square"]
    side: int


class Inner(Document):
    """A part. A text is its `to`."""

    to: str
    weight: Maybe[int] = None


class Shapes(Document):
    """Every form of location that pydantic gives."""

    tagged: Annotated[Circle | Square, Field(discriminator="kind")] | None = None
    either: Circle | Square | None = None
    names: dict[Annotated[str, Field(pattern="^[a-z]+$")], int] = Field(default_factory=dict)
    parts: OneOrMore[Annotated[Inner, keyed("to", {"type": "string"}, str)]] = ()
    texts: Items[Annotated[str, Field(min_length=2, max_length=4)]] = ()
    pair: Annotated[Items[int], Field(min_length=1, max_length=2)] = (1,)
    checked: str = ""

    @field_validator("checked")
    @classmethod
    def _check(cls, value: str) -> str:
        if value == "custom":
            raise PydanticCustomError("bad-thing", "no {what}", {"what": "way", "hint": "turn"})
        if value == "plain":
            raise ValueError("not so")
        return value


def node_of(text):
    reporter = Reporter()
    node = load(sources_of({"gateway.yaml": text}), reporter)
    assert not reporter.failed, reporter.diagnostics
    return node


def found(text, document: type[BaseModel] = Shapes):
    node = node_of(text)
    try:
        document.model_validate(plain(node))
    except ValidationError as invalid:
        return refused(invalid, node, document)
    return ()


def only(text, document: type[BaseModel] = Shapes):
    [one] = found(text, document)
    return one


def parsed(text):
    reporter = Reporter()
    return parse(node_of(HEAD + text), reporter), reporter.diagnostics


def marked(text, diagnostic):
    """The text that a diagnostic of one line points at."""
    span = diagnostic.span
    assert span.line == span.end_line
    return text.splitlines()[span.line - 1][span.column - 1 : span.end_column - 1]


def test_a_document_and_its_places():
    """A right policy is a document, and every path of it leads to a place."""
    result, said = parsed("services: { orders: { endpoints: [orders.internal:8080] } }\n")
    assert said == []
    assert result.document.services["orders"].endpoints[0].address.host == "orders.internal"
    assert str(result.locate(("services", "orders"))) == "gateway.yaml:3:13"


def test_a_tag_of_a_union_is_no_key():
    """The fault is at the value, whatever pydantic calls the branch."""
    text = "tagged: { kind: circle, radius: 0 }\n"
    one = only(text)
    assert (one.code, marked(text, one)) == ("out-of-range", "0")


def test_an_unknown_tag():
    """The word that chooses the branch is wrong."""
    one = only("tagged: { kind: oval }\n")
    assert one.code == "bad-value"
    assert str(one.span) == "gateway.yaml:1:1"


def test_of_a_union_one_branch_is_told():
    """Faults of a branch that was not meant are noise."""
    text = "either: { kind: square, side: x }\n"
    assert "radius" not in " ".join(one.message for one in found(text))


def test_a_fault_of_a_key_is_at_the_key():
    """Names are checked too, and are not values."""
    text = "names: { ok: 1, NO: 2 }\n"
    one = only(text)
    assert (one.code, marked(text, one)) == ("bad-form", "NO")


def test_a_fault_inside_of_a_shorthand_is_at_what_was_written():
    """The key that the shorthand stands for is nowhere in the text."""
    text = "parts: [{ to: a, weight: x }, 3]\n"
    said = found(text)
    assert [marked(text, one) for one in said] == ["x", "3"]


def test_one_item_in_place_of_a_list():
    """The index that pydantic counts is nowhere in the text."""
    text = "parts: { to: a, wait: 1 }\n"
    one = only(text)
    assert (one.code, marked(text, one), one.hint) == (
        "unknown-key",
        "wait",
        "did you mean `weight`?",
    )


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("texts: [a]", "too-short", "an item of `texts` needs at least 2 characters"),
        ("texts: [abcde]", "too-long", "an item of `texts` has more than 4 characters"),
        ("pair: []", "too-short", "`pair` is empty"),
        ("pair: [1, 2, 3]", "too-long", "`pair` has more than 2 items"),
        ("pair: [1.5]", "wrong-type", "an item of `pair` wants a whole number, not a number"),
        ("checked: plain", "bad-value", "not so"),
        ("checked: custom", "bad-thing", "no way"),
    ],
)
def test_sentences(text, code, message):
    """Errors of pydantic's own are said in the same words everywhere."""
    one = only(text + "\n")
    assert (one.code, one.message) == (code, message)


def test_a_custom_error_keeps_its_hint():
    """What a type of the language says is passed on."""
    assert only("checked: custom\n").hint == "turn"


def test_all_faults_are_told_in_the_order_of_the_text():
    """One run shows everything that is wrong with the values."""
    _, said = parsed("zzz: 1\nservices: { a: {} }\nlisteners: { b: {} }\n")
    assert [one.span.line for one in said] == [3, 4, 5]


def test_a_fault_of_a_reused_value_is_told_once():
    """An alias repeats the value, not the complaint."""
    _, said = parsed("services: { a: &a { endpoint: [x:1], endpoints: [x:1] }, b: *a, c: *a }\n")
    assert [one.code for one in said] == ["unknown-key"]


def test_the_fields_of_a_place():
    """The keys that may stand at a path come from the documents' types."""
    fields = fields_at(GatewayDocument, ("models", "fast", "targets", 0))
    assert set(fields) == {"to", "weight", "timeout", "context"}
    assert not fields_at(GatewayDocument, ("services",))


def test_the_short_forms_of_a_place():
    """A scalar may stand for a mapping where the document says so."""
    assert short_forms_at(GatewayDocument, ("routes", 0, "match")) == ("string",)
    assert short_forms_at(GatewayDocument, ("models", "fast")) == ("string",)
    assert short_forms_at(GatewayDocument, ("services", "orders")) == ()


def test_every_key_of_the_language_has_words_for_a_wrong_type():
    """Whatever the document says, a list where it wants none is a diagnostic with a place."""
    for name in GatewayDocument.model_fields:
        if name == "routes":
            continue
        node = node_of(f"{HEAD if name not in ('gatewright', 'name') else ''}{name}: [[[1]]]\n")
        reporter = Reporter()
        parse(node, reporter)
        assert any(one.span and one.span.line for one in reporter.diagnostics), name


def test_errors_of_a_list_at_the_root():
    """Locations that begin with an index are followed too."""
    adapter = TypeAdapter(list[int])
    node = node_of("a: [1, x]\n").entries["a"].value
    with pytest.raises(ValidationError) as invalid:
        adapter.validate_python(plain(node))
    [one] = refused(invalid.value, node, Shapes)
    assert str(one.span) == "gateway.yaml:1:8"
