"""Where keys and values end on a line of YAML, inside of brackets and outside."""

from __future__ import annotations

import re
from typing import Final

SPACE: Final = re.compile(r"[ \t]*")
DECORATION: Final = re.compile(r"[&!][^\s,\[\]{}]*[ \t]*")
"""An anchor or a tag before a value."""
COLON: Final = re.compile(r"[ \t]*:(?=[\s,\[\]{}]|$)")
"""What makes a key of what stands before it."""

_PLAIN = re.compile(r"(?:[^\s:#]|:(?=\S)|(?<=\S)#|[ \t]+(?=[^\s:#]|:\S))+")
_PLAIN_IN_FLOW = re.compile(
    r"(?:[^\s:#,\[\]{}]|:(?=[^\s,\[\]{}])|(?<=\S)#"
    r"|[ \t]+(?=[^\s:#,\[\]{}]|:[^\s,\[\]{}]))+"
)
_DOUBLE = re.compile(r'"(?:[^"\\\n]|\\.)*"?')
_SINGLE = re.compile(r"'(?:[^'\n]|'')*'?")


def after(pattern: re.Pattern[str], text: str, at: int, end: int) -> int:
    """Give where ``pattern`` ends if it stands at ``at``; else ``at``."""
    found = pattern.match(text, at, end)
    return found.end() if found else at


def scalar_end(text: str, at: int, end: int, *, flow: bool) -> int:
    """Give the end of the scalar at ``at``, on this line; ``at`` itself where there is none."""
    sign = text[at : at + 1]
    if sign == '"':
        return after(_DOUBLE, text, at, end)
    if sign == "'":
        return after(_SINGLE, text, at, end)
    return after(_PLAIN_IN_FLOW if flow else _PLAIN, text, at, end)


def said(written: str) -> str:
    """Give what a scalar says, without its quotes; escapes stay as they are."""
    if written[:1] not in ('"', "'"):
        return written
    quote = written[0]
    inner = written[1:-1] if len(written) > 1 and written[-1] == quote else written[1:]
    return inner.replace("''", "'") if quote == "'" else inner
