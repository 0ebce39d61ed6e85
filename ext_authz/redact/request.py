"""Redacts a request's body: a gate over all of it, then only the strings that hold a value."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Final

from ext_authz.redact.audit import Audit
from ext_authz.redact.disguise import values_in
from ext_authz.redact.errors import MalformedError, TooMuchError
from ext_authz.redact.json_text import Place, checked, is_json, rewritten
from ext_authz.redact.places import BASE64, KNOWN, NAMES, SCHEMA_WORDS, STRUCTURAL, Region
from ext_authz.redact.rules import Rules
from ext_authz.redact.scanner import Hits, Scanner
from ext_authz.redact.unescape import decoded_base64, is_text_url, levels, text_urls
from ext_authz.redact.vault import Vault
from ext_authz.translate.wire import decode, encode

_ENCODED: Final = re.compile(rb"[A-Za-z0-9+/_-]{128,}={0,2}")
_DATA_URL: Final = re.compile(rb"data:[^,]{0,256};base64,")
_QUOTE: Final = 0x22


def redact(body: bytes, rules: Rules, scanner: Scanner, vault: Vault, audit: Audit) -> bytes:
    """Return the body without the values that `scanner` finds; the same bytes where it finds none.

    Raises a `RedactionError` for a body that cannot be read, or must not go on.
    """
    checked(body, rules.caps.body)
    texts, complete = levels(body)
    files = [file for text in texts for file in text_urls(text)]
    for file in files:
        inner, whole = levels(file)
        texts = [*texts, file, *inner]
        complete = complete and whole
    hits: Hits
    if not complete:
        hits = scanner.all_hits
    elif len(texts) == 1:
        hits = scanner.gate(texts[0])
    else:
        hits = sorted({hit for text in texts for hit in scanner.gate(text)})
    if not hits and not scanner.has_finders:
        return body
    return _Redaction(rules, scanner, vault, audit, hits, texts).body(body)


class _Redaction:
    """One body's way through; `hits` are the patterns that may match somewhere in it."""

    def __init__(
        self,
        rules: Rules,
        scanner: Scanner,
        vault: Vault,
        audit: Audit,
        hits: Hits,
        texts: Sequence[bytes],
    ) -> None:
        self._caps = rules.caps
        self._scanner = scanner
        self._vault = vault
        self._audit = audit
        self._hits = hits
        self._texts: Sequence[bytes] | None = texts
        self._nested = 0

    def body(self, body: bytes) -> bytes:
        return rewritten(body, self._string)

    def _string(self, raw: bytes, place: Place) -> bytes | None:
        if len(raw) > self._caps.string and not self._is_file(raw[1:-1], place):
            raise TooMuchError(f"a string is larger than {self._caps.string} bytes")
        if raw[0] != _QUOTE:
            changed = self._text(raw, place)
            return None if changed is None else encode(changed.decode())
        if not self._is_read(raw, place):
            return None
        text = raw[1:-1] if b"\\" not in raw else str(decode(raw)).encode()
        changed = self._said(text, place)
        return None if changed is None else encode(changed.decode())

    def _is_read(self, raw: bytes, place: Place) -> bool:
        if place.region is Region.DATA:
            return True
        if place.is_key:
            return place.name not in KNOWN
        if place.region is Region.SCHEMA:
            return place.name not in SCHEMA_WORDS
        return place.name not in STRUCTURAL and not self._is_file(raw[1:-1], place)

    def _is_file(self, text: bytes, place: Place) -> bool:
        """Whether a string is base64 of what is no text: an image, a sound, a PDF."""
        if place.name not in BASE64 or place.region is not Region.API:
            return False
        head = _DATA_URL.match(text)
        if head is not None:
            return not is_text_url(text)
        return _ENCODED.fullmatch(text) is not None

    def _said(self, text: bytes, place: Place) -> bytes | None:
        """Redact a string's text; JSON and text files in it are redacted as what they are."""
        if not place.is_key and is_json(text):
            return self._inside(text, place)
        if is_text_url(text) and (comma := text.find(b";base64,")) > 0:
            start = comma + len(b";base64,")
            return self._file(text[:start], text[start:], place)
        return self._text(text, place)

    def _inside(self, text: bytes, place: Place) -> bytes | None:
        self._nested += 1
        if self._nested > self._caps.nested:
            raise TooMuchError(f"JSON stands in strings of JSON more than {self._caps.nested} deep")
        changed = rewritten(text, self._string, region=Region.DATA, way=place.way, name=place.name)
        self._nested -= 1
        return None if changed is text else changed

    def _file(self, head: bytes, data: bytes, place: Place) -> bytes | None:
        held = decoded_base64(data)
        try:
            held.decode()
        except UnicodeDecodeError:
            raise MalformedError(f"{place.shown()} is a text file that is not UTF-8") from None
        changed = self._inside(held, place) if is_json(held) else self._text(held, place)
        return None if changed is None else head + base64.b64encode(changed)

    def _text(self, text: bytes, place: Place) -> bytes | None:
        found = values_in(text, self._scanner, self._hits)
        if not found:
            return None
        if self._texts is not None:
            # Before the first placeholder is given out, and only then: this reads everything.
            self._vault.take(self._texts)
            self._texts = None
        numbered, counted = place.shown(), place.shown(numbered=False)
        pieces: list[bytes] = []
        done = 0
        for one in found:
            written = self._vault.replaced(one.name, one.value, numbered)
            if place.name in NAMES and place.region is Region.API:
                written = written.strip("<>").replace(":", "_").replace("*", "x")
            self._audit.add(one.name, counted)
            pieces += (text[done : one.start], written.encode())
            done = one.end
        pieces.append(text[done:])
        return b"".join(pieces)
