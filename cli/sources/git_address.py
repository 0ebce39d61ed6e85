"""Addresses of Git repositories, read without asking anybody; credentials are taken out of them.

Source: the "Git URLs" section of git-fetch's manual page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

SAFE: Final = frozenset({"https", "ssh", "file"})
"""Protocols that say whom one talks to. ``http`` and ``git`` do not: anybody on the way may put
another policy in."""
KNOWN: Final = SAFE | {"http", "git"}

_SCP: Final = re.compile(r"(?P<host>(?:[^@/:\s]+@)?(?:\[[0-9A-Fa-f:.]+\]|[^@/:\s]+)):(?P<path>.+)")
_HELPER: Final = re.compile(r"[A-Za-z0-9+.-]*::")


class AddressError(ValueError):
    """The text is no address that may be used; the message shows no credentials."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository: ``url`` holds no credentials and may be shown; they stand beside it."""

    url: str
    protocol: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def site(self) -> str:
        """Scheme, host and port, for which alone the credentials are meant."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def remote(text: str, *, here: Path, allowed: frozenset[str] = SAFE) -> Remote:
    """Read a URL, ``user@host:path``, or a path relative to ``here``; raise AddressError."""
    if not text or text.startswith("-") or any(ord(c) <= 0x20 or ord(c) == 0x7F for c in text):
        raise AddressError("a repository's address is not empty, has no spaces, no leading `-`")
    if _HELPER.match(text):
        raise AddressError("remote helpers (`word::`) run programs: they are never used")
    found = _url(text) if "://" in text else _scp_or_path(text, here)
    if found.protocol not in KNOWN:
        raise AddressError(
            "this is no https://, ssh:// or file:// address, no user@host:path and no local path"
        )
    if found.protocol not in allowed:
        raise AddressError(
            f"{found.protocol}:// is off: nobody proves who answers; allow it with "
            f"--git-insecure where the network is your own"
        )
    return found


def _url(text: str) -> Remote:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise AddressError("this address cannot be read") from None
    if parts.query or parts.fragment:
        raise AddressError("a repository's address has no `?` and no `#`")
    if parts.scheme == "file":
        if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
            raise AddressError("a file:// address is file:///absolute/path")
        return Remote(f"file://{parts.path}", "file")
    if not host or host.startswith("-") or parts.path in {"", "/"}:
        raise AddressError("this address names no host, or no repository on it")
    shown = f"[{host}]" if ":" in host else host
    site = shown if port is None else f"{shown}:{port}"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if parts.scheme in {"https", "http"}:
        return Remote(f"{parts.scheme}://{site}{parts.path}", parts.scheme, user, password)
    if password:
        raise AddressError(f"{parts.scheme}:// takes no password: ssh has keys")
    if user.startswith("-"):
        raise AddressError("a user's name does not begin with `-`")
    named = f"{quote(user)}@{site}" if user else site
    return Remote(f"{parts.scheme}://{named}{parts.path}", parts.scheme)


def _scp_or_path(text: str, here: Path) -> Remote:
    found = _SCP.fullmatch(text)
    # As git itself decides: a colon before the first slash makes it a host.
    if found is not None:
        if found["host"].rpartition("@")[2].startswith("-"):
            raise AddressError("a host's name does not begin with `-`")
        return Remote(text, "ssh")
    path = here / Path(text).expanduser()
    return Remote(f"file://{quote(str(path))}", "file")


def credentials(text: str) -> tuple[str, str]:
    """Read ``user:password``, or a token alone, which hosts take with any user's name."""
    text = text.strip()
    user, colon, password = text.partition(":")
    return (user, password) if colon else ("git", text)
