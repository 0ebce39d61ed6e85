"""The way back of one answer: what Envoy is told of it, piece by piece.

The head of a stream is held until its first content, that of all else until the end: up to there
whatever fails becomes an answer of its own, which names the trigger for which a chain goes on.
Behind that a failure is told in the stream, which then ends.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any, Final

from ext_authz.process import messages
from ext_authz.process.messages import Side
from ext_authz.process.opening import FILTERED, Opening
from ext_authz.process.redacting import Redacted, Streams
from ext_authz.process.refusing import FAULT
from ext_authz.process.request import CHATS
from ext_authz.process.triggers import trigger_of
from ext_authz.process.whole_filtered import is_filtered
from ext_authz.redact.errors import RedactionError
from ext_authz.redact.redactor import failure_of
from ext_authz.translate.answering import Head
from ext_authz.translate.clients.writer import Moment
from ext_authz.translate.clients.writers import writer_for
from ext_authz.translate.errors import Failure
from ext_authz.translate.events import Failed
from ext_authz.translate.exchange import Machine
from ext_authz.translate.providers.reader import CUT
from ext_authz.translate.translator import refusal
from xds.edge.attempt import DROPPED, RETRY, RETRY_AFTER
from xds.edge.pairs import ClientApi

_log = logging.getLogger("gatewright.edge")

_OURS: Final = (RETRY, RETRY_AFTER, DROPPED)
"""Headers that are Envoy's and ours: a provider's own would steer the router."""


class Answer:
    """Turns one answer over: `head`, `piece` for each piece, `end` once, unless it is `done`."""

    def __init__(
        self,
        client: ClientApi,
        machine: Machine,
        redacted: Redacted,
        moment: Moment,
        *,
        same: bool,
        on: Collection[str],
        most: int,
        dropped: tuple[str, ...] = (),
    ) -> None:
        self._client = client
        self._machine = machine
        self._redacted = redacted
        self._moment = moment
        self._restores = same and client in CHATS and redacted.reads_answers
        self._on = on
        self._most = most
        self._dropped = dropped
        self._size = 0
        self._status = 0
        self._head: Head | None = None
        self._flow: Streams | None = None
        self._bare = False
        self._sent = False
        self.done = False
        self.failure: Failure | None = None

    def head(self, told: dict[str, str], *, end: bool) -> list[bytes]:
        """Take the provider's head; ``end`` tells that no body follows."""
        status = told.get(":status", "")
        self._status = int(status) if status.isdecimal() else 0
        self._head = self._machine.head(self._status, told)
        if self._head is not None and self._restores:
            self._flow = self._redacted.stream()
        if end:
            self._bare = True
            return self.end()
        if self._machine.begun and self._head is not None:
            return [self._opened(self._head)]
        return []

    def piece(self, piece: bytes) -> list[bytes]:
        """Take a piece of the body."""
        if self.done:
            return []
        if self._head is None:
            self._size += len(piece)
            if self._size > self._most:
                return self._broken(Failure("server", "The provider's answer is too large", 502))
        try:
            written = self._machine.feed(piece)
            return self._stream(written) if self._head is not None else []
        except RedactionError as error:
            return self._broken(failure_of(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told
            return self._fault(error)

    def end(self, *, trailers: bool = False) -> list[bytes]:
        """Take the end of the body; ``trailers`` tells that some come behind it."""
        if self.done:
            return []
        try:
            written = self._machine.end()
            if self._head is None:
                return self._whole(written, trailers=trailers)
            return self._stream(written, end=True, trailers=trailers)
        except RedactionError as error:
            return self._broken(failure_of(error))
        except Exception as error:  # noqa: BLE001 - as above
            return self._fault(error)

    def _stream(self, written: bytes, *, end: bool = False, trailers: bool = False) -> list[bytes]:
        machine = self._machine
        failure = machine.failure
        if not self._sent:
            if failure is not None and not machine.begun:
                return self._failed(failure, *machine.as_error())
            if not machine.begun:
                return self._broken(CUT) if end else []
            if written and "content_filter" in self._on and Opening().feed(written) is FILTERED:
                return self._broken(FILTERED)
        if self._flow is not None:
            written = self._flow.feed(written)
            if end or failure is not None:
                written += self._flow.end()
        answers: list[bytes] = []
        if not self._sent and (head := machine.final or self._head) is not None:
            if self._bare:
                return [self._whole_of(head, written)]
            answers.append(self._opened(head))
        last = end or failure is not None
        if written or last:
            body = messages.body(Side.ANSWER, written, end=last and not trailers)
            if last:
                body = messages.with_metadata(body, self._told(failure))
                self._finish(failure)
            answers.append(body)
        return answers

    def _whole(self, body: bytes, *, trailers: bool) -> list[bytes]:
        machine = self._machine
        failure = machine.failure
        head = machine.final
        if head is None:
            return self._broken(failure or CUT)
        if self._restores:
            body = self._redacted.answer(body)
        if failure is not None:
            return self._failed(failure, head, body, trailers=trailers)
        if "content_filter" in self._on and is_filtered(self._client, body):
            return self._broken(FILTERED, trailers=trailers)
        if self._bare:
            return [self._whole_of(head, body)]
        answers = [
            self._opened(head, ("content-length", str(len(body)))),
            messages.with_metadata(
                messages.body(Side.ANSWER, body, end=not trailers), self._told(None)
            ),
        ]
        self._finish(None)
        return answers

    def _opened(self, head: Head, *more: tuple[str, str]) -> bytes:
        self._sent = True
        return messages.head(Side.ANSWER, self._to_set(head, *more), self._to_remove(head, more))

    def _whole_of(self, head: Head, body: bytes) -> bytes:
        """Write an answer in place of one that had no body."""
        length = ("content-length", str(len(body)))
        answer = messages.head(
            Side.ANSWER, self._to_set(head, length), self._to_remove(head, (length,)), body=body
        )
        self._finish(None)
        return messages.with_metadata(answer, self._told(None))

    def _failed(
        self, failure: Failure, head: Head, body: bytes, *, trailers: bool = False
    ) -> list[bytes]:
        """Write a failure as an answer of its own."""
        more = [("content-length", str(len(body)))]
        if trigger := trigger_of(failure, self._on):
            more.append((RETRY, trigger))
        to_set = self._to_set(head, *more)
        to_remove = self._to_remove(head, more)
        self._finish(failure)
        if self._bare:
            answer = messages.head(Side.ANSWER, to_set, to_remove, body=body)
            return [messages.with_metadata(answer, self._told(failure))]
        answer = messages.head(Side.ANSWER, to_set, to_remove)
        return [
            messages.with_metadata(answer, self._told(failure)),
            messages.body(Side.ANSWER, body, end=not trailers),
        ]

    def _broken(self, failure: Failure, *, trailers: bool = False) -> list[bytes]:
        """Fail for what the machine knows nothing of."""
        if not self._sent:
            head, body = refusal(self._client, failure, self._moment)
            without = ("content-length", "content-encoding")
            return self._failed(
                failure, Head(head.status, head.headers, without), body, trailers=trailers
            )
        written = writer_for(self._client, "", self._moment).stream(Failed(failure))
        self._finish(failure)
        answer = messages.body(Side.ANSWER, written, end=True)
        return [messages.with_metadata(answer, self._told(failure))]

    def _fault(self, error: Exception) -> list[bytes]:
        _log.error("an answer could not be processed (%s)", type(error).__name__)
        _log.debug("the fault", exc_info=True)
        return self._broken(FAULT)

    def _finish(self, failure: Failure | None) -> None:
        self.done = True
        self.failure = failure

    def _to_set(self, head: Head, *more: tuple[str, str]) -> list[tuple[str, str]]:
        to_set = [*head.headers, *more]
        if self._dropped:
            to_set.append((DROPPED, ", ".join(self._dropped)))
        if head.status != self._status:
            to_set.append((":status", str(head.status)))
        return to_set

    def _to_remove(self, head: Head, more: Collection[tuple[str, str]]) -> list[str]:
        given = [name for name, _ in more]
        if self._dropped:
            given.append(DROPPED)
        return [name for name in (*_OURS, *head.without) if name not in given]

    def _told(self, failure: Failure | None) -> dict[str, Any]:
        told: dict[str, Any] = {}
        if failure is not None:
            told["failure"] = failure.kind
        if self._redacted.sessions:
            record = self._redacted.record()
            if "answered" in record or "restored" in record:
                told["redacted"] = record
        return told
