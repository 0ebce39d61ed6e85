"""What a client asks, in the words of no API: turns of parts, tools, and how to answer.

Readers in `clients/` make an `Ask`, writers in `providers/` turn it into the provider's request.
Structs instead of dataclasses, and told apart by `type`, as in `events`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, final

import msgspec

from ext_authz.translate.wire import encode

Role = Literal["system", "user", "assistant"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Cache(msgspec.Struct, frozen=True, gc=False):
    """A mark: the prompt up to here is worth keeping; `ttl` is `5m`, `1h` or "" (the default)."""

    ttl: str = ""


@final
class Text(msgspec.Struct, frozen=True, gc=False):
    """A piece of text."""

    text: str
    cache: Cache | None = None


@final
class Media(msgspec.Struct, frozen=True, gc=False):
    """An image or a document: base64 `data`, plain `text`, or a `url`; one of the three is set.

    `kind` is `image` or `document`, `type` the media type ("" where the client did not say).
    """

    kind: Literal["image", "document"]
    type: str
    data: str = ""
    url: str = ""
    text: str = ""
    name: str = ""
    context: str = ""
    detail: str = ""
    cache: Cache | None = None


@final
class ToolCall(msgspec.Struct, frozen=True, gc=False):
    """The assistant called a tool; `arguments` is the JSON text of an object."""

    id: str
    name: str
    arguments: str
    signature: str = ""
    cache: Cache | None = None


@final
class ToolResult(msgspec.Struct, frozen=True):
    """What a call gave; `name` is the tool's, where the history tells it."""

    id: str
    name: str
    parts: tuple[Text | Media, ...]
    failed: bool = False
    cache: Cache | None = None


@final
class Reasoning(msgspec.Struct, frozen=True, gc=False):
    """Reasoning given back to the provider that gave it; without a signature none takes it."""

    text: str
    signature: str = ""


@final
class Redacted(msgspec.Struct, frozen=True, gc=False):
    """Reasoning that only its provider can read."""

    data: str


Part = Text | Media | ToolCall | ToolResult | Reasoning | Redacted


class Turn(msgspec.Struct, frozen=True):
    """One message. A system turn may stand anywhere and holds only `Text`."""

    role: Role
    parts: tuple[Part, ...]


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call; `schema` is the JSON schema of its arguments.

    A tool may be shared by many requests, which is why nobody changes its schema, and why it keeps
    what each writer has `written` of it.
    """

    name: str
    description: str
    schema: dict[str, Any]
    strict: bool | None = None
    cache: Cache | None = None
    written: dict[Callable[[Tool], dict[str, Any]], msgspec.Raw] = msgspec.field(
        default_factory=dict
    )

    def by(self, write: Callable[[Tool], dict[str, Any]]) -> msgspec.Raw:
        """The JSON of what `write` makes of it, made once."""
        made = self.written.get(write)
        if made is None:
            made = self.written[write] = msgspec.Raw(encode(write(self)))
        return made


class ToolChoice(msgspec.Struct, frozen=True, gc=False):
    """Which tools must or may be called; `names` limits the choice, one of them for `required`."""

    mode: Literal["auto", "none", "required"]
    names: tuple[str, ...] = ()


class Format(msgspec.Struct, frozen=True):
    """The answer is JSON; with `schema` None any object will do."""

    schema: dict[str, Any] | None = None
    name: str = "response"
    description: str = ""
    strict: bool | None = None


class Thinking(msgspec.Struct, frozen=True, gc=False):
    """How much to reason, as far as the client said: by effort, by budget in tokens, or not."""

    effort: Effort | None = None
    budget: int | None = None
    adaptive: bool = False
    disabled: bool = False
    display: str = ""


UNSAID: Final = Thinking()
"""Nothing said about thinking."""


class Sampling(msgspec.Struct, frozen=True):
    """How tokens are chosen; None is the provider's default."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, Any] | None = None
    logprobs: bool = False
    top_logprobs: int | None = None
    choices: int = 1


PLAIN: Final = Sampling()
"""Nothing said about sampling."""


class Ask(msgspec.Struct, frozen=True):
    """A whole request. `include_usage` is whether a streaming client wants the usage told."""

    model: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    choice: ToolChoice | None = None
    parallel: bool | None = None
    max_tokens: int | None = None
    sampling: Sampling = PLAIN
    format: Format | None = None
    thinking: Thinking = UNSAID
    user: str = ""
    tier: str = ""
    verbosity: str = ""
    stream: bool = False
    include_usage: bool = False
