"""Characters that a policy may not hold: what cannot be printed, and what deceives a reviewer."""

from __future__ import annotations

import re
import unicodedata

from compiler.diagnostic import Reporter
from compiler.lines import Lines

_CONTROL = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff"
# Line breaks that editors do not show as such, text that runs backwards, text of no width.
_HIDDEN = (
    r"\u2028\u2029\u202a-\u202e\u2066-\u2069\u061c\u200e\u200f"
    r"\ufeff\u200b\u2060-\u2064\u00ad\U000e0000-\U000e007f"
)
_REFUSED = re.compile(rf"[{_CONTROL}{_HIDDEN}]|\r(?!\n)")
_IS_HIDDEN = re.compile(rf"[{_HIDDEN}]")
_DIRECTIVE = re.compile(r"^%.*", re.MULTILINE)
# Spaces that look like one and are text to YAML, where the indentation should be.
_INDENTATION = re.compile(r"^ *([\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000])", re.MULTILINE)
_SHOWN = 20

_NAMES = {"\x00": "NUL", "\x1b": "ESCAPE", "\r": "CARRIAGE RETURN", "\x85": "NEXT LINE"}


def check_characters(lines: Lines, reporter: Reporter) -> bool:
    """Report characters and lines that may not stand in a policy; say whether there are none.

    Directives are found here and not by the parser, whose time grows with the square of their
    number.
    """
    text = lines.source.text
    fine = True
    for count, found in enumerate(_REFUSED.finditer(text)):
        fine = False
        if count == _SHOWN:
            break
        _refuse(found[0], lines, found.start(), reporter)
        if found[0] == "\x00":
            break  # one is enough to know that this is no text
    if fine and (space := _INDENTATION.search(text)) is not None:
        fine = False
        reporter.error(
            "hidden-character",
            f"U+{ord(space[1]):04X} ({unicodedata.name(space[1])}) stands in the indentation",
            lines.span(space.start(1), space.end(1)),
            "here",
            hint="indent with plain spaces",
        )
    if fine and (directive := _DIRECTIVE.search(text)) is not None:
        fine = False
        reporter.error(
            "yaml-directive",
            "a policy has no YAML directives",
            lines.span(directive.start(), directive.end()),
            hint="remove the line; policies are YAML 1.2",
        )
    return fine


def _refuse(character: str, lines: Lines, at: int, reporter: Reporter) -> None:
    point = ord(character)
    name = _NAMES.get(character) or unicodedata.name(character, "")
    shown = f"U+{point:04X} ({name})" if name else f"U+{point:04X}"
    escape = f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
    hint = f'remove it, or write it as `"{escape}"` in double quotes'
    if character == "\x00":
        hint = "is this a text file in UTF-8?"
    elif character == "\r":
        hint = "end lines with LF or CRLF"
    if _IS_HIDDEN.match(character):
        code, message = "hidden-character", f"{shown} cannot be seen by who reads this policy"
    else:
        code, message = "control-character", f"the control character {shown} is in this file"
    reporter.error(code, message, lines.span(at, at + 1), "here", hint=hint)
