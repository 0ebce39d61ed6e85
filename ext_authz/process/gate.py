"""The machine of a gate: a stream's head is held until its first content, or becomes a failure.

Only the answer comes here, in the client's API already, its body STREAMED and sent without waiting
for what is said of its head. Once the verdict is told the edge leaves, and Envoy passes the rest by
itself. Of a failure it goes on to the next target, and nothing has reached the client.
"""

from __future__ import annotations

from typing import Any

from ext_authz.process import messages
from ext_authz.process.messages import Side, headers_of
from ext_authz.process.opening import Opening, Verdict
from ext_authz.process.outcome import Outcome
from ext_authz.process.refusing import refused
from ext_authz.process.request import CHATS
from ext_authz.process.triggers import trigger_of
from ext_authz.translate.clients.writer import Moment
from ext_authz.translate.errors import Failure
from ext_authz.translate.translator import refusal
from xds.edge.attempt import RETRY, RETRY_AFTER
from xds.edge.processing import Operation


class Gate:
    """One answer's gate; without an ``operation`` everything passes."""

    def __init__(self, operation: Operation | None, moment: Moment, outcome: Outcome) -> None:
        self._operation = operation
        self._moment = moment
        self._outcome = outcome
        self._opening = Opening()
        self._chunks = 0
        self._held = False
        self.done = False

    def take(self, asked: Any) -> list[bytes]:
        """Take a message from Envoy; give what it is told."""
        match asked.WhichOneof("request"):
            case "response_headers":
                return self._head(asked.response_headers)
            case "response_body":
                return self._body(asked.response_body)
            case "response_trailers":
                if self._held and not self.done:
                    return self._told(self._opening.end(), end=True)
                return [messages.trailers(Side.ANSWER)]
            case "request_headers":
                return [messages.head(Side.REQUEST)]
            case "request_body":
                return [messages.unchanged_body(Side.REQUEST)]
            case "request_trailers":
                return [messages.trailers(Side.REQUEST)]
            case _:
                return []

    def _head(self, told: Any) -> list[bytes]:
        headers = headers_of(told)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if (
            self._operation is None
            or self._operation.client not in CHATS
            or headers.get(":status", "")[:1] != "2"
            or kind != "text/event-stream"
            or headers.get("content-encoding", "identity") not in ("", "identity")
        ):
            self._outcome.gate = "passed"
            return self._open()
        self._held = True
        return self._told(self._opening.end(), end=True) if told.end_of_stream else []

    def _body(self, told: Any) -> list[bytes]:
        self._chunks += 1
        verdict = self._opening.feed(told.body)
        if verdict == "wait" and told.end_of_stream:
            verdict = self._opening.end()
        return self._told(verdict, end=told.end_of_stream)

    def _told(self, verdict: Verdict, *, end: bool) -> list[bytes]:
        if isinstance(verdict, Failure) and self._operation is not None:
            return self._fail(self._operation, verdict)
        if verdict == "wait" and not end:
            return []
        self._outcome.gate = "opened"
        return self._open()

    def _open(self) -> list[bytes]:
        self.done = True
        head = messages.head(Side.ANSWER, (), (RETRY, RETRY_AFTER))
        return [head, *[messages.unchanged_body(Side.ANSWER)] * self._chunks]

    def _fail(self, operation: Operation, failure: Failure) -> list[bytes]:
        self.done = True
        self._outcome.gate = "failed"
        self._outcome.failure = failure.kind
        trigger = trigger_of(failure, operation.on)
        if not trigger:
            # A head with another body would end only when the provider's stream does.
            return [refused(operation.client, failure, self._moment)]
        head, body = refusal(operation.client, failure, self._moment)
        to_set = [(":status", str(head.status)), *head.headers, (RETRY, trigger)]
        without = (RETRY_AFTER, "content-length")
        answer = messages.head(Side.ANSWER, to_set, without, body=body)
        return [messages.with_metadata(answer, {"failure": failure.kind})]
