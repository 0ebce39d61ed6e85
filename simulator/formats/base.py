"""What a wire format is: four functions from a call to an answer, and what a call is."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulator.config import Provider
from simulator.message import Answer, Request
from simulator.scenario import OK, Outcome


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one provider.

    `path` is the request's path below the provider's name, so `/v1/...` whichever port it came
    to. `digest` (32 bytes) stands for (seed, provider, request); whatever varies comes from it.
    """

    provider: Provider
    request: Request
    path: str
    digest: bytes = field(repr=False)
    outcome: Outcome = OK
    text: str | None = None

    @property
    def token_delay(self) -> float:
        """Seconds before each token of a stream."""
        asked = self.outcome.token_delay
        return self.provider.token_delay if asked is None else asked


def _garbage(_call: Call) -> bytes:
    return b'data: {"choices": [{"delta": {"content": \n\n'


@dataclass(frozen=True, slots=True)
class Format:
    """One provider API.

    `base_path` is what the API's own SDK has at the end of its `base_url`. `authenticate`
    answers a call without the right credential, or None. `respond` gives the right answer.
    `error(call, status, code, message)` gives the API's body for an error, `code` being one of
    its own or empty, `message` replacing the usual words when not empty.
    `error_event(call, code, sent)` gives the bytes of an error inside a stream of which `sent`
    events have gone out. `garbage` gives an event of a stream whose JSON is none; `broken` one
    whose frame is, where the API frames its streams in more than text. `repeats` says that the
    right answer depends on the method, path and body, and on `version_header` if there is one:
    the same request may then be given the same answer object.
    """

    api: str
    base_path: str
    authenticate: Callable[[Call], Answer | None]
    respond: Callable[[Call], Answer]
    error: Callable[[Call, int, str, str], Answer]
    error_event: Callable[[Call, str, int], bytes]
    garbage: Callable[[Call], bytes] = _garbage
    broken: Callable[[Call], bytes] = _garbage
    repeats: bool = True
    version_header: bytes = b""


class Refused(Exception):  # noqa: N818 - a 4xx is the right answer here, not a failure of ours
    """The provider would refuse this request; carries what its error body says."""

    def __init__(
        self, message: str, status: int = 400, code: str = "", param: str | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.code, self.param = message, status, code, param


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


# NaN and infinities are no JSON (RFC 8259, 6): let in, they would come out again in an answer.
_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)


def read_object(body: bytes, complaint: str) -> dict[str, Any]:
    """The body as a JSON object, or `Refused` with `complaint`."""
    try:
        value = _DECODER.decode(body.decode())
    except (ValueError, RecursionError):
        raise Refused(complaint) from None
    if not isinstance(value, dict):
        raise Refused(complaint)
    return value


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number (which true and false are not)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_count(value: Any, least: int = 1, most: int = 10_000_000) -> bool:
    """Whether a JSON value is a whole number within bounds."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def text_of(content: Any) -> str:
    """The text of a message's content: the string itself, or its text parts joined."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    found = (part.get("text") for part in content if isinstance(part, dict))
    return "".join(text for text in found if isinstance(text, str))
