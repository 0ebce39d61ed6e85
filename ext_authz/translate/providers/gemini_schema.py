"""JSON schemas as Gemini's `parameters` and `responseSchema` take them: a part of OpenAPI 3.0.

Source: the `Schema` message of the Gemini API. References are resolved (one that leads back to
itself ends as an object without members), lists of types become `nullable` or `anyOf`, a constant
an `enum`, and keywords that the message does not have are left out.
"""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.errors import RefusedError

_KEPT: Final = (
    "title",
    "description",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
    "required",
    "nullable",
    "propertyOrdering",
    "example",
)
_FORMATS: Final = {
    "string": ("enum", "date-time"),
    "number": ("float", "double"),
    "integer": ("int32", "int64"),
}
_MOST_SCHEMAS: Final = 5000
_MOST_MERGED: Final = 16
_TYPES: Final = ("string", "number", "integer", "boolean", "array", "object")


def openapi_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema in the words that Gemini knows."""
    definitions = {
        f"#/{place}/{name}": inner
        for place in ("$defs", "definitions")
        if isinstance(schema.get(place), dict)
        for name, inner in schema[place].items()
        if isinstance(inner, dict)
    }
    return _written(schema, _Scope(definitions), ())


class _Scope:
    """What references may lead to, and how many schemas may still be written.

    References that fan out (each definition naming the next one twice) would make a small schema
    exponentially large.
    """

    def __init__(self, definitions: dict[str, dict[str, Any]]) -> None:
        self.definitions = definitions
        self._left = _MOST_SCHEMAS

    def spend(self) -> None:
        """Count one schema; raises `RefusedError` when there were too many."""
        self._left -= 1
        if self._left < 0:
            raise RefusedError(f"A schema has more than {_MOST_SCHEMAS} parts, references resolved")


def _written(schema: dict[str, Any], scope: _Scope, path: tuple[str, ...]) -> dict[str, Any]:
    scope.spend()
    reference = schema.get("$ref")
    if isinstance(reference, str):
        found = scope.definitions.get(reference)
        if found is None or reference in path:
            return {"type": "OBJECT"}
        beside: dict[str, Any] = {key: value for key, value in schema.items() if key != "$ref"}
        return _written({**found, **beside}, scope, (*path, reference))
    if isinstance(merged := schema.get("allOf"), list):
        if path.count("allOf") > _MOST_MERGED:
            return {"type": "OBJECT"}
        return _written(_merged(schema, merged, scope), scope, (*path, "allOf"))
    result: dict[str, Any] = {key: schema[key] for key in _KEPT if key in schema}
    variants = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(variants, list):
        _any_of(variants, result, scope, path)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = _types(kind, result, schema, scope, path)
    if "const" in schema:
        result["enum"] = [schema["const"]]
    elif isinstance(schema.get("enum"), list):
        result["enum"] = schema["enum"]
    if "enum" in result:
        kind = _enum(result, kind)
    if kind is None and "anyOf" not in result:
        kind = "object" if "properties" in schema else "array" if "items" in schema else None
    if kind in _TYPES:
        result["type"] = kind.upper()
    if result.get("format") not in _FORMATS.get(kind or "", ()):
        result.pop("format", None)
    _children(schema, result, kind, scope, path)
    return result


def _children(
    schema: dict[str, Any],
    result: dict[str, Any],
    kind: Any,
    scope: _Scope,
    path: tuple[str, ...],
) -> None:
    properties = schema.get("properties")
    if isinstance(properties, dict) and properties:
        result["properties"] = {
            name: _written(inner, scope, path)
            for name, inner in properties.items()
            if isinstance(inner, dict)
        }
    if isinstance(items := schema.get("items"), dict):
        result["items"] = _written(items, scope, path)
    elif kind == "array":
        first = schema.get("prefixItems")
        given = first[0] if isinstance(first, list) and first else {"type": "string"}
        result["items"] = _written(given, scope, path) if isinstance(given, dict) else {}
    if isinstance(required := result.get("required"), list):
        known = result.get("properties", {})
        result["required"] = [name for name in required if name in known]
        if not result["required"]:
            del result["required"]


def _any_of(
    variants: list[Any],
    result: dict[str, Any],
    scope: _Scope,
    path: tuple[str, ...],
) -> None:
    """Write variants; one of them being null makes the others nullable."""
    shapes = [one for one in variants if isinstance(one, dict)]
    real = [one for one in shapes if one.get("type") != "null"]
    if len(real) < len(shapes):
        result["nullable"] = True
    written = [_written(one, scope, path) for one in real]
    if len(written) == 1:
        for key, value in written[0].items():
            result.setdefault(key, value)
    elif written:
        result["anyOf"] = written


def _types(
    kinds: list[Any],
    result: dict[str, Any],
    schema: dict[str, Any],
    scope: _Scope,
    path: tuple[str, ...],
) -> Any:
    real = [kind for kind in kinds if kind != "null"]
    if len(real) < len(kinds):
        result["nullable"] = True
    if len(real) == 1:
        return real[0]
    beside: dict[str, Any] = {key: schema[key] for key in ("items", "properties") if key in schema}
    result["anyOf"] = [_written({**beside, "type": kind}, scope, path) for kind in real]
    return None


def _enum(result: dict[str, Any], kind: Any) -> Any:
    """An enumeration holds strings only; null in it makes it nullable."""
    values = [value for value in result["enum"] if value is not None]
    if len(values) < len(result["enum"]):
        result["nullable"] = True
    if all(isinstance(value, str) for value in values) and values:
        result["enum"] = values
        return kind or "string"
    del result["enum"]
    return kind or ("integer" if all(type(value) is int for value in values) else "number")


def _merged(schema: dict[str, Any], parts: list[Any], scope: _Scope) -> dict[str, Any]:
    """`allOf` as one schema: what its parts say, together."""
    merged = {key: value for key, value in schema.items() if key != "allOf"}
    for given in parts:
        part = given
        if isinstance(part, dict) and isinstance(part.get("$ref"), str):
            part = scope.definitions.get(part["$ref"], {})
        if not isinstance(part, dict):
            continue
        for key, value in part.items():
            if key == "properties" and isinstance(value, dict):
                merged[key] = {**value, **(merged.get(key) or {})}
            elif key == "required" and isinstance(value, list):
                known = merged.get(key) or []
                merged[key] = [*known, *(name for name in value if name not in known)]
            else:
                merged.setdefault(key, value)
    return merged
