"""The shape of a Chat Completions request, as far as it is read: checked while it is decoded.

Decoding into these costs no more than into dictionaries, and the types need no second look. Parts
of content stay dictionaries: there are many kinds of them, and most requests have none. Nothing
here can be part of a cycle, so the collector need not look.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

Count = int | float | None
"""A whole number, which some clients write with a decimal point."""
NOTHING: Final = msgspec.Raw(b"null")
"""What stands for a member that is read by itself, where it is not given."""


class ChatFunction(msgspec.Struct, gc=False):
    """A function that the model may call."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    cache_control: Any = None


class ChatTool(msgspec.Struct, gc=False):
    """A tool; one that is no function has another member in place of `function`."""

    type: str = "function"
    function: ChatFunction | None = None
    cache_control: Any = None


class CalledFunction(msgspec.Struct, gc=False):
    """The function of a call, with the JSON text of its arguments."""

    name: str
    arguments: str | None = None


class ChatCall(msgspec.Struct, gc=False):
    """A call that the assistant made."""

    id: str
    function: CalledFunction | None = None
    extra_content: Any = None
    cache_control: Any = None


class ChatMessage(msgspec.Struct, gc=False):
    """A message of any role."""

    role: str
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[ChatCall] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    thinking_blocks: Any = None
    function_call: CalledFunction | None = None
    cache_control: Any = None


class StreamOptions(msgspec.Struct, gc=False):
    """How a stream is wanted."""

    include_usage: bool | None = None


class Chat(msgspec.Struct, gc=False):
    """A request."""

    model: str
    messages: list[ChatMessage]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count = None
    max_completion_tokens: Count = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: Count = None
    stop: str | list[str] | None = None
    seed: Count = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, Any] | None = None
    logprobs: bool | None = None
    top_logprobs: Count = None
    n: Count = None
    tools: msgspec.Raw = NOTHING  # of a list of `ChatTool`
    functions: list[ChatFunction] | None = None
    tool_choice: Any = None
    function_call: Any = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: str | None = None
    thinking: Any = None
    user: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    verbosity: str | None = None
    modalities: list[str] | None = None
    audio: Any = None
    web_search_options: Any = None
    moderation: Any = None
