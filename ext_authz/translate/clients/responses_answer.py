"""OpenAI Responses: events become the client's response, in stream events or whole.

Source: the schemas `response` and its stream events. Items follow one after another, each added,
filled and done before the next; `sequence_number` counts every event; the terminal event carries
the whole response. The answer's text is therefore kept until the end.
"""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.clients.responses_item import Item, Message, Thought, ToolItem
from ext_authz.translate.clients.writer import Moment, named
from ext_authz.translate.errors import Failure, openai_error, openai_status
from ext_authz.translate.events import (
    Ended,
    Event,
    Failed,
    Finish,
    Logprobs,
    Reason,
    ReasoningDelta,
    ReasoningSigned,
    RedactedReasoning,
    RefusalDelta,
    Started,
    TextDelta,
    ToolArgs,
    ToolStart,
    Usage,
    UsageSeen,
)
from ext_authz.translate.wire import encode

_INCOMPLETE: Final[dict[Reason, str]] = {
    "length": "max_output_tokens",
    "context_full": "max_output_tokens",
    "filtered": "content_filter",
}
_CODES: Final = {"rate_limited": "rate_limit_exceeded", "billing": "rate_limit_exceeded",
                 "invalid": "invalid_prompt", "context_exceeded": "invalid_prompt",
                 "content_filter": "invalid_prompt"}  # fmt: skip
_DEFAULTS: Final[dict[str, Any]] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "reasoning": {"effort": None, "summary": None},
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
}


class ResponsesWriter:
    """Writes one response; `echoed` is what it repeats of its request."""

    def __init__(self, model: str, moment: Moment, echoed: dict[str, Any]) -> None:
        self._model = model
        self._moment = moment
        self._echoed = echoed
        self._id = ""
        self._sequence = 0
        self._begun = False
        self._done = False
        self._items: list[Item] = []
        self._open: Item | None = None
        self._calls: dict[int, ToolItem] = {}  # that are not written to their end, in order
        self._usage = Usage()
        self._finish: Finish | None = None

    def stream(self, event: Event) -> bytes:
        """Write the stream events that one event makes."""
        if self._done:
            return b""
        if type(event) is Ended:
            self._done = True
            return self._terminal()
        if type(event) is Failed:
            self._done = True
            return self._failed(event.failure)
        return b"".join([self._numbered(made) for made in self._made(event)])

    def whole(self, events: list[Event]) -> bytes:
        """Write a response in one piece."""
        for event in events:
            self._made(event)
        status = self._status()
        self._closed(cut_short=status == "incomplete")
        return encode(self._response(status))

    def error(self, failure: Failure) -> tuple[int, bytes]:
        """Write an error answer."""
        return openai_status(failure), encode({"error": openai_error(failure)})

    def _made(self, event: Event) -> list[dict[str, Any]]:
        if getattr(event, "choice", 0):
            return []
        match event:
            case Started(given, model):
                self._id = given
                self._model = model or self._model
            case TextDelta(text):
                before, message = self._message()
                return before + message.text(text)
            case RefusalDelta(text):
                before, message = self._message()
                return before + message.refusal(text)
            case Logprobs(content):
                before, message = self._message()
                message.logprobs += content
                return before
            case ReasoningDelta(text):
                before, thought = self._thought()
                return before + thought.text(text)
            case ReasoningSigned(signature):
                if not signature and not isinstance(self._open, Thought):
                    return []
                before, thought = self._thought()
                thought.sign(signature)
                return before + self._closed()
            case RedactedReasoning(data):
                before = self._closed()
                hidden = Thought(self._name("rs_"))
                hidden.redact(data)
                return before + self._added(hidden) + self._closed()
            case ToolStart():
                return self._called(event)
            case ToolArgs():
                return self._arguments(event)
            case Finish():
                self._finish = event
            case UsageSeen(usage):
                self._usage = usage
            case _:
                pass
        return []

    def _message(self) -> tuple[list[dict[str, Any]], Message]:
        if isinstance(self._open, Message):
            return [], self._open
        before = self._closed()
        message = Message(self._name("msg_"))
        return before + self._added(message), message

    def _thought(self) -> tuple[list[dict[str, Any]], Thought]:
        if isinstance(self._open, Thought):
            return [], self._open
        before = self._closed()
        thought = Thought(self._name("rs_"))
        return before + self._added(thought), thought

    def _called(self, start: ToolStart) -> list[dict[str, Any]]:
        """A call begins: at once, unless the call before it is not complete yet."""
        call = ToolItem(self._name("fc_", len(self._calls)), start)
        waits = bool(self._calls)
        self._calls[start.index] = call
        if waits:
            return self._advanced()
        return self._closed() + self._added(call)

    def _arguments(self, event: ToolArgs) -> list[dict[str, Any]]:
        call = self._calls.get(event.index)
        if call is None or not event.text:
            return []
        made = call.arguments(event.text)
        if call is not self._open:
            return []
        return made + self._advanced() if len(self._calls) > 1 else made

    def _advanced(self) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        while len(self._calls) > 1:
            first = next(iter(self._calls))
            if not self._calls[first].complete:
                break
            made += self._finished_call(first)
            follower = next(iter(self._calls))
            made += self._added(self._calls[follower])
            made += self._calls[follower].caught_up()
        return made

    def _finished_call(self, index: int) -> list[dict[str, Any]]:
        made = self._calls.pop(index).done()
        self._open = None
        return made

    def _closed(self, *, cut_short: bool = False) -> list[dict[str, Any]]:
        """Finish the open item, and write all calls that wait behind it."""
        if self._open is None:
            return []
        self._open.cut_short = cut_short
        if not isinstance(self._open, ToolItem):
            made, self._open = self._open.done(), None
            return made
        made = []
        while self._calls:
            first = next(iter(self._calls))
            if self._calls[first] is not self._open:
                made += self._added(self._calls[first])
                made += self._calls[first].caught_up()
            made += self._finished_call(first)
        return made

    def _added(self, item: Item) -> list[dict[str, Any]]:
        item.place = len(self._items)
        self._items.append(item)
        self._open = item
        return item.added()

    def _name(self, prefix: str, ahead: int = 0) -> str:
        return named(prefix, "", self._moment) + f"_{len(self._items) + ahead}"

    def _numbered(self, made: dict[str, Any]) -> bytes:
        return self._beginning() + self._event(made)

    def _event(self, fields: dict[str, Any]) -> bytes:
        numbered = {"type": fields["type"], "sequence_number": self._sequence, **fields}
        self._sequence += 1
        return b"event: %b\ndata: %b\n\n" % (fields["type"].encode(), encode(numbered))

    def _beginning(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        response = self._response("in_progress")
        response["output"], response["usage"] = [], None
        created = self._event({"type": "response.created", "response": response})
        return created + self._event({"type": "response.in_progress", "response": response})

    def _terminal(self) -> bytes:
        status = self._status()
        closed = self._closed(cut_short=status == "incomplete")
        made = b"".join([self._numbered(one) for one in closed]) or self._beginning()
        return made + self._event(
            {"type": f"response.{status}", "response": self._response(status)}
        )

    def _failed(self, failure: Failure) -> bytes:
        made = self._beginning()
        response = self._response("failed")
        response["output"] = response["output"] if self._open is None else response["output"][:-1]
        code = _CODES.get(failure.kind, "server_error")
        response["error"] = {"code": code, "message": failure.message}
        return made + self._event({"type": "response.failed", "response": response})

    def _status(self) -> str:
        return "incomplete" if self._finish and self._finish.reason in _INCOMPLETE else "completed"

    def _response(self, status: str) -> dict[str, Any]:
        reason = _INCOMPLETE.get(self._finish.reason) if self._finish else None
        incomplete = {"reason": reason} if status == "incomplete" else None
        return {
            "id": named("resp_", self._id, self._moment),
            "object": "response",
            "created_at": int(self._moment.now),
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": incomplete,
            **_DEFAULTS,
            **self._echoed,
            "model": self._model,
            "output": [item.written() for item in self._items],
            "previous_response_id": None,
            "store": False,
            "usage": responses_usage(self._usage) if status != "in_progress" else None,
        }


def responses_usage(usage: Usage) -> dict[str, Any]:
    """Tokens as Responses counts them."""
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }
