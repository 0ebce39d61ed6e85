"""Mend what a warning tells of, where the gateway stays the same: what has no effect is removed.

Only the lines of what is removed change; a comment behind or inside of it goes with it, and one
above it stays. What cannot be cut out so is left for people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from compiler.diagnostic import Diagnostic
from compiler.lints.registry import LINTS
from compiler.node import Mapping, Node, find, place
from compiler.pipeline import Compiled, compile_sources
from compiler.read import Sources
from compiler.source import Path, SourceFile

FIXED: Final = frozenset(lint.code for lint in LINTS if lint.fix)

_SECTIONS: Final = {
    "unused-service": "services",
    "unused-provider": "providers",
    "unused-tier": "tiers",
    "unused-redaction": "redactions",
    "unused-issuer": "issuers",
}


class Fixed(NamedTuple):
    """The sources as they are in the end, and the warnings that were mended, in order."""

    sources: Sources
    mended: tuple[Diagnostic, ...]


def fix(compiled: Compiled) -> Fixed:
    """Mend what can be mended, one after the other: what is removed may leave others unused.

    Each step is compiled; one after which the policy is wrong is not taken.
    """
    mended: list[Diagnostic] = []
    refused: set[tuple[str, str]] = set()
    while True:
        step = next(_steps(compiled, refused), None)
        if step is None:
            return Fixed(compiled.sources, tuple(mended))
        diagnostic, sources = step
        after = compile_sources(sources)
        if after.ok:
            compiled = after
            mended.append(diagnostic)
        else:
            refused.add((diagnostic.code, diagnostic.message))


def _steps(
    compiled: Compiled, refused: set[tuple[str, str]]
) -> Iterator[tuple[Diagnostic, Sources]]:
    """Give the sources after each fix that could be made, without the others."""
    if not compiled.ok:
        return
    root: Mapping = compiled.outputs["nodes"]
    for diagnostic in compiled.diagnostics:
        span = diagnostic.span
        if span is None or diagnostic.code not in FIXED:
            continue
        if (diagnostic.code, diagnostic.message) in refused:
            continue
        if diagnostic.code == "unused-allow":
            source = compiled.sources.find(span.file)
            made = None if source is None else _without_line(source, span.line, span.column)
        else:
            path = next((one for one in _paths(root, diagnostic) if place(root, one) == span), None)
            made = None if path is None else _without(root, path)
        if made is not None:
            policies = tuple(
                made if one.name == made.name else one for one in compiled.sources.policies
            )
            yield diagnostic, replace(compiled.sources, policies=policies)


def _paths(root: Mapping, diagnostic: Diagnostic) -> Iterator[Path]:
    """Give the places that a warning of that code may be about."""
    section = _SECTIONS.get(diagnostic.code, "models")
    entries = root.entries.get(section)
    names = entries.value.entries if entries and isinstance(entries.value, Mapping) else {}
    for name in names:
        if diagnostic.code == "idle-timeout":
            yield ("models", name, "fallback", "attempt_timeout")
        else:
            yield (section, name)


def _without(root: Mapping, path: Path) -> SourceFile | None:
    """Give the file without the entry at a path, and without what would be empty then."""
    parent: Node | None = find(root, path[:-1])
    if not isinstance(parent, Mapping) or path[-1] not in parent.entries:
        return None
    key, value = parent.entries[str(path[-1])]
    if key.lines is not value.lines:
        return None
    source = key.lines.source
    beside = [one for one in parent.entries.values() if one.key.lines is key.lines]
    if len(beside) == 1:
        return _without(root, path[:-1]) if len(path) > 1 and _in_one_file(parent) else None
    text = source.text
    before = text[text.rfind("\n", 0, key.start) + 1 : key.start]
    if before.strip():
        return _cut_flow(source, key.start, value.end)
    end = text.find("\n", value.end)
    rest = text[value.end : end if end >= 0 else len(text)].strip()
    if rest and not rest.startswith("#"):
        return _cut_flow(source, key.start, value.end)
    start = key.start - len(before)
    return replace(source, text=text[:start] + ("" if end < 0 else text[end + 1 :]))


def _in_one_file(node: Mapping) -> bool:
    return len({id(entry.key.lines) for entry in node.entries.values()}) == 1


def _cut_flow(source: SourceFile, start: int, end: int) -> SourceFile | None:
    """Cut an entry out of brackets, with one of the commas beside it."""
    text = source.text
    after = end + len(text[end:]) - len(text[end:].lstrip(" "))
    if text[after : after + 1] == ",":
        after += 1
        after += len(text[after:]) - len(text[after:].lstrip(" "))
        return replace(source, text=text[:start] + text[after:])
    before = text[:start].rstrip(" ")
    if before.endswith(","):
        return replace(source, text=before[:-1] + text[end:])
    return None


def _without_line(source: SourceFile, number: int, column: int) -> SourceFile:
    """Give the file without a comment, and without its line where nothing else is on it."""
    lines = source.text.split("\n")
    written = lines[number - 1]
    kept = written[: column - 1].rstrip()
    changed = [kept + "\r" * written.endswith("\r")] if kept else []
    return replace(source, text="\n".join([*lines[: number - 1], *changed, *lines[number:]]))
