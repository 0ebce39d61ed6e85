"""Read keys and values with their paths from any text, however broken.

It reads YAML as people write it: blocks by indentation, flow collections by brackets, and an open
bracket ends where the text goes back to the left. Where the text is right, it finds what
`compiler.compose` finds; tests hold the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from compiler.language.scalars import COLON, DECORATION, SPACE, after, said, scalar_end
from compiler.language.spot import Role, Spot
from compiler.language.token import Kind, Token
from compiler.source import Path

_MOST_FRAMES = 200
"""Deeper nesting is passed over: the language needs less than ten."""


class _Shape(Enum):
    MAP = "map"
    LIST = "list"
    FLOW_MAP = "flow map"
    FLOW_LIST = "flow list"
    PAIR = "pair"  # `[a: b]`, a mapping of one key without braces


_FLOW = (_Shape.FLOW_MAP, _Shape.FLOW_LIST, _Shape.PAIR)


@dataclass(slots=True)
class _Frame:
    """A collection that is not closed yet; ``indent`` is its column, of flow that of its block."""

    shape: _Shape
    indent: int
    path: Path
    step: str | int | None = None
    valued: bool = False
    """Whether the current key or item has a value already."""

    @property
    def below(self) -> Path:
        """The path of the current key's value or of the current item."""
        return self.path if self.step is None else (*self.path, self.step)


def outline(text: str) -> tuple[Token, ...]:
    """Give the keys and scalars of ``text`` in their order."""
    reader = _Reader(text)
    reader.read()
    return tuple(reader.tokens)


def spot(text: str, index: int) -> Spot:
    """Give what would stand at ``index``, by the text before it."""
    reader = _Reader(text[: max(0, index)])
    reader.read()
    return reader.spot()


class _Reader:
    """The open collections of a text, and the tokens found so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[Token] = []
        self._frames: list[_Frame] = []
        self._literal: int | None = None  # the indentation above which lines are a block scalar's
        self._comment = False  # whether the text ends inside of a comment
        self._in_word = False  # whether it ends with a word inside of brackets
        self._at = Spot(Role.NODE, (), 0)

    def read(self) -> None:
        """Read all lines."""
        start = 0
        while True:
            end = self.text.find("\n", start)
            end = len(self.text) if end < 0 else end
            self._line(start, end)
            if end == len(self.text):
                return
            start = end + 1

    def spot(self) -> Spot:
        """Give what would stand at the end of the text."""
        at = self._at
        if self._comment or self._literal is not None:
            return Spot(Role.NOTHING, at.path, len(self.text))
        written = {token.path for token in self.tokens if token.kind is Kind.KEY}
        siblings = {str(path[-1]) for path in written if path[:-1] == at.path}
        return Spot(at.role, at.path, at.start, frozenset(siblings))

    def _line(self, start: int, end: int) -> None:
        self._comment = self._in_word = False
        content = after(SPACE, self.text, start, end)
        indent = content - start
        blank = content >= end or self.text[content] in "#\r"
        if self._literal is not None:
            if (blank and self.text[content : content + 1] != "#") or indent > self._literal:
                return
            self._literal = None
        if self._frames and self._frames[-1].shape in _FLOW:
            inner = indent > self._frames[-1].indent or (blank and end < len(self.text))
            if inner or self.text.startswith(("]", "}"), content):
                self._flow(content, end)
                return
            while self._frames and self._frames[-1].shape in _FLOW:
                self._frames.pop()  # a bracket that was never closed
        if blank:
            self._blank(start, content, end, indent)
        elif self.text.startswith(("---", "..."), start) and end - start == 3:
            self._frames.clear()
        else:
            self._block(content, end, indent)

    def _blank(self, start: int, content: int, end: int, indent: int) -> None:
        if end < len(self.text):
            return
        self._comment = self.text[content : content + 1] == "#"
        kept = [frame for frame in self._frames if frame.indent <= indent]
        # A list may stand as deep as the key that it belongs to: below it, a key goes on with that.
        if kept and kept[-1].shape is _Shape.LIST and kept[-1].indent == indent:
            kept.pop()
        if kept and kept[-1].indent == indent:
            self._at = Spot(Role.KEY, kept[-1].path, start + indent)
        elif not kept:
            self._at = Spot(Role.KEY, (), start + indent)
        elif kept[-1].valued:
            self._at = Spot(Role.NOTHING, kept[-1].below, start + indent)
        else:
            self._at = Spot(Role.NODE, kept[-1].below, start + indent)

    def _block(self, at: int, end: int, indent: int) -> None:
        """Read a line of a block from its first character."""
        column = indent
        while self.text[at] == "-" and (at + 1 >= end or self.text[at + 1] in " \t\r"):
            self._item(column)
            content = after(SPACE, self.text, at + 1, end)
            column += content - at
            at = content
            self._at = Spot(Role.NODE, self._frames[-1].below, at)
            if at >= end or self.text[at] in "#\r":
                self._comment = at < end and self.text[at] == "#" and end == len(self.text)
                return
        self._close(column, of_key=True)
        within = self._within()
        found = scalar_end(self.text, at, end, flow=False)
        colon = COLON.match(self.text, found, end) if found > at else None
        if colon is None or self.text[at] in "{[":
            open_map = bool(self._frames) and self._frames[-1].shape is _Shape.MAP
            if open_map and self._frames[-1].indent == column:
                within = self._frames[-1].path
                self._at = Spot(Role.KEY, within, at)
                if found >= end and self.text[at] not in "{[*\"'":
                    return  # a key that waits for its colon
            else:
                self._at = Spot(Role.NODE, within, at)
            self._value(at, end, within, Role.NODE)
            return
        top = self._frames[-1] if self._frames else None
        if top is None or top.shape is not _Shape.MAP or top.indent != column:
            top = self._push(_Frame(_Shape.MAP, column, within))
        self._key(top, at, found)
        self._value(after(SPACE, self.text, colon.end(), end), end, top.below, Role.VALUE)

    def _item(self, column: int) -> None:
        """Begin an item of a list at ``column``."""
        self._close(column, of_key=False)
        top = self._frames[-1] if self._frames else None
        if top is not None and top.shape is _Shape.LIST and top.indent == column:
            top.step = int(top.step or 0) + 1
            top.valued = False
            return
        self._push(_Frame(_Shape.LIST, column, self._within(), 0))

    def _close(self, column: int, *, of_key: bool) -> None:
        """Close what stands further to the right, and for a key the list that it comes after."""
        while self._frames:
            top = self._frames[-1]
            ends = of_key and top.shape is _Shape.LIST and top.indent == column
            if top.indent <= column and not ends:
                return
            self._frames.pop()

    def _within(self) -> Path:
        return self._frames[-1].below if self._frames else ()

    def _push(self, frame: _Frame) -> _Frame:
        if self._frames:
            self._frames[-1].valued = True
        if len(self._frames) < _MOST_FRAMES:
            self._frames.append(frame)
        return frame

    def _key(self, frame: _Frame, start: int, end: int) -> None:
        text = said(self.text[start:end])
        frame.step = text
        frame.valued = False
        self.tokens.append(Token(Kind.KEY, frame.below, start, end, text))

    def _value(self, at: int, end: int, path: Path, role: Role) -> None:
        """Read what stands behind a colon, or alone."""
        at = after(DECORATION, self.text, at, end)
        if at >= end or self.text[at] in "#\r":
            self._comment = at < end and self.text[at] == "#" and end == len(self.text)
            self._at = Spot(role, path, at)
            return
        if self.text[at] in "|>":
            self._literal = self._frames[-1].indent if self._frames else -1
            self._at = Spot(Role.NOTHING, path, at)
        elif self.text[at] in "{[":
            self._flow(at, end)
        else:
            found = scalar_end(self.text, at, end, flow=False)
            self._found(at, found, path, end)
            self._at = Spot(role if found == len(self.text) else Role.NOTHING, path, at)

    def _found(self, start: int, found: int, path: Path, end: int) -> None:
        if self._frames:
            if self._frames[-1].valued:
                return  # the next line of a text that was begun
            self._frames[-1].valued = True
        if found > start:
            written = self.text[start:found]
            self.tokens.append(Token(Kind.VALUE, path, start, found, said(written)))
        rest = after(SPACE, self.text, found, end)
        self._comment = self.text[rest : rest + 1] == "#" and end == len(self.text)

    def _flow(self, at: int, end: int) -> None:
        """Read what is left of a line inside of brackets."""
        while at < end:
            sign = self.text[at]
            top = self._frames[-1] if self._frames else None
            flow = top is not None and top.shape in _FLOW
            if sign in " \t\r":
                at += 1
            elif sign == "#":
                self._comment = end == len(self.text)
                return
            elif sign in "{[":
                self._open(sign)
                at += 1
            elif not flow:
                return  # behind the last bracket
            elif sign in "}]":
                self._shut()
                at += 1
            elif sign == ",":
                self._next()
                at += 1
            else:
                at = self._inside(at, end)
        self._at_end_of_flow(end)

    def _open(self, sign: str) -> None:
        shape, step = (_Shape.FLOW_MAP, None) if sign == "{" else (_Shape.FLOW_LIST, 0)
        indent = self._frames[-1].indent if self._frames else -1
        self._push(_Frame(shape, indent, self._within(), step))

    def _shut(self) -> None:
        if self._frames.pop().shape is _Shape.PAIR and self._frames:
            self._frames.pop()

    def _next(self) -> None:
        if self._frames[-1].shape is _Shape.PAIR:
            self._frames.pop()
        top = self._frames[-1]
        top.step = None if top.shape is _Shape.FLOW_MAP else int(top.step or 0) + 1
        top.valued = False

    def _inside(self, at: int, end: int) -> int:
        """Read a key or a scalar inside of brackets; give where it ends."""
        top = self._frames[-1]
        if self.text[at] == ":":
            return at + 1  # a colon by itself: between a quoted key and its value
        decorated = after(DECORATION, self.text, at, end)
        if decorated > at:
            return decorated
        found = max(scalar_end(self.text, at, end, flow=True), at + 1)
        colon = COLON.match(self.text, found, end)
        if colon is not None and (top.shape is _Shape.FLOW_LIST or top.step is None):
            if top.shape is _Shape.FLOW_LIST:
                top = self._push(_Frame(_Shape.PAIR, top.indent, top.below))
            self._key(top, at, found)
            return colon.end()
        if top.shape is _Shape.FLOW_MAP and top.step is None:
            self._at = Spot(Role.KEY, top.path, at)
        else:
            self._found(at, found, top.below, end)
            self._at = Spot(Role.VALUE, top.below, at)
        self._in_word = found == len(self.text)
        return found

    def _at_end_of_flow(self, end: int) -> None:
        if end < len(self.text) or not self._frames or self._frames[-1].shape not in _FLOW:
            if end == len(self.text):
                self._at = Spot(Role.NOTHING, self._within(), end)
            return
        if self._in_word:
            return
        top = self._frames[-1]
        if top.shape is _Shape.FLOW_MAP and top.step is None:
            self._at = Spot(Role.KEY, top.path, end)
        else:
            self._at = Spot(Role.NOTHING if top.valued else Role.VALUE, top.below, end)
