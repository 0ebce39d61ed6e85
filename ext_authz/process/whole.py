"""The machine of a whole exchange: a request is read to its end, and its answer turned over.

Both bodies are FULL_DUPLEX_STREAMED: what comes is kept here, and what is answered is the exchange
as the provider, and then the client, is to have it.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from ext_authz.process import messages
from ext_authz.process.answer import Answer
from ext_authz.process.messages import Side, headers_of
from ext_authz.process.outcome import Outcome
from ext_authz.process.processor import NotReadyError, Place, Processor
from ext_authz.process.refusing import (
    COMPRESSED,
    FAULT,
    UNAVAILABLE,
    answered,
    refused,
    too_large,
)
from ext_authz.process.request import local_count, outgoing
from ext_authz.redact.errors import RedactionError
from ext_authz.redact.redactor import failure_of
from ext_authz.translate.clients.writer import Moment
from ext_authz.translate.errors import Failure, RefusedError
from xds.edge.processing import Operation

_log = logging.getLogger("gatewright.edge")

_LARGE: Final = 1 << 20
_PLAIN: Final = ("", "identity")


class Whole:
    """One attempt: `take` each message; nothing more is to be said once it is `done`."""

    def __init__(
        self,
        processor: Processor,
        place: Place,
        operation: Operation,
        tenant: str,
        moment: Moment,
        outcome: Outcome,
    ) -> None:
        self._processor = processor
        self._place = place
        self._operation = operation
        self._tenant = tenant
        self._moment = moment
        self._outcome = outcome
        self._most = processor.processing.body_limit
        self._headers: dict[str, str] = {}
        self._body: bytes | bytearray = b""
        self._size = 0
        self._told = 0
        self._answer: Answer | None = None
        self._slow = processor.is_slow(operation, place.upstream, tenant)
        self.done = False

    @property
    def slow(self) -> bool:
        """Whether it takes long: a model reads the texts, or the request is large."""
        return self._slow or (self._answer is None and self._size > _LARGE)

    @property
    def holds(self) -> int:
        """Bytes of a large request, as far as is known, until it has gone on."""
        if self.done or self._answer is not None or max(self._told, self._size) <= _LARGE:
            return 0
        return self._told or self._most

    def take(self, asked: Any) -> list[bytes]:
        """Take a message from Envoy; give what it is told."""
        match asked.WhichOneof("request"):
            case "request_body":
                return self._request_body(asked.request_body)
            case "response_body":
                told = asked.response_body
                return self._answer_body(told.body, end=told.end_of_stream)
            case "request_headers":
                return self._request_head(asked.request_headers)
            case "response_headers":
                return self._answer_head(asked.response_headers)
            case "request_trailers":
                return [*self._sent(trailers=True), messages.trailers(Side.REQUEST)]
            case "response_trailers":
                return self._answer_trailers()
            case _:
                return []

    def _request_head(self, told: Any) -> list[bytes]:
        self._headers = headers_of(told)
        if self._headers.get("content-encoding", "").strip().lower() not in _PLAIN:
            return self._refused(COMPRESSED)
        length = self._headers.get("content-length", "")
        self._told = int(length[:16]) if length.isdecimal() else 0
        if self._told > self._most:
            return self._refused(too_large(self._most))
        return self._sent() if told.end_of_stream else []

    def _request_body(self, told: Any) -> list[bytes]:
        if self.done or self._answer is not None:
            return []
        piece = told.body
        self._size += len(piece)
        if self._size > self._most:
            self._body = b""
            return self._refused(too_large(self._most))
        if not self._body:
            self._body = piece
        elif piece:
            # One buffer: a body in pieces of a byte must not cost many times its size.
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += piece
        return self._sent() if told.end_of_stream else []

    def _sent(self, *, trailers: bool = False) -> list[bytes]:
        if self.done or self._answer is not None:
            return []
        body, self._body = bytes(self._body), b""
        operation = self._operation
        try:
            if (count := local_count(operation.client, self._place, body)) is not None:
                self.done = True
                self._outcome.counted = True
                return [answered(count)]
            going = outgoing(
                self._processor,
                self._place,
                operation,
                self._tenant,
                self._headers,
                body,
                self._moment,
                trailers=trailers,
            )
        except RefusedError as error:
            return self._refused(error.failure)
        except RedactionError as error:
            return self._refused(failure_of(error))
        except NotReadyError as error:
            self._outcome.reason = str(error)
            return self._refused(UNAVAILABLE)
        except Exception as error:  # noqa: BLE001 - one request's fault is no other's
            # The message may quote what a client sent.
            _log.error("a request could not be processed (%s)", type(error).__name__)
            _log.debug("the fault", exc_info=True)
            return self._refused(FAULT)
        self._outcome.redacted = going.redacted.found()
        self._answer = Answer(
            operation.client,
            going.exchange.machine,
            going.redacted.of_answers(),
            self._moment,
            same=going.same,
            on=operation.on,
            most=self._most,
            dropped=going.exchange.upstream.dropped,
        )
        return going.answers

    def _refused(self, failure: Failure) -> list[bytes]:
        self.done = True
        self._outcome.refused = failure.kind
        # What ails the gateway or the request ails it at every target; a window is one target's.
        on = self._operation.on if failure.kind == "context_exceeded" else ()
        return [refused(self._operation.client, failure, self._moment, on)]

    def _answer_head(self, told: Any) -> list[bytes]:
        if self._answer is None:
            # Nothing went out from here, so it is none of ours: let it pass.
            return [messages.head(Side.ANSWER)]
        return self._of(self._answer.head(headers_of(told), end=told.end_of_stream))

    def _answer_body(self, piece: bytes, *, end: bool) -> list[bytes]:
        answer = self._answer
        if answer is None:
            return [messages.body(Side.ANSWER, piece, end=end)]
        answers = answer.piece(piece) if piece else []
        if end:
            answers += answer.end()
        return self._of(answers)

    def _answer_trailers(self) -> list[bytes]:
        answers: list[bytes] = []
        if self._answer is not None:
            if self._answer.done:
                return []
            answers = self._of(self._answer.end(trailers=True))
        return [*answers, messages.trailers(Side.ANSWER)]

    def _of(self, answers: list[bytes]) -> list[bytes]:
        if self._answer is not None and self._answer.failure is not None:
            self._outcome.failure = self._answer.failure.kind
        return answers
