"""OpenAI Completions, the older API of plain text: a prompt becomes a user's turn, and back.

Source: the schemas of `POST /v1/completions`, `text_completion` whole and in chunks. A chat model
answers the prompt; it does not go on from it, so `suffix` and `echo` are refused.
"""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.clients.chat_answer import chat_usage
from ext_authz.translate.clients.chat_choice import REASONS
from ext_authz.translate.clients.fields import (
    flag,
    integer,
    mapping,
    number,
    optional_text,
    read_body,
    strings,
    text,
)
from ext_authz.translate.clients.writer import Moment, named
from ext_authz.translate.conversation import Ask, Sampling, Text, Turn
from ext_authz.translate.errors import (
    Failure,
    UnsupportedError,
    openai_error,
    openai_status,
)
from ext_authz.translate.events import (
    Ended,
    Event,
    Failed,
    Finish,
    RefusalDelta,
    Started,
    TextDelta,
    Usage,
    UsageSeen,
)
from ext_authz.translate.wire import encode

_REFUSED: Final = ("suffix", "echo", "logprobs")


def read_completions(body: bytes) -> Ask:
    """Read a request; raises `RefusedError`."""
    fields = read_body(body)
    for name in _REFUSED:
        given = fields.get(name)
        # `logprobs: 0` is a wish too: for the chosen tokens' alone.
        if given or (name == "logprobs" and type(given) is int):
            raise UnsupportedError(f"`{name}` is not supported by a chat model", param=name)
    if (integer(fields, "best_of") or 1) > 1:
        raise UnsupportedError("`best_of` must be 1 here", param="best_of")
    prompts = _prompts(fields.get("prompt"))
    stream = bool(flag(fields, "stream"))
    return Ask(
        model=text(fields, "model"),
        turns=(Turn("user", (Text(prompts),)),),
        max_tokens=integer(fields, "max_tokens"),
        sampling=Sampling(
            temperature=number(fields, "temperature"),
            top_p=number(fields, "top_p"),
            stop=strings(fields.get("stop"), "stop"),
            seed=integer(fields, "seed"),
            presence_penalty=number(fields, "presence_penalty"),
            frequency_penalty=number(fields, "frequency_penalty"),
            logit_bias=mapping(fields, "logit_bias") or None,
            choices=integer(fields, "n") or 1,
        ),
        user=optional_text(fields, "user"),
        stream=stream,
        include_usage=stream and bool(mapping(fields, "stream_options").get("include_usage")),
    )


def _prompts(given: Any) -> str:
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if isinstance(given, str) and given:
        return given
    raise UnsupportedError("`prompt` must be one text for a chat model", param="prompt")


class CompletionsWriter:
    """Writes one answer."""

    def __init__(self, model: str, moment: Moment, *, include_usage: bool = False) -> None:
        self._model = model
        self._moment = moment
        self._include_usage = include_usage
        self._id = ""
        self._usage = Usage()
        self._done = False

    def stream(self, event: Event) -> bytes:
        """Write the chunks that one event makes."""
        if self._done:
            return b""
        match event:
            case TextDelta(said, choice) | RefusalDelta(said, choice):
                return self._chunk([_choice(choice, said, None)])
            case Started(given, model):
                self._id, self._model = given, model or self._model
            case Finish():
                return self._chunk([_choice(event.choice, "", _reason(event))])
            case UsageSeen(usage):
                self._usage = usage
            case Ended():
                self._done = True
                told = self._chunk([], usage=self._usage) if self._include_usage else b""
                return told + b"data: [DONE]\n\n"
            case Failed(failure):
                self._done = True
                return b"data: %b\n\n" % encode({"error": openai_error(failure)})
            case _:
                pass
        return b""

    def whole(self, events: list[Event]) -> bytes:
        """Write an answer in one piece."""
        texts: dict[int, list[str]] = {}
        reasons: dict[int, str] = {}
        for event in events:
            match event:
                case TextDelta(said, choice) | RefusalDelta(said, choice):
                    texts.setdefault(choice, []).append(said)
                case Finish():
                    texts.setdefault(event.choice, [])
                    reasons[event.choice] = _reason(event)
                case Started(given, model):
                    self._id, self._model = given, model or self._model
                case UsageSeen(usage):
                    self._usage = usage
                case _:
                    pass
        choices = [
            _choice(choice, "".join(pieces), reasons.get(choice, "stop"))
            for choice, pieces in sorted(texts.items())
        ]
        return encode({**self._about(), "choices": choices, "usage": chat_usage(self._usage)})

    def error(self, failure: Failure) -> tuple[int, bytes]:
        """Write an error answer."""
        return openai_status(failure), encode({"error": openai_error(failure)})

    def _chunk(self, choices: list[dict[str, Any]], usage: Usage | None = None) -> bytes:
        fields = {**self._about(), "choices": choices}
        if self._include_usage:
            fields["usage"] = chat_usage(usage) if usage else None
        return b"data: %b\n\n" % encode(fields)

    def _about(self) -> dict[str, Any]:
        return {
            "id": named("cmpl-", self._id, self._moment),
            "object": "text_completion",
            "created": int(self._moment.now),
            "model": self._model,
        }


def _choice(index: int, said: str, reason: str | None) -> dict[str, Any]:
    return {"index": index, "text": said, "logprobs": None, "finish_reason": reason}


def _reason(event: Finish) -> str:
    """The older API has no word for calls of tools, of which there are none."""
    reason = REASONS[event.reason]
    return "stop" if reason == "tool_calls" else reason
