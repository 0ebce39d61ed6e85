"""Make nodes of one file's text, with bounded work whatever the text is.

The events come from libyaml. It follows YAML 1.1 in its syntax, which is where 1.1 and 1.2 agree
for what people write; what scalars mean is decided here, by the core schema of 1.2. Left out on
purpose: tags (a value is what it looks like), merge keys (``<<``: what a line means would depend on
another place, key by key) and null (a key without a value is a slip). Anchors and aliases repeat
whole values, and what they repeat is counted.
"""

from __future__ import annotations

from sys import intern
from typing import Any

from yaml import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
    YAMLError,
)
from yaml._yaml import CParser

from compiler.characters import check_characters
from compiler.diagnostic import Diagnostic, Label, Reporter, Severity
from compiler.lines import Lines
from compiler.node import Entry, Mapping, Node, Scalar, Sequence
from compiler.yaml_core import OutOfRangeError, resolve
from compiler.yaml_faults import report_syntax

MAX_DEPTH = 64
"""How deep lists and mappings may be nested; the language itself needs less than ten."""
MAX_NODES = 1_000_000
"""How many values a file may have, counting what aliases repeat each time."""


class _TooMuchError(Exception):
    """The text asks for more than is allowed; what and where was reported already."""


class _Frame:
    """A list or mapping that is not closed yet."""

    __slots__ = (
        "anchor", "counted", "entries", "flow", "height", "is_mapping", "items", "key", "skip",
        "start",
    )  # fmt: skip

    def __init__(
        self, *, is_mapping: bool, start: int, flow: bool, anchor: str | None, counted: int
    ) -> None:
        self.is_mapping = is_mapping
        self.start = start
        self.flow = flow
        self.anchor = anchor
        self.counted = counted  # how many nodes there were before it
        self.items: list[Node] = []
        self.entries: dict[str, Entry] = {}
        self.key: Scalar | None = None
        self.skip = False  # the value of a refused key comes next, and is dropped
        self.height = 1


class _Anchored:
    """A finished value with a name: how many nodes it is, and how deep it is nested."""

    __slots__ = ("height", "node", "size")

    def __init__(self, node: Node | None, size: int, height: int) -> None:
        self.node, self.size, self.height = node, size, height


def compose(lines: Lines, reporter: Reporter) -> Node | None:
    """Give the root node of a file, or None where there is nothing to go on with.

    All faults are reported; after one of syntax nothing more of the file is looked at.
    """
    if not check_characters(lines, reporter):
        return None
    composer = _Composer(lines, reporter)
    try:
        return composer.compose()
    except YAMLError as error:
        report_syntax(error, lines, reporter)
    except _TooMuchError:
        pass
    return None


class _Composer:
    """The state of one file's composition: open collections, anchors, and the count of nodes."""

    def __init__(self, lines: Lines, reporter: Reporter) -> None:
        self._lines = lines
        self._text = lines.source.text
        self._reporter = reporter
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchored | None] = {}  # None: named, but not finished
        self._count = 0
        self._root: Node | None = None
        self._nulls: list[tuple[int, Diagnostic]] = []  # with the index of each

    def compose(self) -> Node | None:
        """Go through the events of the parser, innermost values first."""
        parser: Any = CParser(self._text)
        documents = 0
        while True:
            event = parser.get_event()
            kind = type(event)
            if kind is ScalarEvent:
                self._scalar(event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._open(event, is_mapping=kind is MappingStartEvent)
            elif isinstance(event, CollectionEndEvent):
                self._close(event)
            elif kind is AliasEvent:
                self._alias(event)
            elif kind is DocumentStartEvent:
                documents += 1
                if documents == 2:
                    self._second_document(event)
                    return None
            elif kind is StreamEndEvent:
                # Only now: before a fault of syntax, what looks empty was hardly meant to be.
                for _, diagnostic in self._nulls:
                    self._reporter.add(diagnostic)
                return self._root

    def _scalar(self, event: Any) -> None:
        self._counted(1, event)
        start, end = event.start_mark.index, event.end_mark.index
        if event.tag is not None:
            self._tag(event)
        plain = event.implicit[0] and event.tag is None
        value: str | int | float | bool | None = event.value
        if plain:
            try:
                value = resolve(event.value)
            except OutOfRangeError:
                self._reporter.error(
                    "number-out-of-range",
                    f"`{event.value[:40]}` is not a number that a setting can have",
                    self._lines.span(start, end),
                    hint=f'if it is a text, quote it: `"{event.value[:40]}"`',
                )
        elif event.style in ("|", ">"):
            # Its mark is the start of what follows.
            end = start + len(self._text[start:end].rstrip())
        node = Scalar(self._lines, start, end, value, plain)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(node, 1, 0)
        self._add(node)

    def _open(self, event: Any, *, is_mapping: bool) -> None:
        self._counted(1, event)
        if event.tag is not None:
            self._tag(event)
        if len(self._stack) >= MAX_DEPTH:
            self._too_deep(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        start = event.start_mark.index
        frame = _Frame(
            is_mapping=is_mapping,
            start=start,
            flow=event.flow_style,
            anchor=event.anchor,
            counted=self._count - 1,
        )
        self._stack.append(frame)

    def _close(self, event: Any) -> None:
        frame = self._stack.pop()
        node: Node
        if frame.is_mapping:
            # A block ends where its last value does: its mark is the start of what follows.
            last = next(reversed(frame.entries.values())).value.end if frame.entries else 0
            end = event.end_mark.index if frame.flow else max(frame.start, last)
            node = Mapping(self._lines, frame.start, end, frame.entries)
        else:
            last = frame.items[-1].end if frame.items else 0
            end = event.end_mark.index if frame.flow else max(frame.start, last)
            node = Sequence(self._lines, frame.start, end, tuple(frame.items))
        if frame.anchor is not None:
            size = self._count - frame.counted
            self._anchors[frame.anchor] = _Anchored(node, size, frame.height)
        if self._stack:
            above = self._stack[-1]
            above.height = max(above.height, frame.height + 1)
        self._add(node)

    def _alias(self, event: Any) -> None:
        name = event.anchor
        span = self._span(event)
        if name not in self._anchors:
            message = f"there is no anchor `&{name}` before this"
            self._reporter.error("unknown-anchor", message, span, hint=_QUOTE_STAR)
            self._drop()
            return
        anchored = self._anchors[name]
        if anchored is None:
            message = f"`*{name}` stands inside of what it names"
            self._reporter.error("alias-cycle", message, span, hint="a value cannot hold itself")
            self._drop()
            return
        self._counted(anchored.size, event)
        if len(self._stack) + anchored.height > MAX_DEPTH:
            self._too_deep(event)
        if anchored.node is None:
            self._drop()
            return
        if self._stack:
            above = self._stack[-1]
            above.height = max(above.height, anchored.height + 1)
        self._add(anchored.node)

    def _add(self, node: Node) -> None:
        """Put a finished value where it belongs: a key, a key's value, an item, or the root."""
        if not self._stack:
            self._root = node
            return
        frame = self._stack[-1]
        if not frame.is_mapping:
            if isinstance(node, Scalar) and node.value is None:
                self._null(node, "this item of a list has no value", "remove it")
            frame.items.append(node)
        elif frame.skip:
            frame.skip = False
        elif frame.key is None:
            self._key(frame, node)
        else:
            key, frame.key = frame.key, None
            if isinstance(node, Scalar) and node.value is None:
                message = f"`{str(key.value)[:80]}` has no value"
                hint = "give it one, or remove the key; a text goes in quotes"
                self._null(key, message, hint)
            frame.entries[intern(str(key.value))] = Entry(key, node)

    def _drop(self) -> None:
        """Leave out a value that was refused."""
        if self._stack and (frame := self._stack[-1]).is_mapping:
            if frame.key is None and not frame.skip:
                frame.skip = True
            else:
                frame.key, frame.skip = None, False

    def _key(self, frame: _Frame, node: Node) -> None:
        if not isinstance(node, Scalar):
            what = "a list" if isinstance(node, Sequence) else "a mapping"
            message, hint = f"a key is a text, and this is {what}", None
            if self._text.startswith("{{", max(0, node.start - 1)):
                hint = "policies are no templates; a value with `{{` needs quotes"
            self._reporter.error("key-not-text", message, node.span, hint=hint)
            # What is empty inside of it is no second fault.
            self._nulls = [null for null in self._nulls if null[0] < node.start]
        elif not isinstance(node.value, str):
            what = "true or false" if isinstance(node.value, bool) else "a number"
            message = f"a key is a text, and `{node.written[:40]}` is {what}"
            hint = f'quote it: `"{node.written[:40]}"`'
            if node.value is None:
                message, hint = "a key is a text, and here is none", None
            self._reporter.error("key-not-text", message, node.span, hint=hint)
        elif node.value == "<<" and node.plain:
            message = "merge keys are not part of this language, nor of YAML 1.2"
            hint = "write the keys out; `*name` alone repeats a whole value"
            self._reporter.error("merge-key", message, node.span, hint=hint)
        elif node.value in frame.entries:
            first = frame.entries[node.value].key.span
            self._reporter.error(
                "duplicate-key",
                f"`{node.value[:80]}` is given twice",
                node.span,
                "given again here",
                labels=(Label(first, "first given here"),),
                hint="remove or rename one of them",
            )
        else:
            frame.key = node
            return
        frame.skip = True

    def _null(self, at: Scalar, message: str, hint: str) -> None:
        found = Diagnostic("null-value", Severity.ERROR, message, at.span, hint=hint)
        self._nulls.append((at.start, found))

    def _counted(self, nodes: int, event: Any) -> None:
        self._count += nodes
        if self._count > MAX_NODES:
            if type(event) is AliasEvent:
                code = "alias-expansion"
                message = f"with what aliases repeat, this file has over {MAX_NODES:,} values"
                hint = "aliases of aliases multiply; write less of them"
            else:
                code = "too-many-values"
                message = f"this file has over {MAX_NODES:,} values"
                hint = "split it into several files of one folder"
            self._reporter.error(code, message, self._span(event), hint=hint)
            raise _TooMuchError

    def _too_deep(self, event: Any) -> None:
        message = f"lists and mappings are nested more than {MAX_DEPTH} deep"
        hint = "is a bracket left open before this?"
        start = event.start_mark.index
        self._reporter.error("too-deep", message, self._lines.span(start, start + 1), hint=hint)
        raise _TooMuchError

    def _tag(self, event: Any) -> None:
        start = event.start_mark.index
        found = self._text.find("!", start, event.end_mark.index + 1)
        start = found if found >= 0 else start
        end = start
        while end < len(self._text) and not self._text[end].isspace():
            end += 1
        self._reporter.error(
            "yaml-tag",
            "a policy has no YAML tags: a value is what it looks like",
            self._lines.span(start, min(end, start + 80)),
            hint="remove the tag; to make a text of a number, quote it",
        )

    def _second_document(self, event: Any) -> None:
        self._reporter.error(
            "several-documents",
            "a policy file holds one document, and here begins another",
            self._span(event),
            hint="remove the `---`, or put what follows into a file of its own",
        )

    def _span(self, event: Any) -> Any:
        return self._lines.span(event.start_mark.index, event.end_mark.index)


_QUOTE_STAR = "if `*` is part of a text, quote the text"
