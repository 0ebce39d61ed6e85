"""Email addresses, with letters of any script, and with the `%40` that they have in URLs."""

from __future__ import annotations

from typing import Final

from ext_authz.redact.detector import Detector


def _is_address(text: bytes, start: int, end: int) -> bool:
    """`git@github.com:` and its like begin the addresses of repositories, and are none inside."""
    if text[max(0, start - 1) : start].isalnum():
        return False
    return not (text[start : start + 4] == b"git@" and text[end : end + 1] in (b":", b"/"))


EMAIL: Final = Detector(
    name="email",
    # No counters, which the automaton would unroll; the domain ends in a label of letters.
    patterns=(
        (
            r"[\pL\pN_+%][\pL\pN._%+'-]*(?:@|%40)"
            r"[\pL\pN](?:[\pL\pN-]*\.)+(?:xn--[a-zA-Z0-9-]+|\pL\pL+)"
        ),
    ),
    check=_is_address,
    reach=320,
)

FAMILY: Final = (EMAIL,)
