"""A file's text as pieces: the tokens of YAML, and the comments that stand between them.

libyaml's scanner tells where each token stands and drops comments; between two tokens there is
nothing but space and comments, so the first ``#`` there begins one. The header of a block scalar
may have one too, which the scanner counts as part of the scalar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.tokens import BlockEndToken, ScalarToken, StreamEndToken, StreamStartToken, Token

_HEADER = re.compile(r"[|>][-+0-9]*[ \t]*(#[^\n]*)?")
_COMMENT = re.compile(r"#[^\n]*")


@dataclass(frozen=True, slots=True)
class Piece:
    """A token, or a comment where ``token`` is None: the text from ``start`` to ``end``.

    ``own_line`` says that nothing stands before it on its line, ``blank`` that a blank line does
    before that, ``column`` counts from 0.
    """

    token: Token | None
    text: str
    start: int
    end: int
    column: int
    own_line: bool
    blank: bool


def pieces(text: str) -> tuple[Piece, ...]:
    """Give the pieces of a text that `compiler.compose` has found nothing wrong with."""
    return tuple(_pieces(text))


def comments_of(text: str) -> tuple[tuple[int, str], ...]:
    """Give every comment of a text with the index at which it begins, in their order."""
    found: list[tuple[int, str]] = []
    for piece in _pieces(text):
        if piece.token is None:
            found.append((piece.start, piece.text))
        elif isinstance(piece.token, ScalarToken) and (header := header_comment(piece.text)):
            found.append((piece.start + piece.text.index("#"), header))
    return tuple(found)


def header_comment(written: str) -> str:
    """Give the comment in the header of a block scalar, if it is one and has one."""
    found = _HEADER.match(written)
    return (found[1] or "").rstrip() if found else ""


def _pieces(text: str) -> Iterator[Piece]:
    last = 0  # where the piece before ended
    for token in yaml.scan(text, Loader=yaml.CSafeLoader):
        mark: Any = token.start_mark
        start, end = mark.index, token.end_mark.index
        if isinstance(token, StreamStartToken):
            continue
        if isinstance(token, ScalarToken) and token.style in ("|", ">"):
            end = _block_end(text, start, end)
        # The end of a block has no text: it stands where the next token does.
        for found in _COMMENT.finditer(text, last, max(last, start)):
            yield _piece(text, None, found.start(), found.end(), last)
            last = found.end()
        if isinstance(token, StreamEndToken):
            return
        yield _piece(text, token, start, max(start, end), last)
        if end > start and not isinstance(token, BlockEndToken):
            last = end


def _piece(text: str, token: Token | None, start: int, end: int, last: int) -> Piece:
    line = text.rfind("\n", 0, start) + 1
    between = text[last:start]
    return Piece(
        token,
        text[start:end].rstrip() if token is None else text[start:end],
        start,
        end,
        start - line,
        not text[line:start].strip(),
        between.count("\n") > (0 if not last or text[last - 1] == "\n" else 1),
    )


def _block_end(text: str, start: int, end: int) -> int:
    """Give where a block scalar ends: blank lines behind it are its own only where it keeps them.

    The scanner's end is the start of what follows.
    """
    written = text[start:end]
    if end < len(text) and not written.endswith("\n"):
        written = written.rstrip(" ")  # the indentation of what follows
    header, *lines = written.split("\n")
    bare = header.partition("#")[0]
    if "+" in bare:
        return start + len(written)
    filled = [len(line) - len(line.lstrip(" ")) for line in lines if line.strip(" ")]
    # Spaces beyond the indentation are text; where it is indicated, it may be less than it looks.
    indentation = 0 if re.search("[1-9]", bare) else min(filled, default=0)
    while lines and not lines[-1].strip(" ") and len(lines[-1]) <= indentation:
        lines.pop()
    return start + len("\n".join([header, *lines]).rstrip("\n"))
