"""docs/policies.md: every kind of policy, from the docstring, schema and examples of its file."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from docs.schema_words import anchor, defined, key_table, prose, spoken, words
from policies.base import PolicyKind
from policies.registry import KINDS

HEADER: Final = """\
<!-- Written by `make docs` from policies/. Edit the file of the policy, not this page. -->

# Policies

A policy is a key that may stand on a listener, a service, a provider or a route.

"""


def render() -> str:
    """The page's text."""
    titles = [title(kind) for kind in KINDS]
    parts = [HEADER]
    parts.extend(f"- [{heading}](#{anchor(heading)})\n" for heading in titles)
    for kind, heading in zip(KINDS, titles, strict=True):
        parts.append(f"\n## {heading}\n\n{prose(inspect.cleandoc(kind.docs))}\n\n")
        parts.extend(_keys(kind))
        parts.append(f"```yaml\n{_indented(kind, kind.valid)}```\n\n")
        parts.append(f"Not so (`{kind.invalid_code}`):\n\n")
        parts.append(f"```yaml\n{_indented(kind, kind.invalid)}```\n")
    return "".join(parts)


def title(kind: PolicyKind[Any]) -> str:
    """The heading of a kind: its name and where it may stand, since `tls` stands for two kinds."""
    return f"`{kind.name}`: {', '.join(sorted(place.value for place in kind.places))}"


def _keys(kind: PolicyKind[Any]) -> Iterator[str]:
    schema = TypeAdapter(kind.document).json_schema()
    definitions: Mapping[str, Any] = schema.get("$defs", {})

    def link(name: str) -> str:
        target = definitions[name]
        return f"{spoken(name)} (below)" if "properties" in target else words(target, link)

    tables = [schema] if "properties" in schema else []
    tables += [
        d for name in _reached(schema, definitions) if "properties" in (d := definitions[name])
    ]
    if not tables:
        yield f"The value: {words(schema, link)}.\n\n"
    for number, table in enumerate(tables):
        if number:
            yield f"**{spoken(table['title'])}**: {prose(table.get('description', ''))}\n\n"
        yield from key_table(table, link, {})


def _reached(schema: Any, definitions: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    waiting = list(defined({k: v for k, v in schema.items() if k != "$defs"}))
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found.append(name)
            waiting.extend(defined(definitions[name]))
    return found


def _indented(kind: PolicyKind[Any], text: str) -> str:
    lines = text.strip().splitlines()
    if len(lines) == 1 and (": " not in lines[0] or lines[0][0] in "[{"):
        return f"{kind.name}: {lines[0]}\n"
    return f"{kind.name}:\n" + "".join(f"  {line}\n" for line in lines)
