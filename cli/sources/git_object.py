"""Commits and tags, read from their raw objects, which no setting of anybody's git changes.

Source: the object formats in gitformat-signature and git-cat-file of Git's manual.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

_TIME = re.compile(rb"(-?[0-9]{1,15}) ([+-])([0-9]{2})([0-9]{2})$")
_SIGNATURE = re.compile(rb"^-----BEGIN (PGP|SSH) ", re.MULTILINE)
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit says of itself; ``authored`` is ISO 8601, empty where it cannot be read."""

    authored: str
    signed: bool


@dataclass(frozen=True, slots=True)
class Tag:
    """What an annotated tag says of itself: its own name is what its signature covers."""

    name: str
    signed: bool


def commit(raw: bytes) -> Commit:
    """Read a commit object."""
    headers = _headers(raw)
    signed = any(key in headers for key in (b"gpgsig", b"gpgsig-sha256"))
    return Commit(_date(headers.get(b"author", b"")), signed)


def tag(raw: bytes) -> Tag:
    """Read a tag object."""
    headers = _headers(raw)
    message = raw.partition(b"\n\n")[2]
    signed = b"gpgsig-sha256" in headers or _SIGNATURE.search(message) is not None
    return Tag(printable(headers.get(b"tag", b"").decode(errors="replace")), signed)


def printable(text: str, limit: int = _LONGEST_NAME) -> str:
    """What others wrote, as one short line that does nothing to a terminal."""
    line = "".join(c if c.isprintable() else " " for c in text).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _headers(raw: bytes) -> dict[bytes, bytes]:
    """The first line of each header; lines that go on begin with a space."""
    found: dict[bytes, bytes] = {}
    for line in raw.partition(b"\n\n")[0].split(b"\n"):
        if not line.startswith(b" "):
            key, _, value = line.partition(b" ")
            found.setdefault(key, value)
    return found


def _date(author: bytes) -> str:
    found = _TIME.search(author)
    if found is None:
        return ""
    offset = timedelta(hours=int(found[3]), minutes=int(found[4]))
    try:
        zone = timezone(-offset if found[2] == b"-" else offset)
        return datetime.fromtimestamp(int(found[1]), zone).isoformat()
    except (ValueError, OverflowError, OSError):
        return ""
