"""JSON Schema in words: the tables of keys on the language's pages.

Works on what pydantic publishes for a document, so that a page tells what an editor is told too.
Defaults are shown as a person would write them (`2s`, `32 MiB`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
Link = Callable[[str], str]
"""From the name of a definition to the Markdown that points at its table."""

_ISO_SECONDS = re.compile(r"PT?(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")


def prose(text: str) -> str:
    """A docstring as Markdown: reStructuredText's doubled backticks become single."""
    return text.replace("``", "`").strip()


def spoken(definition: str) -> str:
    """The heading of a definition: `ValueMatchDocument` is `value match`."""
    name = definition.removesuffix("Document")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def anchor(heading: str) -> str:
    """The fragment that GitHub gives a heading."""
    return re.sub(r"[^a-z0-9_-]", "", heading.lower().replace(" ", "-"))


def key_table(schema: Schema, link: Link, elsewhere: Mapping[str, str]) -> Iterator[str]:
    """The keys of a mapping as a Markdown table; `elsewhere` are keys with a page of their own."""
    required = schema.get("required", ())
    yield "| key | value | default | meaning |\n|---|---|---|---|\n"
    for name, value in schema["properties"].items():
        if name in elsewhere:
            continue
        default = "*required*" if name in required else default_words(value)
        meaning = " ".join(prose(value.get("description", "")).split())
        cells = (f"`{name}`", words(value, link), default, meaning)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
    yield "\n"


def words(schema: Schema, link: Link) -> str:
    """What may be written, in a few words."""
    if "$ref" in schema:
        return link(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return f"`{_scalar(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{_scalar(value)}`" for value in schema["enum"])
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            spellings = [words(option, link) for option in schema[choice]]
            *single, last = dict.fromkeys(spellings)
            together = " or ".join(single)
            if last in (f"list of {together}", f"list of ({together})"):
                return f"{together}, or a list of them"
            return " or ".join((*single, last))
    match schema.get("type"):
        case "array":
            item = words(schema["items"], link)
            return f"list of ({item})" if " or " in item else f"list of {item}"
        case "object":
            return _mapping(schema, link)
        case "boolean":
            return "`true` or `false`"
        case "integer" | "number":
            return _number(schema)
        case _:
            return _text(schema)


def default_words(schema: Schema) -> str:
    """The default as one would write it; empty where there is none to show."""
    default = schema.get("default")
    if default in (None, "", []) or isinstance(default, dict):
        return ""
    if isinstance(default, str) and (found := _ISO_SECONDS.fullmatch(default)):
        return f"`{_duration(found)}`"
    if isinstance(default, int) and schema.get("type") == "string":
        return f"`{_size(default, schema.get('examples', []))}`"
    if isinstance(default, list):
        return f"`[{', '.join(map(_scalar, default))}]`"
    return f"`{_scalar(default)}`"


def defined(schema: Any) -> Iterator[str]:
    """The names of the definitions that a schema refers to, in the order of the text."""
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for value in schema.values():
            yield from defined(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from defined(value)


def _mapping(schema: Schema, link: Link) -> str:
    values = [*schema.get("patternProperties", {}).values()]
    if isinstance(extra := schema.get("additionalProperties"), Mapping):
        values.append(extra)
    return f"mapping of a name to {words(values[0], link)}" if values else "mapping"


def _number(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"number, {low} to {high}"
    return f"number, at least {low}" if low is not None else "number"


def _text(schema: Schema) -> str:
    examples = schema.get("examples")
    if not examples:
        return "text"
    return "text such as " + ", ".join(f"`{_scalar(example)}`" for example in examples[:2])


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _duration(found: re.Match[str]) -> str:
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if total == 0:
        return "none"
    for unit, length in (("h", 3600), ("m", 60), ("s", 1)):
        if total >= length and total % length == 0:
            return f"{total / length:g}{unit}"
    return f"{total * 1000:g}ms"


def _size(value: int, examples: list[Any]) -> str:
    if any(str(example).endswith("%") for example in examples):
        return f"{value}%"
    for unit, length in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value >= length and value % length == 0:
            return f"{value // length} {unit}"
    return str(value)
