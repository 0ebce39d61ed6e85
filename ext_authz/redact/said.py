"""Redacts what a model says of its own accord, in text that comes in pieces.

A value may be cut anywhere, so what may be its beginning is held back: the last word, a run of
digits and capitals, an open PEM block, and as many characters as the longest value of a pattern
may have. Some text that has gone on is kept in sight, for the words that make digits a number.
"""

from __future__ import annotations

import re
from typing import Final

from ext_authz.redact.audit import Audit
from ext_authz.redact.detector import Detector, Extent, Finding
from ext_authz.redact.rules import Action
from ext_authz.redact.scanner import Scanner
from ext_authz.redact.vault import Vault, key_of

_SEEN: Final = 64
"""Characters that stay in sight after they have gone on."""
_LONGEST_RUN: Final = 128
"""Characters of the longest number with the white space in it, and the word before it."""
_WORD: Final = re.compile(r"\S*\Z")
_RUN: Final = re.compile(r"[^a-z]*\Z")
_PEM_OPEN: Final = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")
# What ends the wait for the rest of a key: its end, or prose, which no key has in it.
_PEM_OVER: Final = re.compile(r"-----END [A-Z0-9 ]*-----|\b[a-z]+ [a-z]+ ")
_PEM_BEGUN: Final = re.compile(r"-{1,5}[A-Z0-9 ]{0,48}\Z")
_NAME: Final = re.compile(r"(?:[<;]|003[cC]) ?([A-Za-z0-9](?:[A-Za-z0-9_]|\\{1,2}_)*)")


class TextScanner:
    """Scans one text: `feed` each piece, `end` once; what they return has no value in it."""

    def __init__(self, scanner: Scanner, action: Action, vault: Vault, audit: Audit) -> None:
        self._scanner = scanner
        self._action = action
        self._vault = vault
        self._audit = audit
        self._text = ""  # what is in sight and has gone on, then what is held
        self._gone = 0
        patterns = scanner.detectors
        self._longest_word = max((one.reach for one in patterns if _is_word(one)), default=0)
        self._free = max((one.reach for one in patterns if one.extent is Extent.FREE), default=0)
        if scanner.has_finders:
            self._free = max(self._free, _LONGEST_RUN)
        extents = scanner.extents
        self._has_words = bool(extents & {Extent.WORD, Extent.DIGITS})
        self._has_digits = Extent.DIGITS in extents
        self._block = max((one.reach for one in patterns if one.extent is Extent.BLOCK), default=0)

    @property
    def held(self) -> str:
        """What has come and not gone on."""
        return self._text[self._gone :]

    def feed(self, piece: str) -> str:
        """Return the text in which nothing can be found any more that is not found already."""
        self._text += piece
        return self._go_on(self._cut())

    def end(self) -> str:
        """Return the rest."""
        said = self._go_on(len(self._text))
        self._text, self._gone = "", 0
        return said

    def _cut(self) -> int:
        text = self._text
        size = len(text)
        cut = size - self._free
        if self._has_words:
            cut = min(cut, max(_start(_WORD, text, self._gone), size - self._longest_word))
        if self._has_digits:
            cut = min(cut, max(_start(_RUN, text, self._gone), size - _LONGEST_RUN))
        if self._block:
            cut = min(cut, self._open_block(text, size))
        return max(cut, self._gone)

    def _open_block(self, text: str, size: int) -> int:
        opened = list(_PEM_OPEN.finditer(text, self._gone))
        if opened and _PEM_OVER.search(text, opened[-1].end()) is None:
            return max(opened[-1].start(), size - self._block)
        return _start(_PEM_BEGUN, text, max(self._gone, size - _SEEN))

    def _go_on(self, cut: int) -> str:
        text, gone = self._text, self._gone
        if cut <= gone:
            return ""
        found = self._found(text)
        said: list[str] = []
        done = gone
        for start, end, name in found:
            if start < done:
                continue
            if end > cut:
                cut = min(cut, start)
                break
            self._audit.add_answered(name)
            said += (text[done:start], self._vault.answered(self._action, name, text[start:end]))
            done = end
        said.append(text[done:cut])
        # What has been replaced does not stay in sight: its end could be found once more.
        sight = max(done if done > gone else 0, cut - _SEEN)
        self._text = text[sight:]
        self._gone = cut - sight
        return "".join(said)

    def _found(self, text: str) -> list[tuple[int, int, str]]:
        """Find values, in characters; a placeholder that was given out is none."""
        encoded = text.encode("utf-8", "replace")
        found = self._scanner.find(encoded)
        if not found:
            return []
        spans = (
            [_in_characters(encoded, one) for one in found]
            if len(encoded) != len(text)
            else [(one.start, one.end, one.name) for one in found]
        )
        own = self._own(text) if self._vault.values else []
        return [
            span
            for span in spans
            if not any(start <= span[0] and span[1] <= end for start, end in own)
        ]

    def _own(self, text: str) -> list[tuple[int, int]]:
        return [
            match.span(1)
            for match in _NAME.finditer(text)
            if key_of(match[1]) in self._vault.values
        ]


def _is_word(detector: Detector) -> bool:
    return detector.extent in (Extent.WORD, Extent.DIGITS)


def _start(pattern: re.Pattern[str], text: str, least: int) -> int:
    """Return where the run at the end of a text begins, no earlier than `least`."""
    found = pattern.search(text, least)
    return len(text) if found is None else found.start()


def _in_characters(encoded: bytes, one: Finding) -> tuple[int, int, str]:
    start = len(encoded[: one.start].decode())
    return start, start + len(encoded[one.start : one.end].decode()), one.name
