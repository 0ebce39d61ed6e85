"""What tells a line again after others were added or removed: the hash that code scanning uses.

GitHub's upload (github/codeql-action, ``primaryLocationLineHash``) hashes the 100 characters from a
line's beginning on, white space left out, as a polynomial in 37 modulo 2**64, and counts lines of
one hash. It says so where a file brings another value: hence the same here, and for those who
upload by the API too.
"""

from __future__ import annotations

from array import array
from typing import Final

_LENGTH: Final = 100
_BASE: Final = 37
_MASK: Final = (1 << 64) - 1
_OLDEST: Final = pow(_BASE, _LENGTH, 1 << 64)
_END: Final = 0xFFFF


def line_hashes(text: str) -> list[str]:
    """Give ``HASH:COUNT`` of each line of ``text``, the one behind its last newline too."""
    units, starts = _units(text)
    hashes: list[str] = []
    counts: dict[str, int] = {}
    rolled = 0
    wanted = iter(starts)
    start = next(wanted)
    for place in range(len(units)):
        rolled = rolled * _BASE + units[place]
        if place >= _LENGTH:
            rolled -= _OLDEST * units[place - _LENGTH]
        rolled &= _MASK
        if place == start + _LENGTH - 1:
            found = f"{rolled:x}"
            counts[found] = counts.get(found, 0) + 1
            hashes.append(f"{found}:{counts[found]}")
            start = next(wanted, -1 - _LENGTH)
    return hashes


def _units(text: str) -> tuple[array[int], list[int]]:
    """Give the UTF-16 code units that are hashed, and where lines begin among them."""
    units = array("H")
    starts: list[int] = []
    beginning = True
    after_return = False
    written = array("H", text.encode("utf-16-le", "surrogatepass"))
    for unit in (*written, _END):
        if unit in (0x20, 0x09) or (after_return and unit == 0x0A):
            after_return = False
            continue
        after_return = unit == 0x0D
        if beginning:
            starts.append(len(units))
        beginning = after_return or unit == 0x0A
        units.append(0x0A if after_return else unit)
    units.extend([0] * _LENGTH)
    return units, starts
