"""Several redactions of one request as one: in their order on the way out, back in reverse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ext_authz.redact.event_flow import EventFlow
from ext_authz.redact.redactor import Redactor, Session
from ext_authz.redact.stream import AnswerStream
from ext_authz.translate.answering import Step
from ext_authz.translate.events import Event


class Redacted(msgspec.Struct, frozen=True):
    """A request without what is redacted, and the way back of its answer."""

    body: bytes
    sessions: tuple[Session, ...] = ()

    @property
    def reads_answers(self) -> bool:
        """Whether anything may have to be done to an answer."""
        return any(session.reads_answers for session in self.sessions)

    def of_answers(self) -> Redacted:
        """Give what an answer needs: it may take minutes, and the request may be large."""
        return Redacted(b"", tuple([one.of_answers() for one in self.sessions]))

    def answer(self, body: bytes) -> bytes:
        """Give the client's bytes of an answer that came as a whole."""
        for session in reversed(self.sessions):
            body = session.answer(body)
        return body

    def stream(self) -> Streams | None:
        """Make the way of a streamed answer of the client's own API; None where it is as it is."""
        flows = [one.stream() for one in reversed(self.sessions) if one.reads_answers]
        return Streams(flows) if flows else None

    def steps(self) -> tuple[Step, ...]:
        """Make the way of a translated answer's events."""
        return tuple(_Flow(one.events()) for one in reversed(self.sessions) if one.reads_answers)

    def found(self) -> dict[str, int]:
        """Count what was found in the request, by detector."""
        counts: dict[str, int] = {}
        for session in self.sessions:
            for (detector, _), count in session.audit.found.items():
                counts[detector] = counts.get(detector, 0) + count
        return counts

    def record(self) -> dict[str, dict[str, int]]:
        """Write what a log may hold: counts by detector, nothing where there is nothing."""
        record: dict[str, dict[str, int]] = {}
        if found := self.found():
            record["found"] = found
        for part in ("answered", "restored"):
            counts: dict[str, int] = {}
            for session in self.sessions:
                for detector, count in getattr(session.audit, part).items():
                    counts[detector] = counts.get(detector, 0) + count
            if counts:
                record[part] = counts
        return record


class Streams:
    """Streams one behind the other: `feed` each piece, `end` once."""

    def __init__(self, flows: Sequence[AnswerStream]) -> None:
        self._flows = flows

    def feed(self, piece: bytes) -> bytes:
        """Take a piece of the stream."""
        for flow in self._flows:
            if not piece:
                break
            piece = flow.feed(piece)
        return piece

    def end(self) -> bytes:
        """Take the end of the stream."""
        rest = b""
        for flow in self._flows:
            rest = (flow.feed(rest) if rest else b"") + flow.end()
        return rest


class _Flow:
    def __init__(self, flow: EventFlow) -> None:
        self._flow = flow

    def __call__(self, events: list[Event]) -> list[Event]:
        passed: list[Event] = []
        for event in events:
            passed += self._flow.feed(event)
        return passed


def redact(redactors: Iterable[Redactor], body: bytes) -> Redacted:
    """Redact a body; raises a `RedactionError`, and then nothing may be sent."""
    sessions: list[Session] = []
    for redactor in redactors:
        session = redactor.request(body)
        body = session.body
        sessions.append(session)
    return Redacted(body, tuple(sessions))
