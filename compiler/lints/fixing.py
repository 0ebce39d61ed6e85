"""Mend what a warning tells of, where the gateway stays the same: what has no effect is removed.

Only the lines of what is removed change; a comment behind or inside of it goes with it, and one
above it stays. What cannot be cut out so is left for people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from compiler.diagnostic import Diagnostic
from compiler.lines import Lines
from compiler.lints.registry import LINTS
from compiler.node import Mapping, Node, find, place
from compiler.pipeline import Compiled, compile_sources
from compiler.read import Sources
from compiler.source import Path, SourceFile, Span

FIXED: Final = frozenset(lint.code for lint in LINTS if lint.fix)

_SECTIONS: Final = {
    "unused-service": "services",
    "unused-provider": "providers",
    "unused-tier": "tiers",
    "unused-redaction": "redactions",
    "unused-issuer": "issuers",
}


_Told = tuple[str, str]
_Fixable = tuple[Diagnostic, Path | None]
"""A warning, and the path of what is removed; of a comment None."""


class Fixed(NamedTuple):
    """The sources as they are in the end, and the warnings that were mended, in order."""

    sources: Sources
    mended: tuple[Diagnostic, ...]


def fix(compiled: Compiled) -> Fixed:
    """Mend what can be mended, round by round: what is removed may leave others unused.

    A round is compiled once. Where the policy would be wrong then, the first of it is tried alone,
    and is left for people if that is wrong too.
    """
    mended: list[Diagnostic] = []
    refused: set[_Told] = set()
    while found := _fixable(compiled, refused):
        for some in (found, found[:1]) if len(found) > 1 else (found,):
            sources, done = _without_all(compiled, some)
            after = compile_sources(sources)
            if done and after.ok:
                compiled = after
                mended += done
                break
        else:
            refused.add(_told(found[0][0]))
    return Fixed(compiled.sources, tuple(mended))


def _told(diagnostic: Diagnostic) -> _Told:
    return diagnostic.code, diagnostic.message


def _fixable(compiled: Compiled, refused: set[_Told]) -> list[_Fixable]:
    """Give the warnings that can be mended, each with the place of what is removed."""
    if not compiled.ok:
        return []
    root: Mapping = compiled.outputs["nodes"]
    found: list[_Fixable] = []
    for one in compiled.diagnostics:
        if one.span is None or one.code not in FIXED or _told(one) in refused:
            continue
        if one.code == "unused-allow":
            if _is_needless(compiled, one.span):
                found.append((one, None))
            continue
        path = next((path for path in _paths(root, one) if place(root, path) == one.span), None)
        if path is not None and _without(root, path) is not None:
            found.append((one, path))
    return found


def _is_needless(compiled: Compiled, comment: Span) -> bool:
    """Tell whether a comment allows nothing by any of its codes: it is removed as a whole."""
    source = compiled.sources.find(comment.file)
    if source is None:
        return False
    written = Lines(source).line(comment.line)[comment.column - 1 :]
    needless = [one for one in compiled.diagnostics if one.span == comment]
    return len(needless) > written.partition("--")[0].count(",")


def _without_all(
    compiled: Compiled, found: Sequence[_Fixable]
) -> tuple[Sources, tuple[Diagnostic, ...]]:
    """Give the sources without all of that, and which it was: one may go with another."""
    sources = compiled.sources
    done: set[Diagnostic] = set()
    # Comments are found by their lines, the last first; all else by its path, where it then is.
    comments = {one.span for one, path in found if path is None and one.span is not None}
    for span in sorted(comments, reverse=True):
        source = sources.find(span.file)
        if source is not None:
            sources = _with(sources, _without_line(source, span.line, span.column))
            done.update(one for one, path in found if path is None and one.span == span)
    for one, path in found:
        if path is None:
            continue
        root = compile_sources(sources, until="nodes").outputs.get("nodes")
        made = None if root is None else _without(root, path)
        if made is not None:
            sources = _with(sources, made)
            done.add(one)
    return sources, tuple(one for one, _ in found if one in done)


def _with(sources: Sources, made: SourceFile) -> Sources:
    return replace(
        sources,
        policies=tuple(made if one.name == made.name else one for one in sources.policies),
    )


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
    if key.lines is not value.lines or value.start < key.end:
        return None  # an alias: its value stands elsewhere
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
