"""The text of a key: `gw_`, 192 random bits, and a checksum.

    gw_  33 digits of base 62: 192 bits of `secrets`  6 of base 62: CRC-32 of what stands before

Letters and digits alone, so that a double click takes all of it. The checksum adds no secrecy: it
lets a scanner tell a key from chance, and a person a typing error. Only the SHA-256 is written
anywhere, and an edge knows no more than that.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Iterator
from hashlib import sha256
from typing import Final
from zlib import crc32

PREFIX: Final = "gw_"
BITS: Final = 192

_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM: Final = 33  # 62 ** 33 > 2 ** 192
_CHECK: Final = 6  # 62 ** 6 > 2 ** 32
_KEY: Final = re.compile(rf"gw_[0-9A-Za-z]{{{_RANDOM + _CHECK}}}")


def new_key() -> str:
    """Make a key."""
    body = PREFIX + _written(int.from_bytes(secrets.token_bytes(BITS // 8)), _RANDOM)
    return body + _checksum(body)


def digest_of(key: str) -> str:
    """Give what a policy holds of a key: its SHA-256 in hexadecimal digits."""
    return sha256(key.encode()).hexdigest()


def is_key(text: str) -> bool:
    """Tell whether a text is a key as `new_key` makes them, with no typing error in it."""
    return bool(_KEY.fullmatch(text)) and _checksum(text[:-_CHECK]) == text[-_CHECK:]


def keys_in(text: str) -> Iterator[str]:
    """Find every key that stands in a text."""
    return (found[0] for found in _KEY.finditer(text) if is_key(found[0]))


def _checksum(body: str) -> str:
    return _written(crc32(body.encode()), _CHECK)


def _written(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
