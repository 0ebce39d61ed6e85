"""A value that fits a JSON schema: the arguments of simulated tool calls and structured answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_DEEPEST = 16
_MOST_NODES = 2_000

_STRINGS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T09:30:00Z",
    "time": "09:30:00Z",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "hostname": "example.com",
}


def sample(schema: Any, name: str = "value") -> Any:
    """The plainest value that fits `schema`, the same each time.

    Knows type, properties, items, enum, const, default, anyOf, oneOf, allOf, local $ref, format
    and the bounds of numbers and lengths; a schema that says nothing gets a string. A schema
    that refers to itself ends in null.
    """
    return _sample(schema, name, _Root(schema), 0)


@dataclass(slots=True)
class _Root:
    """The whole schema, and how many nodes may still be visited: a schema can branch for ever."""

    schema: Any
    left: int = _MOST_NODES


def _sample(schema: Any, name: str, root: _Root, depth: int) -> Any:
    root.left -= 1
    if depth > _DEEPEST or root.left < 0:
        return None
    if not isinstance(schema, Mapping):
        return name
    if "$ref" in schema:
        return _sample(_resolve(schema["$ref"], root.schema), name, root, depth + 1)
    if "const" in schema:
        return schema["const"]
    for key in ("enum", "examples"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    if "default" in schema:
        return schema["default"]
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), list) and schema[key]:
            return _sample(schema[key][0], name, root, depth + 1)
    if isinstance(schema.get("allOf"), list):
        return _merged([_sample(part, name, root, depth + 1) for part in schema["allOf"]], name)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if kind == "object" or (kind is None and "properties" in schema):
        return _object(schema, root, depth)
    return _scalar_or_array(kind, schema, name, root, depth)


def _scalar_or_array(
    kind: Any, schema: Mapping[str, Any], name: str, root: _Root, depth: int
) -> Any:
    match kind:
        case "array":
            count = max(1, min(int(_number(schema.get("minItems"), 1)), 64))
            return [_sample(schema.get("items", {}), name, root, depth + 1)] * count
        case "integer":
            return int(_bounded(schema))
        case "number":
            return _bounded(schema)
        case "boolean":
            return True
        case "null":
            return None
    text = _STRINGS.get(str(schema.get("format")), name)
    least, most = _number(schema.get("minLength"), 0), _number(schema.get("maxLength"), 1 << 16)
    return text.ljust(int(min(least, 1 << 16)), "x")[: max(0, int(min(most, 1 << 16)))]


def _object(schema: Mapping[str, Any], root: _Root, depth: int) -> dict[str, Any]:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return {}
    # Optional members stay away, except where no member is required: an empty object shows little.
    required = schema.get("required")
    names = [key for key in properties if not isinstance(required, list) or key in required]
    return {
        str(key): _sample(properties[key], str(key), root, depth + 1)
        for key in (names or list(properties)[:1])
    }


def _merged(values: list[Any], name: str) -> Any:
    """The parts of an allOf as one value: objects join, otherwise the first speaks."""
    if values and all(isinstance(value, dict) for value in values):
        return {key: member for value in values for key, member in value.items()}
    return values[0] if values else name


def _resolve(reference: Any, root: Any) -> Any:
    """Follow a local JSON pointer such as `#/$defs/Address`; what is not there is no schema."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return {}
    found = root
    for step in filter(None, reference[1:].split("/")):
        key = step.replace("~1", "/").replace("~0", "~")
        found = found.get(key, {}) if isinstance(found, Mapping) else {}
    return found


def _number(value: Any, otherwise: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and abs(value) < 1e15 else otherwise


def _bounded(schema: Mapping[str, Any]) -> float:
    least = _number(schema.get("minimum"), _number(schema.get("exclusiveMinimum"), 0) + 1)
    return min(least, _number(schema.get("maximum"), least))
