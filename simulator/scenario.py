"""What a provider does with a request: outcomes, how they are written, and which one comes next.

An outcome is written `kind[:argument][:key=value...]`, the same in `x-simulate` headers, in the
control endpoint's JSON, in the command's options and in tests:

    ok                         the right answer                   ok:tokens=500  a long one
    400 .. 599                 an error, with the provider's body for it      429:retry_after=7
    context_length_exceeded    the provider's way to say that the prompt is too long
    content_filter             ... that it refuses the content
    insufficient_quota         ... that the account has no credit left
    slow:SECONDS               the right answer, its headers late
    slow_first_token[:SECONDS] the headers at once, then nothing (for ever without SECONDS)
    stall[:AFTER][:seconds=S]  a stream that stops in the middle (for ever without seconds)
    cut[:AFTER][:fin]          the connection is reset in the middle (`fin`: closed)
    reset                      the connection is reset before any byte of an answer
    no_terminal                a stream that ends cleanly, without [DONE] or message_stop
    garbage[:AFTER][:frame]    what should be JSON is not (`frame`: Bedrock's checksums are wrong)
    error_in_band[:AFTER]      an error inside a 200
    empty                      200 and an empty body
    huge[:BYTES]               the right answer, and too much of it (8 MiB)
    wrong_content_type         the right body called text/html
    html[:STATUS]              the HTML page of a proxy in between (502)

AFTER counts tokens: `3` is after three tokens, `0` after what comes before the first token (the
role chunk, message_start), `headers` before any event at all. Every outcome takes `delay=S`
(seconds before the headers) and `token_delay=S` (seconds before each token).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HEADERS = -1
"""The value of `Outcome.after` for "after the headers, before any event"."""

_STREAM_POINTS = {"stall": 3, "cut": 3, "garbage": 3, "error_in_band": HEADERS}
"""Kinds that take AFTER, and where they strike when nothing is said."""
_CODES = {"context_length_exceeded": 400, "content_filter": 400, "insufficient_quota": 429}
_PLAIN = frozenset({"ok", "reset", "no_terminal", "empty", "wrong_content_type"})
_SECONDS = {"slow", "slow_first_token"}
KINDS = ("status", *sorted({*_PLAIN, *_STREAM_POINTS, *_SECONDS, "huge", "html"}))
HUGE_BYTES = 8 << 20
_MOST_BYTES = 64 << 20
_MOST_TOKENS = 200_000


class OutcomeError(ValueError):
    """The text is no outcome; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing that a provider can do with a request. `text` is how it was written."""

    text: str = "ok"
    kind: str = "ok"
    status: int = 200
    code: str = ""
    after: int = 0
    seconds: float = math.inf
    fin: bool = False
    size: int = 0
    tokens: int | None = None
    delay: float = 0.0
    token_delay: float | None = None
    retry_after: float | None = None


OK = Outcome()


def parse_outcome(text: str) -> Outcome:
    """Read one outcome; raise `OutcomeError` when it is none."""
    kind, *parts = [part.strip() for part in text.strip().split(":")]
    words = [part for part in parts if "=" not in part]
    options = dict(part.split("=", 1) for part in parts if "=" in part)
    values: dict[str, Any] = {"text": text.strip(), "kind": kind}
    if kind.isdecimal() and 400 <= int(kind) <= 599:
        values |= {"kind": "status", "status": int(kind), "code": words.pop(0) if words else ""}
    elif kind in _CODES:
        values |= {"kind": "status", "status": _CODES[kind], "code": kind}
    elif kind in _STREAM_POINTS:
        values["after"] = _STREAM_POINTS[kind]
        if words and (words[0] == "headers" or words[0][:1].isdecimal()):
            values["after"] = _after(words.pop(0))
        if kind == "cut" and words == ["fin"]:
            values["fin"] = bool(words.pop())
        if kind == "garbage" and words == ["frame"]:
            values["code"] = words.pop()
        if kind == "error_in_band" and words:
            values["code"] = words.pop(0)
    elif kind in _SECONDS:
        seconds = _number(words.pop(0), kind) if words else math.inf
        values["seconds" if kind == "slow_first_token" else "delay"] = seconds
    elif kind == "huge":
        values["size"] = int(_number(words.pop(0), kind, _MOST_BYTES)) if words else HUGE_BYTES
    elif kind == "html":
        values["status"] = int(_number(words.pop(0), kind, 599)) if words else 502
        if not values["status"] >= 200 or values["status"] in (204, 205, 304):
            raise OutcomeError(f"html:{values['status']} cannot carry a page")
    elif kind not in _PLAIN:
        raise OutcomeError(
            f"{text!r} is no outcome: a status from 400 to 599, or one of {_names()}"
        )
    if words:
        raise OutcomeError(f"{text!r}: {words[0]!r} says nothing to {kind!r}")
    for key, value in options.items():
        if key not in ("delay", "token_delay", "seconds", "retry_after", "tokens"):
            raise OutcomeError(f"{text!r}: no option {key!r}")
        number = _number(value, key, _MOST_TOKENS if key == "tokens" else 86_400)
        values[key] = int(number) if key == "tokens" else number
    return Outcome(**values)


def _names() -> str:
    return ", ".join([*_CODES, *(kind for kind in KINDS if kind != "status")])


def _after(word: str) -> int:
    return HEADERS if word == "headers" else int(_number(word, "AFTER", _MOST_TOKENS))


def _number(text: str, name: str, most: float = 86_400) -> float:
    try:
        value = float(text)
    except ValueError:
        raise OutcomeError(f"{name}: {text!r} is no number") from None
    if not 0 <= value <= most:
        raise OutcomeError(f"{name}: {text} is not between 0 and {most:g}")
    return value


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a provider does, request after request.

    `outcomes` come in order and the last one stays; when `weights` are given they are odds
    instead, and the draw is a function of the seed, the provider and the request's number.
    `text` replaces the words of every right answer.
    """

    outcomes: tuple[Outcome, ...] = (OK,)
    weights: tuple[float, ...] = ()
    text: str | None = None

    def outcome(self, seed: int, provider: str, number: int) -> Outcome:
        """The outcome of this provider's request `number`, counted from 0."""
        if not self.weights:
            return self.outcomes[min(number, len(self.outcomes) - 1)]
        if len(self.outcomes) == 1:
            return self.outcomes[0]
        material = f"{seed}/{provider}/{number}".encode()
        draw = int.from_bytes(hashlib.blake2b(material, digest_size=7).digest()) / (1 << 56)
        point = draw * sum(self.weights)
        for outcome, weight in zip(self.outcomes, self.weights, strict=True):
            point -= weight
            if point < 0:
                return outcome
        return self.outcomes[-1]


def parse_scenario(value: Any) -> Scenario:
    """Read a scenario from JSON data.

    It is `429`, `"cut:3"`, `["429", "ok"]`, `{"outcomes": [...], "text": "..."}` or
    `{"weights": {"ok": 9, "429": 1}}`. Raises `OutcomeError` when it is none of these.
    """
    match value:
        case bool():
            pass
        case str() | int():
            return Scenario((parse_outcome(str(value)),))
        case Sequence() if value:
            return Scenario(tuple(_one(item) for item in value))
        case {"weights": Mapping() as weights, **rest} if weights and rest.keys() <= {"text"}:
            odds = tuple(_number(str(weight), "weight", 1e9) for weight in weights.values())
            if not sum(odds):
                raise OutcomeError("weights: all are 0")
            return Scenario(tuple(map(_one, weights)), odds, _text(rest))
        case {"outcomes": Sequence() as items, **rest} if items and rest.keys() <= {"text"}:
            return Scenario(tuple(_one(item) for item in items), (), _text(rest))
        case {"text": str() as text} if len(value) == 1:
            return Scenario(text=text)
    raise OutcomeError(
        'a scenario is an outcome ("429"), a list of outcomes, {"outcomes": [...]} or '
        '{"weights": {OUTCOME: NUMBER}}, the last two with an optional "text"'
    )


def _one(item: Any) -> Outcome:
    if isinstance(item, bool) or not isinstance(item, str | int):
        raise OutcomeError(f"{item!r} is no outcome")
    return parse_outcome(str(item))


def _text(rest: Mapping[Any, Any]) -> str | None:
    text = rest.get("text")
    if text is not None and not isinstance(text, str):
        raise OutcomeError("text: is no string")
    return text


def parse_header(value: str, provider: str) -> Outcome | None:
    """What `x-simulate: openai=429, claude=cut:3` says for `provider`, or None.

    An entry without a provider's name is for whoever answers: `x-simulate: 429`.
    """
    found = None
    for entry in filter(None, (part.strip() for part in value.split(","))):
        name, named, outcome = entry.partition("=")
        if named and ":" not in name:
            if name.strip() == provider:
                return parse_outcome(outcome)
        else:
            found = parse_outcome(entry)
    return found
