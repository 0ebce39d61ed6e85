"""docs/language.md: the sections of a policy, from the schema's own docstrings and defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from compiler.schema import GatewayDocument
from docs.policies_page import title
from docs.schema_words import anchor, defined, key_table, prose, spoken, words
from policies.base import Place
from policies.registry import kinds_at

HEADER: Final = """\
<!-- Written by `make docs` from compiler/schema. Edit the docstrings there, not this page. -->

# The language

A policy is YAML 1.2 (`no` is a text), in one file or in a folder of `*.yaml` files whose sections
are merged by name; a name given twice is an error. Unknown keys are errors. Units stand in the
value: `20s`, `1 MiB`. `gatewright schema` prints the JSON Schema that editors use, and
`gatewright compile --emit plan` shows a policy with every default written out.

"""

_PLACES: Final = {
    "ListenerDocument": Place.LISTENER,
    "ServiceDocument": Place.SERVICE,
    "ProviderDocument": Place.PROVIDER,
    "RouteDocument": Place.ROUTE,
}


def render() -> str:
    """The page's text."""
    schema = GatewayDocument.model_json_schema()
    definitions: dict[str, Any] = schema["$defs"]
    parts = [HEADER, prose(schema["description"]), "\n\n"]
    parts.extend(key_table(schema, _link(definitions), {}))
    sections = _sections(schema["properties"], definitions)
    shown: set[str] = set()
    for name, section in schema["properties"].items():
        # What has a section of its own is told there, and everything once.
        reached = [
            definition
            for definition in _reached(section, definitions)
            if sections.get(definition, name) == name and definition not in shown
        ]
        shown.update(reached)
        if reached:
            parts.append(f"## `{name}`\n\n{prose(section['description'])}\n\n")
            for definition in reached:
                # The first one is what the section holds; its heading would say the name again.
                if definition != reached[0]:
                    parts.append(f"### {spoken(definition)}\n\n")
                parts.extend(_definition(definition, definitions))
    return "".join(parts).rstrip() + "\n"


def _definition(name: str, definitions: Mapping[str, Any]) -> Iterator[str]:
    schema = definitions[name]
    yield f"{prose(schema.get('description', ''))}\n\n"
    kinds = kinds_at(_PLACES[name]) if name in _PLACES else {}
    yield from key_table(schema, _link(definitions), dict.fromkeys(kinds, ""))
    if kinds:
        links = ", ".join(
            f"[`{key}`](policies.md#{anchor(title(kind))})" for key, kind in kinds.items()
        )
        yield f"And these policies: {links}.\n\n"


def _reached(section: Any, definitions: Mapping[str, Any]) -> list[str]:
    """The mappings that a section leads to, in reading order; policies have their own page."""
    found: list[str] = []
    waiting = list(defined(section))
    while waiting:
        name = waiting.pop(0)
        if name in found or "properties" not in definitions[name]:
            continue
        found.append(name)
        kinds = kinds_at(_PLACES[name]) if name in _PLACES else {}
        properties = definitions[name]["properties"]
        waiting.extend(defined({k: v for k, v in properties.items() if k not in kinds}))
    return found


def _sections(properties: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, str]:
    """The section that each mapping is the first of."""
    found: dict[str, str] = {}
    for name, section in properties.items():
        reached = _reached(section, definitions)
        if reached:
            found.setdefault(reached[0], name)
    return found


def _link(definitions: Mapping[str, Any]) -> Any:
    sections = _sections(GatewayDocument.model_json_schema()["properties"], definitions)

    def link(name: str) -> str:
        if "properties" not in definitions[name]:
            return words(definitions[name], link)
        return f"[{spoken(name)}](#{anchor(sections.get(name, spoken(name)))})"

    return link
