"""What Envoy makes of a request's path before any route sees it.

Escaped slashes become slashes and the client is sent to the plain path; dots are resolved, what
need not be escaped is not, what must be is; doubled slashes are one.
Source: `normalize_path`, `merge_slashes` and `path_with_escaped_slashes_action` of Envoy's HTTP
connection manager; the canonical form is that of Chromium's URL library, which Envoy uses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_ESCAPED_SLASH: Final = re.compile("%2f|%5c", re.IGNORECASE)
_ESCAPE: Final = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_MUST_BE_ESCAPED: Final = re.compile(r'["<>`{}^|]')
"""Of what a request line may hold."""


@dataclass(frozen=True, slots=True)
class Normal:
    """A path as routes see it, with its query; ``redirected`` if the client is sent there first."""

    target: str
    redirected: bool = False

    @property
    def path(self) -> str:
        """Without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What stands behind the question mark."""
        return self.target.partition("?")[2]


def normalised(target: str) -> Normal | None:
    """Give the path that routes see; None where Envoy answers 400.

    ``target`` begins with a slash, and holds no other characters than `read_head` lets pass.
    """
    path, mark, query = target.partition("?")
    if "#" in target or "%00" in path:
        return None
    plain = _ESCAPED_SLASH.sub(lambda found: "/" if found[0][1] == "2" else "\\", path)
    redirected = plain != path
    path = _merged(_canonical(plain))
    return Normal(path + mark + query, redirected)


def _merged(path: str) -> str:
    """Make doubled slashes one; the slash at the end stays."""
    if "//" not in path:
        return path
    parts = [part for part in path.split("/") if part]
    # Of nothing but slashes Envoy leaves two.
    return "/" + "/".join(parts) + ("/" if path.endswith("/") else "")


def _canonical(path: str) -> str:
    """Resolve dots and escapes as Chromium does; a segment that was emptied leaves its slash."""
    path = _ESCAPE.sub(_unescaped, path.replace("\\", "/"))
    kept: list[str] = []
    segments = path.split("/")[1:]
    for place, segment in enumerate(segments):
        last = place == len(segments) - 1
        if segment == ".":
            if last:
                kept.append("")
        elif segment == "..":
            if kept:
                kept.pop()
            if last:
                kept.append("")
        else:
            kept.append(segment)
    return _MUST_BE_ESCAPED.sub(lambda found: f"%{ord(found[0]):02X}", "/" + "/".join(kept))


def _unescaped(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else found[0]
