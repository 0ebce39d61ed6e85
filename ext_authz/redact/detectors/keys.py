"""Keys and tokens that are known by their form: JSON web tokens, PEM, passwords in URLs.

Sources: RFC 7519 (a token is three base64url parts, the first of which is a JSON object), RFC
7468 (the textual encoding of keys).
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from ext_authz.redact.detector import Detector, Extent

_BEGIN: Final = r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_JWT_REACH: Final = 8192
_PEM_REACH: Final = 16384


def _is_token(text: bytes, start: int, end: int) -> bool:
    head = text[start:end].partition(b".")[0]
    try:
        decoded = base64.urlsafe_b64decode(head + b"=" * (-len(head) % 4))
    except (binascii.Error, ValueError):
        return False
    return decoded.lstrip()[:1] == b"{"


JWT: Final = Detector(
    name="jwt",
    # An encrypted token has five parts, the second of which may be empty.
    patterns=(r"\bey[A-Za-z0-9_-]{8,}\.\.?[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]+){0,3}",),
    check=_is_token,
    reach=_JWT_REACH,
)
PRIVATE_KEY: Final = Detector(
    name="private_key",
    patterns=(
        rf"{_BEGIN}(?:[^-]|-[^-]|--[^-])*-----END (?:[A-Z0-9]+ ){{0,3}}PRIVATE KEY(?: BLOCK)?-----",
        # A key whose end is missing is a key all the same: its lines go with it.
        rf"{_BEGIN}(?:\s|\\n)*(?:[A-Za-z0-9+/]{{40,}}=*(?:\s|\\n)*)+",
    ),
    extent=Extent.BLOCK,
    reach=_PEM_REACH,
)
URL_PASSWORD: Final = Detector(
    name="url_password",
    patterns=(r"\b[a-z][a-z0-9+.-]+://[^\s/:@\"'<>]*:(?P<v>[^\s/@\"'<>]+)@[^\s\"'<>]",),
    reach=512,
)

FAMILY: Final = (JWT, PRIVATE_KEY, URL_PASSWORD)
