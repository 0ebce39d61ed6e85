"""Values that fit a JSON schema, judged by an independent validator."""

from __future__ import annotations

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.schema_sample import sample

NAMES = st.sampled_from(["city", "days", "unit", "ok"])
SCALARS = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "minLength": 12},
        {"type": "string", "maxLength": 2},
        {"type": "integer"},
        {"type": "integer", "minimum": 7, "maximum": 9},
        {"type": "number", "exclusiveMinimum": 2},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["string", "null"]},
        {"enum": ["a", "b"]},
        {"const": 5},
    ]
)
SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items, "minItems": 2}, inner),
        st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(
            lambda members: {
                "type": "object",
                "properties": members,
                "required": list(members),
                "additionalProperties": False,
            },
            st.dictionaries(NAMES, inner, min_size=1),
        ),
    ),
    max_leaves=12,
)


@given(SCHEMAS)
def test_a_sample_fits_its_schema(schema):
    """What a simulated model gives as arguments, a real validator accepts."""
    jsonschema.validate(sample(schema), schema)


def test_references_are_followed():
    """$defs, as pydantic and zod write them."""
    schema = {
        "type": "object",
        "properties": {"home": {"$ref": "#/$defs/Address"}},
        "required": ["home"],
        "$defs": {
            "Address": {
                "type": "object",
                "properties": {"street": {"type": "string"}},
                "required": ["street"],
            }
        },
    }
    assert sample(schema) == {"home": {"street": "street"}}


@pytest.mark.timeout(5)
def test_a_schema_that_branches_into_itself_ends():
    """Ten members, each of them the whole schema again: bounded, not 10 to the 16th."""
    schema = {
        "type": "object",
        "properties": {f"p{number}": {"$ref": "#"} for number in range(10)},
        "required": [f"p{number}" for number in range(10)],
    }
    assert isinstance(sample(schema), dict)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["type", "properties", "required", "items", "anyOf", "allOf", "$ref",
                         "enum", "const", "minimum", "maximum", "minItems", "minLength",
                         "maxLength", "format", "default", "exclusiveMinimum"]), inner),
)  # fmt: skip


@settings(max_examples=50)
@given(JSON)
def test_any_json_may_stand_where_a_schema_should(schema):
    """A client can send anything as `parameters`; nothing of it makes the sampler fail."""
    sample(schema)
