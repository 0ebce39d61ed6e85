"""Streamed answers of each API, made from texts that are cut into pieces."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def event(value: Any, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value)}\n\n".encode()


def chat(pieces: Iterable[str], arguments: Iterable[str] = ()) -> bytes:
    def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return event({"id": "c", "object": "chat.completion.chunk", "choices": [choice]})

    call = {"index": 0, "id": "call_1", "function": {"name": "f", "arguments": ""}}
    written = [chunk({"role": "assistant", "content": ""})]
    written += [chunk({"content": piece}) for piece in pieces]
    written.append(chunk({"tool_calls": [call]}))
    written += [
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
        for piece in arguments
    ]
    return b"".join(written) + chunk({}, "stop") + b"data: [DONE]\n\n"


def messages(pieces: Iterable[str], arguments: Iterable[str] = ()) -> bytes:
    def block(index: int, start: dict[str, Any], deltas: list[dict[str, Any]]) -> bytes:
        written = [{"type": "content_block_start", "index": index, "content_block": start}]
        written += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
        written.append({"type": "content_block_stop", "index": index})
        return b"".join(event(one, str(one["type"])) for one in written)

    text = [{"type": "text_delta", "text": piece} for piece in pieces]
    tool = [{"type": "input_json_delta", "partial_json": piece} for piece in arguments]
    return (
        event({"type": "message_start", "message": {"content": []}}, "message_start")
        + block(0, {"type": "text", "text": ""}, text)
        + block(1, {"type": "tool_use", "id": "t", "name": "f", "input": {}}, tool)
        + event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, "message_delta")
        + event({"type": "message_stop"}, "message_stop")
    )


def responses(pieces: Iterable[str], arguments: Iterable[str] = ()) -> bytes:
    pieces, arguments = list(pieces), list(arguments)
    text, called = "".join(pieces), "".join(arguments)
    told: list[dict[str, Any]] = [{"type": "response.created"}]
    at = {"item_id": "m", "output_index": 0, "content_index": 0}
    told += [{"type": "response.output_text.delta", **at, "delta": piece} for piece in pieces]
    told.append({"type": "response.output_text.done", **at, "text": text})
    at = {"item_id": "f", "output_index": 1}
    told += [
        {"type": "response.function_call_arguments.delta", **at, "delta": piece}
        for piece in arguments
    ]
    told.append({"type": "response.function_call_arguments.done", **at, "arguments": called})
    told.append({"type": "response.completed", "response": {"output_text": text}})
    return b"".join(
        event({**one, "sequence_number": number}, one["type"]) for number, one in enumerate(told)
    )


def read(stream: bytes) -> tuple[str, str, list[str]]:
    """Return what a client reads: the text, the arguments, and texts that come as a whole."""
    text = arguments = ""
    whole: list[str] = []
    for part in stream.decode().split("\n\n"):
        for line in part.split("\n"):
            if not line.startswith("data: {"):
                continue
            value = json.loads(line[6:])
            for choice in value.get("choices", ()):
                text += choice["delta"].get("content") or ""
                for call in choice["delta"].get("tool_calls", ()):
                    arguments += call["function"]["arguments"]
            delta = value.get("delta")
            if isinstance(delta, dict):
                text += delta.get("text", "")
                arguments += delta.get("partial_json", "")
            elif isinstance(delta, str):
                if "arguments" in value["type"]:
                    arguments += delta
                else:
                    text += delta
            whole += [value[name] for name in ("text", "arguments") if name in value]
            whole += [value["response"]["output_text"]] if "response" in value else []
    return text, arguments, whole
