"""What an answer says, read with an official SDK and nothing assumed but its types.

For providers of other people's making, which leave away what they need not say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.e2e.matrix.questions import ResponseFailedError, Sdks
from xds.edge.pairs import ClientApi


@dataclass(frozen=True, slots=True)
class Spoken:
    """Text, thoughts, and the calls of tools as (name, arguments)."""

    text: str
    thoughts: str = ""
    calls: tuple[tuple[str, Any], ...] = ()


def speak(
    sdks: Sdks,
    client: ClientApi,
    model: str,
    prompt: str,
    *,
    tools: Sequence[str] = (),
    stream: bool = False,
    most: int = 200,
) -> Spoken:
    """Ask one question; ``tools`` are names of functions that take a city."""
    asked: Any = [{"role": "user", "content": prompt}]
    if client is ClientApi.COMPLETIONS:
        got: Any = sdks.openai.completions.create(
            model=model, prompt=prompt, max_tokens=most, stream=stream
        )
        parts = list(got) if stream else [got]
        return Spoken("".join(choice.text for part in parts for choice in part.choices))
    if client is ClientApi.CHAT:
        functions: Any = [{"type": "function", "function": _function(name)} for name in tools]
        more: Any = {"tools": functions} if tools else {}
        body: Any = {"model": model, "messages": asked, "max_tokens": most, **more}
        if stream:
            return _joined(sdks.openai.chat.completions.create(**body, stream=True))
        message: Any = sdks.openai.chat.completions.create(**body).choices[0].message
        called = [one.function for one in message.tool_calls or ()]
        thoughts = (message.model_extra or {}).get("reasoning_content") or ""
        calls = tuple((one.name, json.loads(one.arguments)) for one in called)
        return Spoken(message.content or "", thoughts, calls)
    if client is ClientApi.RESPONSES:
        functions = [{"type": "function", "strict": False, **_function(name)} for name in tools]
        more = {"tools": functions} if tools else {}
        body = {"model": model, "input": prompt, "max_output_tokens": most, **more}
        if stream:
            *_, last = sdks.openai.responses.create(**body, stream=True)
            if last.type not in ("response.completed", "response.incomplete"):
                raise ResponseFailedError([last])
            response: Any = last.response
        else:
            response = sdks.openai.responses.create(**body)
        thought = [item for item in response.output if item.type == "reasoning"]
        called = [item for item in response.output if item.type == "function_call"]
        return Spoken(
            response.output_text,
            "".join(part.text for item in thought for part in item.summary),
            tuple((one.name, json.loads(one.arguments)) for one in called),
        )
    made: Any = [{"name": name, "input_schema": _function(name)["parameters"]} for name in tools]
    more = {"tools": made} if tools else {}
    body = {"model": model, "messages": asked, "max_tokens": most, **more}
    if stream:
        with sdks.anthropic.messages.stream(**body) as came:
            message = came.get_final_message()
    else:
        message = sdks.anthropic.messages.create(**body)
    return Spoken(
        "".join(block.text for block in message.content if block.type == "text"),
        "".join(block.thinking for block in message.content if block.type == "thinking"),
        tuple((block.name, block.input) for block in message.content if block.type == "tool_use"),
    )


def _joined(chunks: Iterable[Any]) -> Spoken:
    """What the pieces of a chat completion say together; the SDK's own way raises at `length`."""
    text, thoughts = "", ""
    calls: dict[int, list[str]] = {}
    for delta in (choice.delta for chunk in chunks for choice in chunk.choices):
        text += delta.content or ""
        thoughts += (delta.model_extra or {}).get("reasoning_content") or ""
        for call in delta.tool_calls or ():
            told = calls.setdefault(call.index, ["", ""])
            told[0] += call.function.name or ""
            told[1] += call.function.arguments or ""
    return Spoken(text, thoughts, tuple((name, json.loads(said)) for name, said in calls.values()))


def _function(name: str) -> dict[str, Any]:
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"name": name, "description": "Tells of a city.", "parameters": city}
