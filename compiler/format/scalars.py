"""How a text is quoted: only where it must be, and then in double quotes where they read well.

Left in quotes is what would be no text without them, by YAML 1.2 as the compiler reads it or by
YAML 1.1 as many editors and tools do (``yes``, ``12:30``, dates).
"""

from __future__ import annotations

import re
from typing import Final

from compiler.format.tree import Style, Text
from compiler.yaml_core import OutOfRangeError, resolve

_WORD: Final = r"[A-Za-z0-9_./@+%:-]+"
_SAFE: Final = re.compile(rf"[A-Za-z0-9_/]{_WORD[:-1]}*(?: {_WORD})*")
_YAML_1_1: Final = re.compile(
    r"""
    y|n|yes|no|on|off|true|false|null
    | [-+]?[0-9][0-9_,]*(?:[.:][0-9_]*)*(?:e[-+]?[0-9]+)?    # numbers, in base 60 too, and times
    | 0[xob][0-9a-f_]+
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*                       # dates
    """,
    re.VERBOSE | re.IGNORECASE,
)
_IN_FLOW: Final = re.compile(r"[,\[\]{}]|^[?:-]$|:$")


def spelled(text: Text) -> str:
    """Give a scalar of one line as it is written in the canonical layout, without its anchor."""
    written = text.written
    if text.style not in (Style.SINGLE, Style.DOUBLE) or "\n" in written:
        return written
    value = text.value
    if written[1:-1] == value and _is_plain(value):
        return value
    if text.style is Style.SINGLE and value.isprintable() and not re.search(r'["\\]', value):
        return f'"{value}"'
    return written


def fits_flow(text: Text) -> bool:
    """Tell whether a scalar may stand in brackets as it is."""
    if "\n" in text.written or text.is_block:
        return False
    spelt = spelled(text)
    return spelt[:1] in "'\"" or _IN_FLOW.search(spelt) is None


def _is_plain(value: str) -> bool:
    if _SAFE.fullmatch(value) is None or ": " in value or value.endswith(":"):
        return False
    if _YAML_1_1.fullmatch(value):
        return False
    try:
        return resolve(value) == value
    except OutOfRangeError:
        return False
