"""What the beginning of a stream says, in the client's API: whether an answer has really begun.

Events that only announce are waited through. The first that says anything, or that nobody here
knows, opens; an error, an end without anything, and a refusal by the provider's filter fail.
Sources: the schemas `chat.completion.chunk` and `text_completion`, the events of Anthropic's
Messages and of OpenAI's Responses.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from ext_authz.translate.errors import Failure
from ext_authz.translate.framing.frame import Frame, FramingError
from ext_authz.translate.framing.sse import SseDecoder
from ext_authz.translate.provider_errors import failure_of
from ext_authz.translate.providers.reader import CUT, read_object

Verdict = Literal["wait", "open"] | Failure

MOST: Final = 256 << 10
"""Bytes of announcements that are waited through: Envoy holds them all the while."""

FILTERED: Final = Failure(
    "content_filter", "The provider's filter refused to answer before anything was said"
)
_UNREADABLE: Final = Failure("server", "The provider's stream cannot be read", 502)
_EMPTY: Final = Failure("cut", "The provider's stream ended before anything was said")
_ANNOUNCING: Final = frozenset(
    {
        "ping",
        "message_start",
        "content_block_stop",
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.content_part.added",
        "response.reasoning_summary_part.added",
    }
)
_SILENT_BLOCKS: Final = frozenset({"text", "thinking"})
_SILENT_ITEMS: Final = frozenset({"message", "reasoning"})


class Opening:
    """Reads one stream up to its verdict: `feed` each piece, `end` where none came before."""

    def __init__(self) -> None:
        self._decoder = SseDecoder(MOST)
        self._seen = 0

    def feed(self, piece: bytes) -> Verdict:
        """Take a piece of the stream, cut anywhere."""
        self._seen += len(piece)
        try:
            verdict = _first(self._decoder.feed(piece))
        except FramingError:
            return "open"
        return "open" if verdict == "wait" and self._seen > MOST else verdict

    def end(self) -> Verdict:
        """Take the end of the stream."""
        try:
            verdict = _first(self._decoder.end())
        except FramingError:
            return CUT
        return _EMPTY if verdict == "wait" else verdict


def _first(frames: list[Frame]) -> Verdict:
    for frame in frames:
        verdict = _of_frame(frame)
        if verdict != "wait":
            return verdict
    return "wait"


def _of_frame(frame: Frame) -> Verdict:
    data = frame.data
    if not data.strip():
        return "wait"
    if data == b"[DONE]":
        return _EMPTY
    fields = read_object(data)
    if fields is None:
        return _UNREADABLE
    kind = fields.get("type")
    if kind == "error" or frame.event == "error" or fields.get("error"):
        return failure_of(0, fields)
    if fields.get("object") == "error":
        return failure_of(0, fields)
    choices = fields.get("choices")
    if isinstance(choices, list):
        return _of_choices(choices)
    return _of_event(kind, fields) if isinstance(kind, str) else "open"


def _of_choices(choices: list[Any]) -> Verdict:
    filtered = False
    for choice in choices:
        if not isinstance(choice, dict):
            return "open"
        delta = choice.get("delta")
        if choice.get("text") or (isinstance(delta, dict) and _says(delta)):
            return "open"
        reason = choice.get("finish_reason")
        if reason == "content_filter":
            filtered = True
        elif reason:
            return "open"
    return FILTERED if filtered else "wait"


def _says(delta: dict[str, Any]) -> bool:
    return any(value and name != "role" for name, value in delta.items())


def _of_event(kind: str, fields: dict[str, Any]) -> Verdict:
    if kind in _ANNOUNCING:
        return "wait"
    if kind == "content_block_start":
        return _silent(fields.get("content_block"), _SILENT_BLOCKS, ("text", "thinking"))
    if kind == "content_block_delta":
        delta = fields.get("delta")
        says = not isinstance(delta, dict) or any(v for k, v in delta.items() if k != "type")
        return "open" if says else "wait"
    if kind == "message_delta":
        delta = fields.get("delta")
        reason = delta.get("stop_reason") if isinstance(delta, dict) else None
        return FILTERED if reason == "refusal" else "open"
    if kind == "message_stop":
        return _EMPTY
    if kind == "response.output_item.added":
        return _silent(fields.get("item"), _SILENT_ITEMS, ("content", "summary"))
    if kind in ("response.failed", "response.incomplete"):
        return _of_response(kind, fields.get("response"))
    if kind.endswith(".delta") and fields.get("delta") == "":
        return "wait"
    return "open"


def _silent(held: Any, kinds: frozenset[str], members: tuple[str, ...]) -> Verdict:
    """Wait through the start of what holds text later; a call of a tool says its name at once."""
    if not isinstance(held, dict) or held.get("type") not in kinds:
        return "open"
    return "open" if any(held.get(member) for member in members) else "wait"


def _of_response(kind: str, response: Any) -> Verdict:
    fields = response if isinstance(response, dict) else {}
    if kind == "response.failed":
        return failure_of(0, {"error": fields.get("error")})
    details = fields.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    return FILTERED if reason == "content_filter" else "open"
