"""Phone numbers as people write them: with a plus, in North America's groups, or a national zero.

A bare run of digits is no phone number here, unless a word before it says so: too many counters,
ids and times look like that. Source of the lengths: ITU-T E.164, at most 15 digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ext_authz.redact.detector import Detector, Extent, Span, stands_alone

# Space, no-break spaces, dots, slashes, hyphens and dashes, as word processors change them.
_GAP: Final = r"[ .\-/\x{a0}\x{202f}\x{2010}-\x{2013}]"
_GROUP: Final = re.compile(rb"\d+")
_LEAST: Final = 8
_MOST: Final = 15
_NATIONAL_LEAST: Final = 9
_NATIONAL_MOST: Final = 12


def _numbers(text: bytes, start: int, end: int) -> Iterator[Span]:
    """The longest beginning that is a number: other digits may stand behind it."""
    if not text[start:end].isdigit():
        ends = [found.end() for found in _GROUP.finditer(text, start, end)]
        for ended in reversed(ends):
            if _is_number(text, start, ended):
                yield start, ended
                return
    elif _is_number(text, start, end) or text[start : start + 2] != b"00":
        yield start, end


def _is_number(text: bytes, start: int, end: int) -> bool:
    found = text[start:end]
    digits = sum(0x30 <= byte <= 0x39 for byte in found)
    if not stands_alone(text, start, end) or _goes_on(text, start, end):
        return False
    if found[:1] == b"0" and found[:2] != b"00":
        return _NATIONAL_LEAST <= digits <= _NATIONAL_MOST
    return _LEAST - 1 <= digits <= _MOST + 2


def _goes_on(text: bytes, start: int, end: int) -> bool:
    """Whether the digits are the middle of something longer: a decimal, a path, a UUID."""
    before, after = text[start - 1 : start], text[end : end + 2]
    if before in (b".", b"-", b"/", b",") and text[max(0, start - 2) : start - 1].isalnum():
        return True
    return after[:1] in (b".", b"-", b"/", b":") and after[1:2].isalnum()


PHONE: Final = Detector(
    name="phone",
    patterns=(
        # +49 (0) 30 1234-567, 0049 30 1234567
        (
            rf"(?:\+|\b00)[1-9]\d{{0,2}}{_GAP}?(?:\(\d{{1,5}}\){_GAP}?)?\d{{1,5}}"
            rf"(?:{_GAP}?\d{{2,5}}){{1,5}}"
        ),
        # (415) 555-2671, 415-555-2671, 1-415-555-2671
        (
            rf"(?:\b1{_GAP})?(?:\([2-9]\d{{2}}\){_GAP}?|\b[2-9]\d{{2}}{_GAP})"
            rf"[2-9]\d{{2}}{_GAP}\d{{4}}\b"
        ),
        # 030/1234567, (030) 123 45 67, 020 7946 0958
        rf"(?:\(0\d{{1,4}}\){_GAP}?|\b0\d{{2,4}}{_GAP})\d{{3,4}}{_GAP}?\d{{2,5}}(?:{_GAP}\d{{2}})?\b",
        # 01 23 45 67 89
        rf"\b0[1-9](?:{_GAP}\d{{2}}){{4}}\b",
        # phone: 4155552671
        (
            r"(?i)\b(?:phone|tel|telephone|mobile|cell|fax|whatsapp|call me at|call)"
            r"(?: ?(?:number|no\.?|nr\.?|#))?(?: is)?[\"']?[ :=\t]{1,3}[\"']?(?P<v>\d{7,15})\b"
        ),
    ),
    pick=_numbers,
    extent=Extent.DIGITS,
)

FAMILY: Final = (PHONE,)
