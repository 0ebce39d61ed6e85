"""The shape of a Messages request, as far as it is read: checked while it is decoded.

As in `chat_shape`, the types need no second look. A block is one struct for all kinds of blocks,
since those of Anthropic's own servers must still be told by their names when they are refused.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ext_authz.translate.clients.chat_shape import NOTHING, Count


class Source(msgspec.Struct, gc=False):
    """Where an image or a document is: its bytes, a text, blocks, or a URL."""

    type: str | None = None
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    content: str | list[Block] | None = None


class Block(msgspec.Struct, gc=False):
    """A block of content of any kind."""

    type: str | None = None
    text: str | None = None
    cache_control: Any = None
    # tool_use
    id: str | None = None
    name: str | None = None
    input: dict[str, Any] | None = None
    # tool_result, search_result
    tool_use_id: str | None = None
    content: str | list[Block] | dict[str, Any] | None = None
    is_error: Any = None
    # thinking, redacted_thinking
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    # image, document, search_result
    source: Source | str | None = None
    title: str | None = None
    context: str | None = None


class Message(msgspec.Struct, gc=False):
    """A message of a user or of the assistant."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class CustomTool(msgspec.Struct, gc=False):
    """A function that the model may call; one of Anthropic's own servers has another type."""

    type: str | None = None
    name: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None
    cache_control: Any = None


class Choice(msgspec.Struct, gc=False):
    """Which tools must or may be called."""

    type: str | None = None
    name: str | None = None
    disable_parallel_tool_use: Any = None


class Output(msgspec.Struct, gc=False):
    """How to answer."""

    effort: Any = None
    format: dict[str, Any] | None = None


class Metadata(msgspec.Struct, gc=False):
    """About the request; other members say nothing to other providers."""

    user_id: str | None = None


class Messages(msgspec.Struct, gc=False):
    """A request."""

    model: str
    messages: list[Message]
    max_tokens: Count = None
    system: str | list[Block] | None = None
    stream: bool | None = None
    temperature: Count = None
    top_p: Count = None
    top_k: Count = None
    stop_sequences: str | list[str] | None = None
    tools: msgspec.Raw = NOTHING  # of a list of `CustomTool`
    tool_choice: Choice | None = None
    thinking: dict[str, Any] | None = None
    output_config: Output | None = None
    output_format: dict[str, Any] | None = None
    metadata: Metadata | None = None
    service_tier: str | None = None
    mcp_servers: Any = None
    container: Any = None
    inference_geo: str | None = None
