"""Planted keys, and the search for them in all that a test has seen written.

canaries = Canaries()
key = canaries.plant("acme/ci")                 # a real key, as `gatewright keys create` makes them
assert canaries.leaks({"serve": text, "state": folder}) == []
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path

from cli.key_text import digest_of, new_key

_BEGINNING = 16
"""So much of a key must show nowhere either: a line that is cut off still gives it away."""


class Canaries:
    """Keys that must show nowhere, by whose they are."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}

    def plant(self, whose: str, key: str | None = None) -> str:
        """Make a key, or take one (a provider's, a password), and look for it from now on."""
        self.keys[whose] = new_key() if key is None else key
        return self.keys[whose]

    def digest(self, whose: str) -> str:
        """What a policy may say of it: the SHA-256, in hexadecimal digits."""
        return digest_of(self.keys[whose])

    def leaks(self, texts: Mapping[str, str | bytes | Path]) -> list[str]:
        """Say where keys show: in texts, files, and all files of folders, each by its name."""
        return [
            f"{name} shows the key of {whose}"
            for name, text in texts.items()
            for where, content in _contents(name, text)
            for whose, key in self.keys.items()
            if any(form in content for form in _forms(key))
            for name in (where,)
        ]


def _contents(name: str, text: str | bytes | Path) -> Iterator[tuple[str, bytes]]:
    if isinstance(text, str):
        yield name, text.encode(errors="surrogateescape")
    elif isinstance(text, bytes):
        yield name, text
    elif text.is_dir():
        for file in sorted(text.rglob("*")):
            if file.is_file():
                yield f"{name}: {file.relative_to(text)}", file.read_bytes()
    else:
        yield name, text.read_bytes()


def _forms(key: str) -> Iterator[bytes]:
    """Give what a key may look like: itself, its beginning, and base64 wherever it begins."""
    yield key[:_BEGINNING].encode()
    for shift in range(3):
        # Without the first and last letters, which what stands around them changes.
        yield base64.b64encode(b" " * shift + key.encode())[4:-4].rstrip(b"=")
