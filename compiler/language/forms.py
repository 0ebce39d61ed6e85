"""What may be written at a place, by the published schema: keys with their docs, and words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from compiler.schema.json_schema import json_schema
from compiler.source import Path

Schema = Mapping[str, Any]


def forms_at(path: Path) -> list[Schema]:
    """Give the schemas of what may stand at ``path``, shorthands too; none where nothing may."""
    return [form for form, _ in _found(path)]


def keys_at(path: Path) -> dict[str, Schema]:
    """Give the keys of the mapping at ``path``, each with its schema; none where names are free."""
    keys: dict[str, Schema] = {}
    for form, _ in _found(path):
        keys.update(form.get("properties", {}))
    return keys


def required_at(path: Path) -> frozenset[str]:
    """Give the keys that a mapping at ``path`` must have."""
    return frozenset(key for form, _ in _found(path) for key in form.get("required", ()))


def key_at(path: Path) -> Schema | None:
    """Give the schema of the key that ``path`` ends with, with its docs; None where it has none."""
    if not path or not isinstance(path[-1], str):
        return None
    return keys_at(path[:-1]).get(path[-1])


def words_at(path: Path) -> dict[str, str]:
    """Give what may be written as a single value, as YAML, each with what it is."""
    words: dict[str, str] = {}
    for form, inherited in _found(path):
        said = form.get("description", "")
        for word in _fixed(form):
            words.setdefault(_yaml(word), "")
        if form.get("type") in ("string", "integer", "number"):
            for example in form.get("examples", inherited):
                if isinstance(example, str | int | float) and not isinstance(example, bool):
                    words.setdefault(_yaml(example), said or "for example")
    return words


def takes_mapping(path: Path) -> bool:
    """Whether a mapping may stand at ``path``."""
    return any(form.get("type") == "object" for form in forms_at(path))


@cache
def _schema() -> Schema:
    return json_schema()


def _fixed(form: Schema) -> Iterator[Any]:
    if "const" in form:
        yield form["const"]
    yield from form.get("enum", ())
    if form.get("type") == "boolean":
        yield from (True, False)


def _found(path: Path) -> list[tuple[Schema, tuple[Any, ...]]]:
    """Give the forms at a path, each with the examples of the property that it stands in."""
    forms = list(_expanded(_schema(), ()))
    for step in path:
        forms = [inner for form, _ in forms for inner in _step(form, step)]
    return forms


def _step(form: Schema, step: str | int) -> Iterator[tuple[Schema, tuple[Any, ...]]]:
    if isinstance(step, int):
        if isinstance(form.get("items"), dict):
            yield from _expanded(form["items"], ())
        return
    if step in form.get("properties", {}):
        yield from _expanded(form["properties"][step], ())
        return
    for pattern, inner in form.get("patternProperties", {}).items():
        if re.search(pattern, step):
            yield from _expanded(inner, ())
    if isinstance(form.get("additionalProperties"), dict):
        yield from _expanded(form["additionalProperties"], ())


def _expanded(form: Schema, examples: tuple[Any, ...]) -> Iterator[tuple[Schema, tuple[Any, ...]]]:
    """Give a schema's alternatives, with references followed."""
    examples = tuple(form.get("examples", examples))
    if "$ref" in form:
        yield from _expanded(_schema()["$defs"][form["$ref"].rpartition("/")[2]], examples)
        return
    options = [
        one
        for choice in ("anyOf", "oneOf")
        for one in form.get(choice, ())
        if "required" not in one and "not" not in one
    ]
    for one in options:
        yield from _expanded(one, examples)
    if not options:
        yield form, examples


def _yaml(word: Any) -> str:
    """Spell a value as it is written in a policy."""
    if isinstance(word, str):
        plain = re.fullmatch(r"[A-Za-z0-9_./~-][A-Za-z0-9_./:@+ %-]*", word)
        ambiguous = re.fullmatch(r"true|false|null|~|[0-9.+-][0-9._eE+-]*", word)
        if plain and not ambiguous and ": " not in word and not word.endswith((":", " ")):
            return word
        return json.dumps(word, ensure_ascii=False)
    return json.dumps(word)
