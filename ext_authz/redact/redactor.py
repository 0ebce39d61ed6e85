"""Redaction as a service uses it: a `Redactor` for each policy, a `Session` for each request.

    redactor = Redactor(rules)                    # milliseconds; shared by all requests
    session = redactor.request(body)              # raises a RedactionError: answer with its status
    send(session.body)                            # the very same object where nothing was found
    client_body = session.answer(provider_body)   # a whole answer,
    stream = session.stream()                     # or server-sent events of the client's own API,
    events = session.events()                     # or the events of a translated answer
    log(session.audit.record())                   # counts, never values
    redactor.finds(header)                        # what may not go on beside the body

A fallback sends the same request to another provider: its attempt is another session, whose
answers are restored by its own vault.
"""

from __future__ import annotations

import msgspec

from ext_authz.redact.answer import answered
from ext_authz.redact.audit import Audit
from ext_authz.redact.errors import BlockedError, RedactionError, TooMuchError
from ext_authz.redact.event_flow import EventFlow
from ext_authz.redact.flow import Answering
from ext_authz.redact.request import redact
from ext_authz.redact.restore import Names
from ext_authz.redact.rules import Rules
from ext_authz.redact.scanner import Scanner
from ext_authz.redact.stream import AnswerStream
from ext_authz.redact.vault import Vault
from ext_authz.translate.errors import Failure


class Session(msgspec.Struct, frozen=True, gc=False):
    """One request, redacted: its body, its placeholders' values, and the way of its answer."""

    body: bytes
    audit: Audit
    answering: Answering
    most_bytes: int

    @property
    def reads_answers(self) -> bool:
        """Whether the answer must come by here: False where nothing is restored or scanned."""
        return not self.answering.is_idle

    def of_answers(self) -> Session:
        """Give the same without the request's body."""
        return Session(b"", self.audit, self.answering, self.most_bytes)

    def answer(self, body: bytes) -> bytes:
        """Return the client's bytes of an answer that came as a whole."""
        return answered(body, self.answering, self.most_bytes)

    def stream(self) -> AnswerStream:
        """Make the way of a streamed answer of the client's own API."""
        return AnswerStream(self.answering)

    def events(self) -> EventFlow:
        """Make the way of a translated answer."""
        return EventFlow(self.answering)


class Redactor:
    """A policy's redaction, compiled; raises `DetectorError` where the rules cannot be used."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._scanner = Scanner(rules.detectors)

    def finds(self, text: bytes) -> bool:
        """Tell whether a text that is no body, such as a header, holds a value."""
        hits = self._scanner.gate(text)
        if not hits and not self._scanner.has_finders:
            return False
        return bool(self._scanner.find(text, hits))

    def request(self, body: bytes) -> Session:
        """Redact a request's body: the JSON of any of the client APIs.

        Raises `BlockedError`, `MalformedError` or `TooMuchError`; then nothing may be sent.
        """
        audit = Audit()
        vault = Vault(self.rules)
        redacted = redact(body, self.rules, self._scanner, vault, audit)
        names = Names(vault.values) if self.rules.restore and vault.values else None
        return Session(
            redacted,
            audit,
            Answering(self._scanner, self.rules.answers, vault, names, audit),
            self.rules.caps.body,
        )


def failure_of(error: RedactionError) -> Failure:
    """Say a `RedactionError` as the failure that client APIs have words for: a clear 400 or 413."""
    if isinstance(error, BlockedError):
        return Failure("invalid", str(error), 400, "redaction_blocked")
    if isinstance(error, TooMuchError):
        return Failure("too_large", str(error), error.status, "redaction_failed")
    return Failure("invalid", str(error), error.status, "redaction_failed")
