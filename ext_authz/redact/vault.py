"""The values of one request and the placeholders that stand for them.

A vault lives as long as its request and its answer, in memory, and shows in no log: its repr
counts. Numbers follow the order in which values come, so a conversation that grows at its end
keeps its placeholders, and the provider's prompt cache.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Final

from ext_authz.redact.errors import BlockedError, TooMuchError
from ext_authz.redact.rules import Action, Rules, masked

# Placeholders end like this; what stands before is looked at only where it does.
_NUMBER: Final = re.compile(rb"_\d{1,9}")
_BEFORE: Final = re.compile(rb"(?:[A-Za-z0-9_]|\\+_)*\\*\Z")
_LONGEST: Final = 160
_DIGEST: Final = 16
"""Hexadecimal digits of a hash: 64 bits, which nobody meets by chance."""


class Vault:
    """Gives out placeholders and knows what they stand for."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._given: dict[tuple[str, str], str] = {}
        self._numbers: dict[str, int] = {}
        self._taken: set[str] = set()
        self._found = 0
        self.values: dict[str, str] = {}  # by key: `EMAIL_1`

    def __repr__(self) -> str:
        return f"Vault({len(self.values)} values)"

    def take(self, texts: Iterable[bytes]) -> None:
        """Keep clear of what looks like a placeholder in the client's own words."""
        for text in texts:
            for found in _NUMBER.finditer(text):
                before = _BEFORE.search(text[max(0, found.start() - _LONGEST) : found.start()])
                if before is not None:
                    self._taken.add(key_of((before[0] + found[0]).decode()))

    def replaced(self, name: str, value: str, place: str) -> str:
        """Return what stands for a value from now on, or raise `BlockedError`."""
        self._found += 1
        if self._found > self._rules.caps.findings:
            raise TooMuchError(f"more than {self._rules.caps.findings} values to redact")
        return self._by(self._rules.action_of(name), name, value, place)

    def answered(self, action: Action, name: str, value: str) -> str:
        """Return what stands for a value that the model itself said; it is not restored."""
        if action is Action.PLACEHOLDER:
            return f"<{name.upper()}>"
        return self._by(action, name, value, "the answer")

    def _by(self, action: Action, name: str, value: str, place: str) -> str:
        match action:
            case Action.PLACEHOLDER:
                return self._placeholder(name, value)
            case Action.MASK:
                return masked(value)
            case Action.HASH:
                digest = hmac.digest(
                    self._rules.hash_key, f"{name}\0{value}".encode(), hashlib.sha256
                )
                return f"<{name.upper()}:{digest.hex()[:_DIGEST]}>"
            case Action.BLOCK:
                raise BlockedError(name, place)

    def _placeholder(self, name: str, value: str) -> str:
        if (given := self._given.get((name, value))) is not None:
            return given
        label = name.upper()
        while True:
            number = self._numbers[label] = self._numbers.get(label, 0) + 1
            key = f"{label}_{number}"
            if key not in self._taken and key not in self.values:
                break
        self.values[key] = value
        placeholder = f"<{key}>"
        self._given[name, value] = placeholder
        return placeholder


def key_of(written: str) -> str:
    """Return the key of a placeholder however its letters and underscores are written."""
    return written.replace("\\", "").upper()
