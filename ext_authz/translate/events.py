"""The internal stream: what any provider's answer says, in the words of no API.

Readers of providers' answers produce these, writers of clients' answers consume them. The order
is that of the answer: `Started` first, content in between, `Finish` after all content of its
choice, `UsageSeen` anywhere (the last one counts), then `Ended`, or `Failed` in place of all that
would still have come.

Structs instead of dataclasses: a frozen one is made in 65 ns instead of 700, once a token. They are
told apart by `type(event) is`, where it counts: a struct's class is of msgspec's own metaclass, so
`isinstance`, and `case` with it, takes 100 ns to say no instead of 20.
"""

from __future__ import annotations

from typing import Any, Final, Literal, final

import msgspec

from ext_authz.translate.errors import Failure

Reason = Literal[
    "stop", "stop_sequence", "length", "context_full", "tool_calls", "filtered", "paused"
]
"""Why an answer ended. `context_full`: the window, not the limit asked for, was reached. `paused`:
the provider rests in a long turn. Each API's own words are mapped onto these."""


@final
class Started(msgspec.Struct, frozen=True, gc=False):
    """The answer begins: its id at the provider and the model that answers, "" where unknown."""

    id: str = ""
    model: str = ""


@final
class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of text; `choice` counts answers where several were asked for."""

    text: str
    choice: int = 0


@final
class RefusalDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of the text in which the model refuses to answer."""

    text: str
    choice: int = 0


@final
class ReasoningDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of the model's reasoning that the provider shows."""

    text: str
    choice: int = 0


@final
class ReasoningSigned(msgspec.Struct, frozen=True, gc=False):
    """The signature of the reasoning just given, which closes it."""

    signature: str
    choice: int = 0


@final
class RedactedReasoning(msgspec.Struct, frozen=True, gc=False):
    """A block of reasoning that only the provider can read."""

    data: str
    choice: int = 0


@final
class ToolStart(msgspec.Struct, frozen=True, gc=False):
    """Call number `index` (counted over the whole choice, from 0) of a tool begins.

    `signature` is a thought signature that the provider wants back with the call.
    """

    index: int
    id: str
    name: str
    signature: str = ""
    choice: int = 0


@final
class ToolArgs(msgspec.Struct, frozen=True, gc=False):
    """A piece of the JSON text of a call's arguments."""

    index: int
    text: str
    choice: int = 0


@final
class Logprobs(msgspec.Struct, frozen=True):
    """Log probabilities of the tokens of the text before, as OpenAI chat writes them."""

    content: list[Any]
    choice: int = 0


@final
class Finish(msgspec.Struct, frozen=True, gc=False):
    """A choice is complete; `sequence` is the stop sequence that was met, where it is told."""

    reason: Reason
    sequence: str | None = None
    choice: int = 0


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens so far. `prompt` counts everything read, what the cache read and wrote included.

    `reasoning` is a part of `completion`.
    """

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0


UNUSED: Final = Usage()
"""Nothing told of usage."""


@final
class UsageSeen(msgspec.Struct, frozen=True, gc=False):
    """What was used, as far as the provider has told; each replaces the one before."""

    usage: Usage


@final
class Ended(msgspec.Struct, frozen=True, gc=False):
    """The provider's terminal event: the answer is whole."""


@final
class Failed(msgspec.Struct, frozen=True):
    """The answer breaks off, and why."""

    failure: Failure


Event = (
    Started
    | TextDelta
    | RefusalDelta
    | ReasoningDelta
    | ReasoningSigned
    | RedactedReasoning
    | ToolStart
    | ToolArgs
    | Logprobs
    | Finish
    | UsageSeen
    | Ended
    | Failed
)
