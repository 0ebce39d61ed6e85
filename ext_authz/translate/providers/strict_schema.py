"""JSON schemas as Anthropic's structured output takes them.

Source: Anthropic's guide "Structured outputs": objects must say `additionalProperties: false`, and
constraints on numbers, on lengths and on the size of arrays are not supported; what is left out
of the schema is told in the description, where the model still reads it.
"""

from __future__ import annotations

from typing import Any, Final

_UNSUPPORTED: Final = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
)
_SCHEMAS: Final = ("items", "not", "additionalItems", "contains")
_LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAPS: Final = ("properties", "$defs", "definitions")


def strict_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with what is not supported moved into descriptions."""
    result: dict[str, Any] = {}
    told: list[str] = []
    for key, value in schema.items():
        if key in _UNSUPPORTED or (key == "minItems" and value not in (0, 1)):
            told.append(f"{key}: {value}")
        elif key in _SCHEMAS and isinstance(value, dict):
            result[key] = strict_schema(value)
        elif key in _LISTS and isinstance(value, list):
            name = "anyOf" if key == "oneOf" else key
            result[name] = [strict_schema(one) if isinstance(one, dict) else one for one in value]
        elif key in _MAPS and isinstance(value, dict):
            result[key] = {
                name: strict_schema(one) if isinstance(one, dict) else one
                for name, one in value.items()
            }
        else:
            result[key] = value
    if told:
        described = result.get("description")
        constraints = f"({', '.join(told)})"
        result["description"] = f"{described} {constraints}" if described else constraints
    kind = result.get("type")
    if kind == "object" or "properties" in result or (isinstance(kind, list) and "object" in kind):
        result["additionalProperties"] = False
    return result
