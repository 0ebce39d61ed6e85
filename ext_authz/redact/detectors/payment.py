"""Payment cards and bank accounts: numbers that prove themselves by a checksum.

Sources: ISO/IEC 7812 (cards, Luhn; the issuers' ranges and lengths are those of their public
pages), ISO 13616 (IBAN, whose lengths by country and checksum `stdnum` knows).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from stdnum import iban, luhn

from ext_authz.redact.detector import Detector, Extent, Span, stands_alone

_GAP: Final = r"[ \-.\x{a0}\x{202f}\x{2010}-\x{2013}]"
_SPACE: Final = r"[ \-\x{a0}\x{202f}]"
_GROUP: Final = re.compile(rb"\d+")
_LETTERS: Final = re.compile(rb"[A-Za-z0-9]+")
_SHORTEST: Final = 12
_LONGEST: Final = 19
# Ranges of first digits and the lengths of their numbers.
_ISSUERS: Final[tuple[tuple[int, int, frozenset[int]], ...]] = (
    (4, 4, frozenset((13, 16, 19))),  # Visa
    (51, 55, frozenset((16,))),  # Mastercard
    (2221, 2720, frozenset((16,))),
    (34, 34, frozenset((15,))),  # American Express
    (37, 37, frozenset((15,))),
    (6011, 6011, frozenset((16, 19))),  # Discover
    (644, 659, frozenset((16, 19))),
    (300, 305, frozenset((14, 16))),  # Diners Club
    (3095, 3095, frozenset((14, 16))),
    (36, 36, frozenset((14, 16, 19))),
    (38, 39, frozenset((14, 16, 19))),
    (3528, 3589, frozenset((16, 17, 18, 19))),  # JCB
    (62, 62, frozenset((16, 17, 18, 19))),  # UnionPay
    (81, 81, frozenset((16, 17, 18, 19))),  # RuPay
    (60, 60, frozenset((16,))),
    (508, 508, frozenset((16,))),
    (2200, 2204, frozenset((16, 17, 18, 19))),  # Mir
    (9792, 9792, frozenset((16,))),  # Troy
    (5018, 5020, frozenset(range(12, 20))),  # Maestro
    (5038, 5038, frozenset(range(12, 20))),
    (5893, 5893, frozenset(range(12, 20))),
    (6304, 6304, frozenset(range(12, 20))),
    (6759, 6763, frozenset(range(12, 20))),
)


def _cards(text: bytes, start: int, end: int) -> Iterator[Span]:
    """Find cards in a run of groups of digits: a number before or behind must hide none."""
    groups = [(found.start(), found.end()) for found in _GROUP.finditer(text, start, end)]
    first = 0
    while first < len(groups):
        digits = b""
        for last in range(first, len(groups)):
            digits += text[slice(*groups[last])]
            if len(digits) > _LONGEST:
                break
            begun, ended = groups[first][0], groups[last][1]
            if last == first + 1 and text[groups[first][1] : groups[last][0]] == b".":
                continue  # a decimal
            if len(digits) >= _SHORTEST and _is_card(digits) and _is_whole(text, begun, ended):
                yield begun, ended
                first = last
                break
        first += 1


def _is_whole(text: bytes, start: int, end: int) -> bool:
    """A decimal's digits are no card."""
    return stands_alone(text, start, end) and not (
        text[start - 1 : start] == b"." and text[max(0, start - 2) : start - 1].isdigit()
    )


def _is_card(digits: bytes) -> bool:
    size = len(digits)
    for low, high, lengths in _ISSUERS:
        if size in lengths and low <= int(digits[: len(str(low))]) <= high:
            return bool(luhn.is_valid(digits.decode())) and len(set(digits)) > 1
    return False


def _accounts(text: bytes, start: int, end: int) -> Iterator[Span]:
    """The account ends where its country's length says; what follows may look like more of it."""
    groups = [(found.start(), found.end()) for found in _LETTERS.finditer(text, start, end)]
    for _, ended in reversed(groups):
        if iban.is_valid(text[start:ended].decode("utf-8", "ignore")) and stands_alone(
            text, start, ended
        ):
            yield start, ended
            return


CREDIT_CARD: Final = Detector(
    name="credit_card",
    patterns=(rf"\b\d(?:{_GAP}?\d)*{_GAP}?\d{{2}}(?:{_GAP}?\d){{9}}(?:{_GAP}?\d)*",),
    pick=_cards,
    picks_all=True,
    extent=Extent.DIGITS,
)
IBAN: Final = Detector(
    name="iban",
    patterns=(
        rf"\b[A-Z]{{2}}\d{{2}}(?:{_SPACE}?[A-Z0-9]{{3,4}}){{2,8}}(?:{_SPACE}?[A-Z0-9]{{1,3}})?\b",
        r"(?i)\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b",
    ),
    pick=_accounts,
    extent=Extent.DIGITS,
)

FAMILY: Final = (CREDIT_CARD, IBAN)
