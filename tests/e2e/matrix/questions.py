"""A question in no API's words, and how each client's official SDK is asked it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anthropic
import openai

from tests.translate import sdk_chat, sdk_message, sdk_response
from tests.translate.facts import Call, Facts
from xds.edge.pairs import ClientApi

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
"""One pixel."""
PDF = "JVBERi0xLjQKJSBvbmUgcGFnZQo="
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
CLIENTS = (ClientApi.CHAT, ClientApi.COMPLETIONS, ClientApi.RESPONSES, ClientApi.MESSAGES)
TALKERS = (ClientApi.CHAT, ClientApi.RESPONSES, ClientApi.MESSAGES)
"""The clients that have more than text."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may call."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=lambda: SCHEMA)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `choice` is `auto`, `none`, `required`, or a tool's name after `=`.

    `before` are the client's own messages (or items) that come between the prompt and the answer:
    what was said so far, as `Answer.turn` has it, and the results of tools.
    """

    prompt: str = "Say hello"
    system: str = ""
    tools: tuple[Tool, ...] = ()
    choice: str = ""
    parallel: bool = True
    image: str = ""
    document: str = ""
    schema: Mapping[str, Any] | None = None
    thinks: bool = False
    most: int = 4000
    before: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What an SDK read: facts, and the client's own messages with which a conversation goes on."""

    facts: Facts
    turn: tuple[Any, ...]
    raw: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sdks:
    """The official clients, each at the same gateway. `heads` are the answers' headers."""

    openai: openai.OpenAI
    anthropic: anthropic.Anthropic
    heads: Sequence[Mapping[str, str]] = field(repr=False)

    def ask(
        self,
        client: ClientApi,
        model: str,
        question: Question | None = None,
        *,
        stream: bool = False,
        simulate: str = "",
        **more: Any,
    ) -> Answer:
        """Ask as a client of that API. ``simulate`` is what the simulated providers shall do."""
        if simulate:
            more["extra_headers"] = {"x-simulate": simulate, **more.get("extra_headers", {})}
        return _ASK[client](self, model, question or Question(), stream, more)


def results(client: ClientApi, calls: Sequence[Call], said: str) -> tuple[Any, ...]:
    """The results of tools, as messages (or items) of a client."""
    if client is ClientApi.MESSAGES:
        blocks = [
            {"type": "tool_result", "tool_use_id": call.id, "content": said} for call in calls
        ]
        return ({"role": "user", "content": blocks},)
    if client is ClientApi.RESPONSES:
        return tuple(
            {"type": "function_call_output", "call_id": call.id, "output": said} for call in calls
        )
    return tuple({"role": "tool", "tool_call_id": call.id, "content": said} for call in calls)


def _ask_chat(sdks: Sdks, model: str, asked: Question, stream: bool, more: Any) -> Answer:
    # What Mistral says is passed on: ids of its own, usage beside the last words.
    strict = model != "mistral"
    content: Any = asked.prompt
    if asked.image or asked.document:
        content = [{"type": "text", "text": asked.prompt}]
    if asked.image:
        content.append({"type": "image_url", "image_url": {"url": asked.image}})
    if asked.document:
        data = f"data:application/pdf;base64,{asked.document}"
        content.append({"type": "file", "file": {"filename": "a.pdf", "file_data": data}})
    messages: list[Any] = [{"role": "system", "content": asked.system}] if asked.system else []
    messages += [{"role": "user", "content": content}, *asked.before]
    body: dict[str, Any] = {"model": model, "messages": messages, "max_tokens": asked.most}
    if asked.tools:
        body["tools"] = [
            {"type": "function", "function": {"name": one.name, "parameters": one.parameters}}
            for one in asked.tools
        ]
    if asked.choice.startswith("="):
        body["tool_choice"] = {"type": "function", "function": {"name": asked.choice[1:]}}
    elif asked.choice:
        body["tool_choice"] = asked.choice
    if not asked.parallel:
        body["parallel_tool_calls"] = False
    if asked.schema is not None:
        named = {"name": "weather", "schema": asked.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    if asked.thinks:
        body["reasoning_effort"] = "low"
    if not stream:
        got = sdks.openai.chat.completions.create(**body, **more)
        message = got.choices[0].message.model_dump(exclude_none=True)
        return Answer(sdk_chat.of_chat(got, strict=strict), (message,), got)
    options: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(sdks.openai.chat.completions.create(**body, **options, **more))
    # Azure begins with what its filter says of the prompt, in a chunk that is of no answer.
    told = [chunk for chunk in chunks if chunk.id]
    return Answer(sdk_chat.of_chunks(told, strict=strict), (_joined(told),), chunks)


def _joined(chunks: Sequence[Any]) -> dict[str, Any]:
    """The assistant's message that a stream made, as a client would keep it."""
    message: dict[str, Any] = {"role": "assistant"}
    calls: list[dict[str, Any]] = []
    for delta in (choice.delta for chunk in chunks for choice in chunk.choices):
        if delta.content:
            message["content"] = message.get("content", "") + delta.content
        if blocks := (delta.model_extra or {}).get("thinking_blocks"):
            message.setdefault("thinking_blocks", []).extend(blocks)
        for call in delta.tool_calls or ():
            told = call.model_dump(exclude_none=True)
            index = told.pop("index")
            if index == len(calls):
                calls.append(told)
            else:
                calls[index]["function"]["arguments"] += told["function"].get("arguments", "")
    return {**message, "tool_calls": calls} if calls else message


def _ask_completion(sdks: Sdks, model: str, asked: Question, stream: bool, more: Any) -> Answer:
    body: dict[str, Any] = {"model": model, "prompt": asked.prompt, "max_tokens": asked.most}
    if not stream:
        got = sdks.openai.completions.create(**body, **more)
        return Answer(sdk_chat.of_completion(got), (), got)
    options: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(sdks.openai.completions.create(**body, **options, **more))
    return Answer(sdk_chat.of_completion_chunks(chunks), (), chunks)


def _ask_response(sdks: Sdks, model: str, asked: Question, stream: bool, more: Any) -> Answer:
    content: list[Any] = [{"type": "input_text", "text": asked.prompt}]
    if asked.image:
        content.append({"type": "input_image", "image_url": asked.image, "detail": "auto"})
    if asked.document:
        data = f"data:application/pdf;base64,{asked.document}"
        content.append({"type": "input_file", "filename": "a.pdf", "file_data": data})
    items: list[Any] = [{"role": "user", "content": content}, *asked.before]
    body: dict[str, Any] = {"model": model, "input": items, "max_output_tokens": asked.most}
    if asked.system:
        body["instructions"] = asked.system
    if asked.tools:
        body["tools"] = [
            {
                "type": "function",
                "name": one.name,
                "parameters": one.parameters,
                "strict": True,
            }
            for one in asked.tools
        ]
    if asked.choice.startswith("="):
        body["tool_choice"] = {"type": "function", "name": asked.choice[1:]}
    elif asked.choice:
        body["tool_choice"] = asked.choice
    if not asked.parallel:
        body["parallel_tool_calls"] = False
    if asked.schema is not None:
        shape = {"type": "json_schema", "name": "weather", "schema": asked.schema, "strict": True}
        body["text"] = {"format": shape}
    if asked.thinks:
        body["reasoning"] = {"effort": "low", "summary": "auto"}
        body["include"] = ["reasoning.encrypted_content"]
        body["store"] = False
    if not stream:
        got = sdks.openai.responses.create(**body, **more)
        return Answer(sdk_response.of_response(got), _items(got), got)
    events = list(sdks.openai.responses.create(**body, stream=True, **more))
    if events[-1].type in ("error", "response.failed"):
        raise ResponseFailedError(events)
    sdk_response.check_order(events)
    got = events[-1].response
    return Answer(sdk_response.of_response(got), _items(got), events)


class ResponseFailedError(Exception):
    """The last event says that there is no answer: the SDK gives it as an event like the others."""

    def __init__(self, events: Sequence[Any]) -> None:
        super().__init__(events[-1])
        self.events = events


def _items(response: Any) -> tuple[Any, ...]:
    return tuple(item.model_dump(exclude_none=True) for item in response.output)


def _ask_message(sdks: Sdks, model: str, asked: Question, stream: bool, more: Any) -> Answer:
    content: list[Any] = [{"type": "text", "text": asked.prompt}]
    if asked.image.startswith("data:"):
        kind, _, data = asked.image.removeprefix("data:").partition(";base64,")
        source = {"type": "base64", "media_type": kind, "data": data}
        content.append({"type": "image", "source": source})
    elif asked.image:
        content.append({"type": "image", "source": {"type": "url", "url": asked.image}})
    if asked.document:
        source = {"type": "base64", "media_type": "application/pdf", "data": asked.document}
        content.append({"type": "document", "source": source, "title": "a.pdf"})
    messages = [{"role": "user", "content": content}, *asked.before]
    body: dict[str, Any] = {"model": model, "messages": messages, "max_tokens": asked.most}
    if asked.system:
        body["system"] = asked.system
    if asked.tools:
        body["tools"] = [
            {"name": one.name, "input_schema": dict(one.parameters)} for one in asked.tools
        ]
    if asked.choice or not asked.parallel:
        kind = {"required": "any", "": "auto"}.get(asked.choice, asked.choice)
        named = {"type": "tool", "name": kind[1:]} if kind.startswith("=") else {"type": kind}
        only = {} if asked.parallel else {"disable_parallel_tool_use": True}
        body["tool_choice"] = {**named, **only}
    if asked.schema is not None:
        body["output_config"] = {"format": {"type": "json_schema", "schema": asked.schema}}
    if asked.thinks:
        body["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    if stream:
        with sdks.anthropic.messages.stream(**body, **more) as events:
            got = events.get_final_message()
    else:
        got = sdks.anthropic.messages.create(**body, **more)
    blocks = [
        block.model_dump(exclude_none=True, exclude={"parsed_output"}) for block in got.content
    ]
    return Answer(sdk_message.of_message(got), ({"role": "assistant", "content": blocks},), got)


_ASK: dict[ClientApi, Callable[[Sdks, str, Question, bool, Any], Answer]] = {
    ClientApi.CHAT: _ask_chat,
    ClientApi.COMPLETIONS: _ask_completion,
    ClientApi.RESPONSES: _ask_response,
    ClientApi.MESSAGES: _ask_message,
}


def fits_the_schema(text: str) -> bool:
    """Whether a text is JSON of `SCHEMA`."""
    value = json.loads(text)
    return (
        value.keys() == {"city", "degrees"}
        and isinstance(value["city"], str)
        and isinstance(value["degrees"], int)
    )
