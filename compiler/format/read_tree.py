"""Make a tree of a file's pieces: each comment goes to the entry that it is about.

A comment behind something on its line is about that; one on a line of its own is about what comes
next. Behind the last entry of a block it belongs to the innermost block that it is indented for.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from typing import Any

from yaml.tokens import (
    AliasToken,
    AnchorToken,
    BlockEndToken,
    BlockEntryToken,
    BlockMappingStartToken,
    BlockSequenceStartToken,
    DocumentEndToken,
    DocumentStartToken,
    FlowEntryToken,
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
    KeyToken,
    ScalarToken,
    ValueToken,
)

from compiler.format.pieces import Piece, header_comment, pieces
from compiler.format.tree import Collection, Entry, Node, Style, Text, Tree

_INDICATED = re.compile(r"[|>][-+]?([1-9])")
_STYLES = {"'": Style.SINGLE, '"': Style.DOUBLE, "|": Style.LITERAL, ">": Style.FOLDED}


def read_tree(text: str) -> Tree:
    """Give the tree of a text that `compiler.compose` has found nothing wrong with."""
    found = [
        piece
        for piece in pieces(text)
        if not isinstance(piece.token, DocumentStartToken | DocumentEndToken)
    ]
    return _Reader(found).tree()


class _Reader:
    """Goes through the pieces once, from left to right."""

    def __init__(self, found: Iterable[Piece]) -> None:
        self._tokens: list[Piece] = []
        self._before: list[list[Piece]] = [[]]  # the comments before each token, and before the end
        for piece in found:
            if piece.token is None:
                self._before[-1].append(piece)
            else:
                self._tokens.append(piece)
                self._before.append([])
        self._at = 0
        # Comments before the token at hand; those that no block takes wait behind its end.
        self._waiting = deque(self._before[0])

    def tree(self) -> Tree:
        """Read the whole file."""
        above = self._lines()
        if self._done():
            return Tree(None, above)
        root, lost = self._node(parent=-1)
        if isinstance(root, Collection) and root.entries:
            first, *others = root.entries
            above = (*above, *lost, *first.above)
            first = Entry(first.key, first.value, above, first.beside)
            root = _with(root, (first, *others))
            above = ()
        else:
            above = (*above, *lost)
        return Tree(root, above, self._lines())

    def _done(self) -> bool:
        return self._at >= len(self._tokens)

    def _is(self, *kinds: type[Any]) -> bool:
        return not self._done() and isinstance(self._tokens[self._at].token, kinds)

    def _take(self) -> Piece:
        piece = self._tokens[self._at]
        self._at += 1
        self._waiting.extend(self._before[self._at])
        return piece

    def _lines(self, column: int = -1) -> tuple[str, ...]:
        """Take the comments before the next token, or up to one that is indented less."""
        lines: list[str] = []
        while self._waiting and self._waiting[0].column >= column:
            piece = self._waiting.popleft()
            if piece.blank:
                lines.append("")
            lines.append(piece.text)
        if not self._waiting and not self._done() and self._tokens[self._at].blank:
            lines.append("")
        return tuple(lines)

    def _beside(self) -> str:
        """Take the comment that stands on the line of what was taken last, if there is one."""
        if self._waiting and not self._waiting[0].own_line:
            return self._waiting.popleft().text
        return ""

    def _node(self, parent: int) -> tuple[Node, tuple[str, ...]]:
        """Read a value; the lines are comments before it that have no place in it.

        ``parent`` is the column that a block scalar's indentation counts from.
        """
        lost: list[str] = []
        anchor = opening = ""
        if self._is(AnchorToken):
            anchor = self._take().text
            opening = self._beside()
            lost += self._lines()
        if self._is(FlowMappingStartToken, FlowSequenceStartToken):
            return self._flow(anchor), (*filter(None, (opening, *lost)),)
        if self._is(BlockMappingStartToken):
            self._take()
            return self._block_mapping(anchor, opening, tuple(lost)), ()
        if self._is(BlockSequenceStartToken):
            self._take()
            return self._block_sequence(anchor, opening, tuple(lost), indentless=False), ()
        if self._is(BlockEntryToken):
            return self._block_sequence(anchor, opening, tuple(lost), indentless=True), ()
        return self._scalar(anchor, parent), (*filter(None, (opening, *lost)),)

    def _scalar(self, anchor: str, parent: int) -> Text:
        piece = self._take()
        if isinstance(piece.token, AliasToken):
            return Text(piece.text, "", Style.ALIAS)
        token: Any = piece.token
        if not isinstance(token, ScalarToken):
            raise ValueError(f"no value at index {piece.start}")  # noqa: TRY004 - of the text
        style = _STYLES.get(str(token.style), Style.PLAIN)
        if style in (Style.LITERAL, Style.FOLDED):
            return _block_text(piece, str(token.value), style, anchor, parent)
        return Text(piece.text, str(token.value), style, anchor)

    def _block_mapping(self, anchor: str, opening: str, above: tuple[str, ...]) -> Collection:
        entries: list[Entry] = []
        column = -1
        while True:
            above += self._lines(column if self._is(BlockEndToken) else -1)
            if self._is(BlockEndToken):
                self._take()
                return _collection(entries, anchor, opening, above, is_mapping=True)
            if not self._is(KeyToken):
                raise ValueError("a block without an end")
            column = self._tokens[self._at].column
            entries.append(self._entry(above, column))
            above = ()

    def _block_sequence(
        self, anchor: str, opening: str, above: tuple[str, ...], *, indentless: bool
    ) -> Collection:
        entries: list[Entry] = []
        column = -1
        while True:
            if not self._is(BlockEntryToken):
                if indentless:
                    # It ends without a token: what stands at its column is the next key's.
                    above += self._lines(column + 1)
                else:
                    above += self._lines(column)
                    self._take()
                return _collection(entries, anchor, opening, above, is_mapping=False)
            above += self._lines()
            column = self._take().column
            lines = (*above, *filter(None, (self._beside(),)), *_no_blank(self._lines()))
            above = ()
            value, lost = self._node(column)
            entries.append(self._finished(None, value, (*lines, *lost)))

    def _entry(self, above: tuple[str, ...], column: int) -> Entry:
        """Read a key and its value; the piece at hand is the key's token."""
        self._take()
        lines = [*above, *_no_blank(self._lines())]
        key, lost = self._node(column)
        lines += [*lost, *_no_blank(self._lines())]
        if not isinstance(key, Text) or not self._is(ValueToken):
            raise ValueError("a key that is no text")
        self._take()
        opening = self._beside()
        inner = self._lines()
        value, lost = self._node(column)
        if isinstance(value, Collection) and not value.flow and not value.opening:
            value = _opened(value, opening, (*inner, *lost))
            return self._finished(key, value, tuple(lines))
        return self._finished(key, value, (*lines, *_no_blank(inner), *lost), opening)

    def _finished(
        self, key: Text | None, value: Node, above: tuple[str, ...], beside: str = ""
    ) -> Entry:
        """Make an entry of its parts, with the comment behind it."""
        if isinstance(value, Text) and value.comment:
            beside = "\n".join(filter(None, (value.comment, beside)))
        if key is None and isinstance(value, Collection) and not value.flow:
            # `- # a comment`, or one above the first key: there is no line for it inside.
            hoisted = _no_blank((value.opening, *value.entries[0].above))
            above = (*above, *hoisted)
            first = value.entries[0]
            first = Entry(first.key, first.value, (), first.beside)
            value = _with(value, (first, *value.entries[1:]), opening="")
        if not (isinstance(value, Collection) and not value.flow):
            behind = self._beside()
            beside = "\n".join(filter(None, (beside, behind)))
        beside, *rest = beside.split("\n")
        return Entry(key, value, (*above, *rest), beside)

    def _flow(self, anchor: str) -> Collection:
        is_mapping = isinstance(self._take().token, FlowMappingStartToken)
        opening = self._beside()
        entries: list[Entry] = []
        above: tuple[str, ...] = ()
        while True:
            above += self._lines()
            if self._is(FlowMappingEndToken, FlowSequenceEndToken):
                self._take()
                made = _collection(entries, anchor, opening, above, is_mapping=is_mapping)
                return Collection(
                    made.entries, is_mapping, flow=True, anchor=anchor, opening=made.opening,
                    closing=made.closing,
                )  # fmt: skip
            entry = self._flow_entry(above, is_mapping=is_mapping)
            above = self._lines()
            if self._is(FlowEntryToken):
                above = _no_blank(above)
                self._take()
                behind = self._beside()
                if behind and not entry.beside:
                    entry = Entry(entry.key, entry.value, entry.above, behind)
                elif behind:
                    above = (*above, behind)
            entries.append(entry)

    def _flow_entry(self, above: tuple[str, ...], *, is_mapping: bool) -> Entry:
        if is_mapping:
            return self._entry(above, 0)
        if self._is(KeyToken):
            # `[a: b]` is a list of a mapping.
            pair = self._entry(above, 0)
            inner = Entry(pair.key, pair.value)
            one = Collection((inner,), is_mapping=True, flow=True)
            return Entry(None, one, pair.above, pair.beside)
        value, lost = self._node(0)
        return self._finished(None, value, (*above, *lost))


def _no_blank(lines: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(line for line in lines if line)


def _with(node: Collection, entries: tuple[Entry, ...], opening: str | None = None) -> Collection:
    return Collection(
        entries,
        node.is_mapping,
        node.flow,
        node.anchor,
        node.opening if opening is None else opening,
        node.closing,
    )


def _opened(node: Collection, opening: str, above: tuple[str, ...]) -> Collection:
    first, *others = node.entries
    first = Entry(first.key, first.value, (*above, *first.above), first.beside)
    return _with(node, (first, *others), opening)


def _collection(
    entries: list[Entry], anchor: str, opening: str, closing: tuple[str, ...], *, is_mapping: bool
) -> Collection:
    """Make a block; a blank line at its end says nothing."""
    while closing and not closing[-1]:
        closing = closing[:-1]
    return Collection(
        tuple(entries), is_mapping, flow=False, anchor=anchor, opening=opening, closing=closing
    )


def _block_text(piece: Piece, value: str, style: Style, anchor: str, parent: int) -> Text:
    """Free the lines of a block scalar of their indentation, and its header of its comment."""
    header, _, body = piece.text.partition("\n")
    bare = header.partition("#")[0].rstrip()
    lines = body.split("\n")
    indicated = _INDICATED.match(bare) or re.match(r"[|>]([1-9])", bare)
    if indicated:
        # What is written counts from the parent; what is laid out is indented by two.
        indentation = max(parent, 0) + int(indicated[1])
        bare = re.sub(r"[1-9]", "2", bare)
    else:
        indentation = min(
            (len(line) - len(line.lstrip(" ")) for line in lines if line.strip(" ")), default=0
        )
    if "-" not in bare and not value.endswith("\n"):
        # The file ended with it; what is laid out ends with a newline.
        bare = bare.replace("+", "") + "-"
    kept = [line[indentation:] for line in lines]
    if "+" in bare and kept and not kept[-1]:
        kept.pop()  # the end of the last line, and no line of its own
    while kept and not kept[-1] and "+" not in bare:
        kept.pop()
    return Text(
        "\n".join([bare, *kept]) if kept else bare,
        value, style, anchor, header_comment(piece.text),
    )  # fmt: skip
