"""One text of an answer on its way to the client: scanned, where rules say so, then restored."""

from __future__ import annotations

import msgspec

from ext_authz.redact.audit import Audit
from ext_authz.redact.json_text import Place
from ext_authz.redact.places import BASE64, NAMES, STRUCTURAL, Region
from ext_authz.redact.restore import Names, TextRestorer
from ext_authz.redact.rules import Action
from ext_authz.redact.said import TextScanner
from ext_authz.redact.scanner import Scanner
from ext_authz.redact.vault import Vault
from ext_authz.translate.wire import decode, encode

JSON_MEMBERS = frozenset({"arguments", "partial_json"})
"""Members of answers whose text is JSON, or a piece of it."""
_LONGEST_ENCODED = 256


class Answering(msgspec.Struct, frozen=True, gc=False):
    """What one request's answers are read with; `names` is None where nothing is restored."""

    scanner: Scanner
    action: Action | None
    vault: Vault
    names: Names | None
    audit: Audit

    @property
    def is_idle(self) -> bool:
        """Whether answers go out as they come."""
        return self.action is None and self.names is None

    def needs(self, data: bytes) -> bool:
        """Whether anything in a text, JSON or not, may change."""
        if self.action is not None:
            return True
        if self.names is None:
            return False
        return b"<" in data or b"&" in data or b"\\" in data or self.names.has_bare(data)

    def rewrite(self, raw: bytes, place: Place) -> bytes | None:
        """Rewrite a string of an answer's JSON that stands there as a whole."""
        if raw[0] != 0x22 or (place.is_key and place.region is Region.API):
            return None
        if place.region is Region.API and place.name in STRUCTURAL:
            return None
        if place.name in BASE64 and len(raw) > _LONGEST_ENCODED and b" " not in raw:
            return None
        text = raw[1:-1].decode() if b"\\" not in raw else str(decode(raw))
        flow = Flow(self, json=True if place.name in JSON_MEMBERS else None)
        said = flow.feed(text) + flow.end()
        if self.names is not None and place.name in NAMES and place.region is Region.API:
            said = self.names.bare(said)
        return None if said == text else encode(said)


class Flow:
    """A text that comes in pieces: `feed` each, `end` once; they return what may go on."""

    def __init__(self, answering: Answering, *, json: bool | None = None) -> None:
        self._scan: TextScanner | None = None
        self._restore: TextRestorer | None = None
        if answering.action is not None:
            self._scan = TextScanner(
                answering.scanner, answering.action, answering.vault, answering.audit
            )
        if answering.names is not None:
            self._restore = TextRestorer(answering.names, answering.audit, json=json)

    @property
    def is_holding(self) -> bool:
        """Whether text has come that has not gone on."""
        return bool(
            (self._scan is not None and self._scan.held)
            or (self._restore is not None and self._restore.held)
        )

    def feed(self, piece: str) -> str:
        """Take a piece."""
        if self._scan is not None:
            piece = self._scan.feed(piece)
        return piece if self._restore is None else self._restore.feed(piece)

    def end(self) -> str:
        """Take the end."""
        rest = "" if self._scan is None else self._scan.end()
        if self._restore is None:
            return rest
        return self._restore.feed(rest) + self._restore.end()
