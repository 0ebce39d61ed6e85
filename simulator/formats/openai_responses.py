"""OpenAI Responses: plain and streamed, with tools, reasoning and structured answers.

Source: the API reference of `POST /v1/responses`, of its stream events and of
`POST /v1/responses/input_tokens`. Nothing is stored: an earlier response cannot be named.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simulator import content, tokens
from simulator.content import Ask, Reply, ToolCall
from simulator.formats.base import Call, Refused
from simulator.formats.openai_request import CREATED, SSE, fit_context, read, spent
from simulator.formats.openai_responses_request import count_input, read_ask, read_input
from simulator.message import Answer, Chunk, Usage, encode_json, json_answer

_ECHOED: dict[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
_Event = tuple[str, dict[str, Any], int]
"""The type of an event without `response.`, its members, and the tokens it bills."""


def respond(call: Call) -> Answer:
    """Answer one Responses request, or raise `Refused`."""
    body = read(call)
    earlier = body.get("previous_response_id")
    if earlier is not None:
        raise Refused(
            f"Previous response with id '{earlier}' not found.",
            code="previous_response_not_found",
            param="previous_response_id",
        )
    items = read_input(body)
    ask = read_ask(call, body, items)
    prompt_tokens = count_input(body, items)
    fit_context(call, prompt_tokens, "input")
    reply = content.reply(ask)
    thought = len(reply.thinking)
    usage = spent(prompt_tokens, reply.output_tokens - thought, thought)
    parts = _items(call, body, reply)
    head = _head(call, body, ask)
    cut = reply.finish == "length"
    whole = {
        **head,
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": [part.done() for part in parts],
        "usage": responses_usage(usage),
    }
    if not body.get("stream"):
        return json_answer(200, whole, (), usage, ask.model)
    chunks = tuple(_numbered(call, _events(head, parts, whole)))
    return Answer(200, SSE, chunks, None, usage=usage, model=ask.model)


def count(call: Call) -> Answer:
    """Answer one request to the counter of tokens; nothing is billed."""
    body = read(call)
    counted = count_input(body, read_input(body))
    return json_answer(200, {"object": "response.input_tokens", "input_tokens": counted})


def error_event(code: str, message: str, sent: int) -> bytes:
    """An error inside a stream: an event of its own, numbered as the `sent` before it are."""
    told = {"type": "error", "sequence_number": sent, "code": code, "message": message}
    return b"event: error\ndata: " + encode_json({**told, "param": None}) + b"\n\n"


def responses_usage(usage: Usage) -> dict[str, Any]:
    """The `usage` object of a response."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _head(call: Call, body: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    told = {name: body[name] for name in _ECHOED if body.get(name) is not None}
    return {
        "id": "resp_" + call.digest[:24].hex(),
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": ask.model,
        "output": [],
        "usage": None,
        "service_tier": "default",
        **_ECHOED,
        **told,
    }


@dataclass(frozen=True, slots=True)
class _Thought:
    """A reasoning item: its summary is shown, or only paid for; `carried` is the encrypted one."""

    id: str
    parts: tuple[str, ...]
    shown: bool
    carried: str | None

    def done(self) -> dict[str, Any]:
        summary = [_summary("".join(self.parts))] if self.shown else []
        item: dict[str, Any] = {"id": self.id, "type": "reasoning", "summary": summary}
        return item if self.carried is None else {**item, "encrypted_content": self.carried}

    def events(self) -> Iterator[_Event]:
        empty = {**self.done(), "summary": []}
        yield "output_item.added", {"item": empty}, 0
        if self.shown:
            place = {"item_id": self.id, "summary_index": 0}
            text = "".join(self.parts)
            yield "reasoning_summary_part.added", {**place, "part": _summary("")}, 0
            for part in self.parts:
                yield "reasoning_summary_text.delta", {**place, "delta": part}, 1
            yield "reasoning_summary_text.done", {**place, "text": text}, 0
            yield "reasoning_summary_part.done", {**place, "part": _summary(text)}, 0
        unseen = 0 if self.shown else len(self.parts)
        yield "output_item.done", {"item": self.done()}, unseen


@dataclass(frozen=True, slots=True)
class _Message:
    """A message of one text."""

    id: str
    parts: tuple[str, ...]
    status: str

    def done(self) -> dict[str, Any]:
        return self._item(self.status, [_text("".join(self.parts))])

    def _item(self, status: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
        item = {"id": self.id, "type": "message", "status": status}
        return {**item, "role": "assistant", "content": parts}

    def events(self) -> Iterator[_Event]:
        place = {"item_id": self.id, "content_index": 0}
        text = "".join(self.parts)
        yield "output_item.added", {"item": self._item("in_progress", [])}, 0
        yield "content_part.added", {**place, "part": _text("")}, 0
        for part in self.parts:
            told = {**place, "delta": part, "logprobs": []}
            yield "output_text.delta", told, tokens.count_output((part,))
        yield "output_text.done", {**place, "text": text, "logprobs": []}, 0
        yield "content_part.done", {**place, "part": _text(text)}, 0
        yield "output_item.done", {"item": self.done()}, 0


@dataclass(frozen=True, slots=True)
class _Called:
    """A call of a function."""

    id: str
    called: ToolCall

    def done(self) -> dict[str, Any]:
        return self._item("completed", self.called.arguments)

    def _item(self, status: str, arguments: str) -> dict[str, Any]:
        item = {"id": self.id, "type": "function_call", "status": status, "arguments": arguments}
        return {**item, "call_id": f"call_{self.called.id}", "name": self.called.name}

    def events(self) -> Iterator[_Event]:
        place = {"item_id": self.id}
        told = {**place, "name": self.called.name, "arguments": self.called.arguments}
        yield "output_item.added", {"item": self._item("in_progress", "")}, 0
        for part in self.called.parts:
            yield "function_call_arguments.delta", {**place, "delta": part}, 1
        yield "function_call_arguments.done", told, 0
        yield "output_item.done", {"item": self.done()}, 0


_Item = _Thought | _Message | _Called


def _summary(text: str) -> dict[str, Any]:
    return {"type": "summary_text", "text": text}


def _text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _items(call: Call, body: Mapping[str, Any], reply: Reply) -> list[_Item]:
    name = call.digest[:20].hex()
    items: list[_Item] = []
    if reply.thinking:
        shown = body["reasoning"].get("summary") is not None
        carried = None
        if "reasoning.encrypted_content" in (body.get("include") or ()):
            carried = base64.b64encode(b"simulated" + call.digest).decode()
        items.append(_Thought(f"rs_{name}", reply.thinking, shown, carried))
    if not reply.calls:
        status = "incomplete" if reply.finish == "length" else "completed"
        items.append(_Message(f"msg_{name}", reply.parts, status))
    items += [_Called(f"fc_{name}_{at}", called) for at, called in enumerate(reply.calls)]
    return items


def _events(
    head: dict[str, Any], items: list[_Item], whole: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any], int]]:
    yield "created", {"response": head}, 0
    yield "in_progress", {"response": head}, 0
    for place, item in enumerate(items):
        for kind, members, cost in item.events():
            yield kind, {"output_index": place, **members}, cost
    yield whole["status"], {"response": whole}, 0


def _numbered(call: Call, events: Iterator[_Event]) -> Iterator[Chunk]:
    for number, (kind, members, cost) in enumerate(events):
        name = f"response.{kind}"
        data = encode_json({"type": name, "sequence_number": number, **members})
        yield Chunk(
            b"event: %b\ndata: %b\n\n" % (name.encode(), data),
            cost,
            call.token_delay if cost else 0.0,
            terminal=kind in ("completed", "incomplete"),
        )
