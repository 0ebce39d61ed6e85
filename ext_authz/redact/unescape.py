"""What a JSON text says, level by level: escapes hide nothing from the gate.

A body is unescaped as if it were one string. Whatever any of its strings says stands in the
result, letter by letter, with quotes around; so a pattern that finds nothing there finds nothing
in any string. Arguments of tools are JSON inside a string: they are unescaped once more.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from ext_authz.redact.errors import MalformedError
from ext_authz.translate.wire import NotJsonError, decode

MOST_LEVELS: Final = 6
"""How often a body is unescaped for the gate."""

# The most frequent first: mostly no other is left then.
_SIMPLE: Final = (
    (b"\\n", b"\n"),
    (b'\\"', b'"'),
    (b"\\t", b"\t"),
    (b"\\r", b"\r"),
    (b"\\/", b"/"),
    (b"\\b", b"\b"),
    (b"\\f", b"\f"),
)
_UNICODE: Final = re.compile(rb"(?:\\u[0-9a-fA-F]{4})+")
_TEXT_URL: Final = re.compile(
    rb"data:(?:text/|application/(?:json|xml|x-yaml|yaml|javascript|csv|sql|x-ndjson))"
    rb"[^,\"\\]*;base64,([A-Za-z0-9+/=_-]*)",
    re.IGNORECASE,
)


def levels(body: bytes) -> tuple[list[bytes], bool]:
    """Return what the gate must read: the body unescaped, again while escapes are left.

    False with it says that escapes are left beyond the last level: the gate cannot tell.
    """
    if b"\\" not in body:
        return [body], True
    result: list[bytes] = []
    text = body
    for _ in range(MOST_LEVELS):
        before, text = text, unescaped(text)
        if text == before and result:
            break
        result.append(text)
        if b"\\" not in text:
            break
    else:
        return result, False
    return result, True


def unescaped(text: bytes) -> bytes:
    """Unescape JSON. NUL, which JSON cannot hold, stands for a backslash while others are read."""
    if b"\\\\" in text:
        text = text.replace(b"\\\\", b"\x00")
    for escape, said in _SIMPLE:
        if b"\\" not in text:
            break
        text = text.replace(escape, said)
    if b"\\" in text and b"\\u" in text:
        text = _UNICODE.sub(_said, text)
    return text.replace(b"\x00", b"\\") if b"\x00" in text else text


def _said(found: re.Match[bytes]) -> bytes:
    try:
        said: str = decode(b'"%b"' % found[0])
    except NotJsonError:
        # Half a pair of surrogates, in what only looks like JSON.
        return b" "
    return said.encode()


def text_urls(text: bytes) -> list[bytes]:
    """Return what `data:` URLs of textual types hold."""
    # One byte is found in half of the time that a word takes, and most texts lack even that.
    if b";" not in text or b";base64," not in text:
        return []
    return [decoded_base64(found[1]) for found in _TEXT_URL.finditer(text)]


def decoded_base64(data: bytes) -> bytes:
    """Decode either alphabet of base64, or raise `MalformedError` for what cannot be read."""
    plain = data.translate(_STANDARD).rstrip(b"=")
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4))
    except binascii.Error:
        raise MalformedError("the base64 of a text file cannot be read") from None


_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


def is_text_url(text: bytes) -> bool:
    """Whether a string is a `data:` URL of a textual type, in base64."""
    return _TEXT_URL.match(text) is not None
