"""Examples for every property of the published schema: what editors show and people copy.

A property that says none of its own has its default, its words, what policy kinds show as right, or
what its parts make together. Tests hold each to the schema that it stands in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compiler.diagnostic import Reporter
from compiler.load import load
from compiler.node import Mapping as MappingNode
from compiler.node import plain
from compiler.read import sources_of
from policies.base import Place
from policies.registry import kinds_at

Schema = dict[str, Any]

_DOCUMENTS = {
    Place.LISTENER: "ListenerDocument",
    Place.SERVICE: "ServiceDocument",
    Place.PROVIDER: "ProviderDocument",
    Place.ROUTE: "RouteDocument",
}
_MOST = 3


def with_examples(schema: Schema) -> Schema:
    """Give ``schema`` with ``examples`` on each property of its root and its definitions."""
    definitions: dict[str, Schema] = schema["$defs"]
    shown = _of_policies()
    given = {
        name: {**one, "properties": _properties(one, definitions, shown.get(name, {}))}
        if "properties" in one
        else one
        for name, one in definitions.items()
    }
    return {**schema, "properties": _properties(schema, definitions, {}), "$defs": given}


def _properties(
    document: Schema, definitions: Mapping[str, Schema], shown: Mapping[str, Any]
) -> dict[str, Schema]:
    properties: dict[str, Schema] = {}
    for key, value in document["properties"].items():
        examples = [shown[key]] if key in shown else _examples(value, definitions, ())
        properties[key] = {**value, "examples": examples} if examples else value
    return properties


def _of_policies() -> dict[str, dict[str, Any]]:
    """Give what each policy kind shows as right, by the document and the key it stands at."""
    return {
        document: {
            name: _read(f"example:\n  {kind.valid.strip().replace(chr(10), chr(10) + '  ')}\n")
            for name, kind in kinds_at(place).items()
        }
        for place, document in _DOCUMENTS.items()
    }


def _read(text: str) -> Any:
    root = load(sources_of({"example.yaml": text}), Reporter())
    assert isinstance(root, MappingNode)  # noqa: S101 - a text of ours, which tests compile
    return plain(root)["example"]


def _examples(
    schema: Schema, definitions: Mapping[str, Schema], within: tuple[str, ...]
) -> list[Any]:
    """Give up to three examples of what ``schema`` takes; ``within`` are definitions under way."""
    return [*_distinct(_found(schema, definitions, within))][:_MOST]


def _found(
    schema: Schema, definitions: Mapping[str, Schema], within: tuple[str, ...]
) -> Iterator[Any]:
    if "examples" in schema:
        yield from schema["examples"]
        return
    if schema.get("default", "") != "":
        yield schema["default"]
    if "const" in schema:
        yield schema["const"]
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in within:
            yield from _found(definitions[name], definitions, (*within, name))
    yield from schema.get("enum", ())
    for choice in ("anyOf", "oneOf"):
        options = [
            one for one in schema.get(choice, ()) if "required" not in one and "not" not in one
        ]
        # One of each form says more than three of the first.
        kinds = [_examples(one, definitions, within) for one in options]
        yield from (kind[0] for kind in kinds if kind)
        yield from (example for kind in kinds for example in kind[1:])
    match schema.get("type"):
        case "boolean":
            yield True
        case "array":
            items = _examples(schema["items"], definitions, within)
            if items:
                yield items[:1]
        case "object":
            yield from _mapping(schema, definitions, within)


def _mapping(
    schema: Schema, definitions: Mapping[str, Schema], within: tuple[str, ...]
) -> Iterator[Any]:
    if "properties" in schema:
        yield from _document(schema, definitions, within)
        return
    values = [*schema.get("patternProperties", {}).values()]
    if isinstance(schema.get("additionalProperties"), dict):
        values.append(schema["additionalProperties"])
    for example in (one for value in values for one in _examples(value, definitions, within)):
        yield {"example": example}


def _document(
    schema: Schema, definitions: Mapping[str, Schema], within: tuple[str, ...]
) -> Iterator[Any]:
    """Give the keys that must be there, with one of those of which one must be; else the first."""
    keys = list(schema.get("required", ()))
    one_of = [choice["required"][0] for choice in schema.get("oneOf", ()) if "required" in choice]
    keys += [key for key in one_of[:1] if key not in keys]
    if not keys:
        keys = list(schema["properties"])[:1]
    example: dict[str, Any] = {}
    for key in keys:
        values = _examples(schema["properties"][key], definitions, within)
        if not values:
            return
        example[key] = values[0]
    yield example


def _distinct(values: Iterator[Any]) -> Iterator[Any]:
    seen: list[tuple[type, Any]] = []
    for value in values:
        # True is 1 to Python, and not to JSON.
        if (type(value), value) not in seen:
            seen.append((type(value), value))
            yield value
