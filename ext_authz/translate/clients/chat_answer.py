"""OpenAI Chat Completions: events become the client's answer, in chunks or whole.

Source: the schemas `chat.completion` and `chat.completion.chunk`. Reasoning, for which they have
no place, is written as compatible servers do: `reasoning_content`, and `thinking_blocks` with what
the provider wants back unchanged.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from ext_authz.translate.clients.chat_choice import REASONS, Choice, thinking_block, tool_call
from ext_authz.translate.clients.writer import Moment, named
from ext_authz.translate.errors import Failure, openai_error, openai_status
from ext_authz.translate.events import (
    UNUSED,
    Ended,
    Event,
    Failed,
    Finish,
    Logprobs,
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

_COMPLETION: Final = (
    b'{"id":%b,"object":"chat.completion","created":%d,"model":%b,"choices":[%b],"usage":'
    b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,'
    b'"prompt_tokens_details":{"cached_tokens":%d,"cache_write_tokens":%d},'
    b'"completion_tokens_details":{"reasoning_tokens":%d}}}'
)
_MOST_THOUGHT: Final = 1 << 20
"""Characters of reasoning that are kept until their signature comes."""


class ChatWriter:
    """Writes one answer. `include_usage` is the client's wish in `stream_options`."""

    def __init__(self, model: str, moment: Moment, *, include_usage: bool = False) -> None:
        self._model = model
        self._moment = moment
        self._include_usage = include_usage
        self._id = ""
        self._head = b""  # the bytes with which each chunk begins, once they are known
        self._tail = b""
        self._begun: set[int] = set()
        self._thought: list[str] = []
        self._thought_size = 0
        self._usage = UNUSED
        self._done = False

    def stream(self, event: Event) -> bytes:
        """Write the chunks that one event makes."""
        if type(event) is TextDelta:
            return self._delta(event.choice, b'"content":' + encode(event.text))
        if type(event) is ToolArgs:
            piece = b'"tool_calls":[{"index":%d,"function":{"arguments":%b}}]'
            return self._delta(event.choice, piece % (event.index, encode(event.text)))
        if type(event) is ReasoningDelta:
            self._keep(event.text)
            return self._delta(event.choice, b'"reasoning_content":' + encode(event.text))
        if self._done:
            return b""
        return self._seldom(event)

    def _seldom(self, event: Event) -> bytes:
        match event:
            case Started():
                self._start(event)
            case ToolStart():
                call = {"index": event.index, **tool_call(event, "")}
                return self._delta(event.choice, b'"tool_calls":' + encode([call]))
            case ReasoningSigned(signature):
                thought = "".join(self._thought)
                self._thought.clear()
                self._thought_size = 0
                return self._block(thinking_block(thought, signature)) if signature else b""
            case RedactedReasoning(data):
                return self._block({"type": "redacted_thinking", "data": data})
            case RefusalDelta():
                return self._delta(event.choice, b'"refusal":' + encode(event.text))
            case Logprobs():
                told = b'{"content":%b,"refusal":null}' % encode(event.content)
                return self._chunk(event.choice, b"", logprobs=told)
            case Finish():
                reason = REASONS[event.reason]
                return self._delta(event.choice, b"", finish=b'"%b"' % reason.encode())
            case UsageSeen(usage):
                self._usage = usage
            case Ended():
                self._done = True
                told = self._usage_chunk() if self._include_usage else b""
                return told + b"data: [DONE]\n\n"
            case Failed(failure):
                self._done = True
                return b"data: %b\n\n" % encode({"error": openai_error(failure)})
            case _:
                pass
        return b""

    def whole(self, events: list[Event]) -> bytes:
        """Write a completion."""
        choices: defaultdict[int, Choice] = defaultdict(Choice)
        for event in events:
            if type(event) is Started:
                self._start(event)
            elif type(event) is UsageSeen:
                self._usage = event.usage
            elif type(event) is not Ended and type(event) is not Failed:
                choices[event.choice].add(event)
        given = self._id or named("chatcmpl-", "", self._moment)
        written = [choices[number].written(number) for number in sorted(choices)]
        usage = self._usage
        return _COMPLETION % (
            encode(given),
            int(self._moment.now),
            encode(self._model),
            b",".join(written),
            usage.prompt,
            usage.completion,
            usage.prompt + usage.completion,
            usage.cached,
            usage.cache_write,
            usage.reasoning,
        )

    def error(self, failure: Failure) -> tuple[int, bytes]:
        """Write an error answer."""
        return openai_status(failure), encode({"error": openai_error(failure)})

    def _start(self, event: Started) -> None:
        if self._head:
            return
        self._id = named("chatcmpl-", event.id, self._moment)
        self._model = event.model or self._model

    def _keep(self, thought: str) -> None:
        self._thought_size += len(thought)
        if self._thought_size <= _MOST_THOUGHT:
            self._thought.append(thought)
        else:
            self._thought.clear()

    def _block(self, block: dict[str, Any]) -> bytes:
        return self._delta(0, b'"thinking_blocks":' + encode([block]))

    def _delta(self, choice: int, member: bytes, finish: bytes = b"null") -> bytes:
        if choice not in self._begun:
            self._begun.add(choice)
            role = b'"role":"assistant"'
            if not member or not member.startswith(b'"content"'):
                role += b',"content":null' if member else b',"content":""'
            member = role + b"," + member if member else role
        return self._chunk(choice, member, finish)

    def _chunk(
        self, choice: int, member: bytes, finish: bytes = b"null", logprobs: bytes = b"null"
    ) -> bytes:
        if not self._head:
            self._prepare()
        return b'%b{"index":%d,"delta":{%b},"logprobs":%b,"finish_reason":%b}%b' % (
            self._head,
            choice,
            member,
            logprobs,
            finish,
            self._tail,
        )

    def _prepare(self) -> None:
        """Write once what all chunks share."""
        self._id = self._id or named("chatcmpl-", "", self._moment)
        self._head = (
            b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,"choices":['
            % (encode(self._id), int(self._moment.now), encode(self._model))
        )
        self._tail = b'],"usage":null}\n\n' if self._include_usage else b"]}\n\n"

    def _usage_chunk(self) -> bytes:
        if not self._head:
            self._prepare()
        return b'%b],"usage":%b}\n\n' % (self._head, encode(chat_usage(self._usage)))


def chat_usage(usage: Usage) -> dict[str, Any]:
    """Tokens as Chat Completions counts them."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
