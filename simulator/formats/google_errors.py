"""Google's error bodies: `{"error": {"code", "message", "status", "details"}}`.

Source: the API design guide's error model and `google.rpc.Code`.
"""

from __future__ import annotations

from typing import Any, Final

from simulator.formats.base import Call
from simulator.message import Answer, Headers, encode_json, json_answer

FINISH_REASONS: Final = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "MODEL_ARMOR",
    }
)
"""Codes of outcomes that are no errors: 200, and a candidate that ends so."""

_STATUS: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_NUMBERS: Final = {name: number for number, name in _STATUS.items()}
_WORDS: Final = {
    "INVALID_ARGUMENT": "Request contains an invalid argument.",
    "UNAUTHENTICATED": (
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
        "cookie or other valid authentication credential."
    ),
    "PERMISSION_DENIED": "The caller does not have permission",
    "NOT_FOUND": "Requested entity was not found.",
    "RESOURCE_EXHAUSTED": "Resource has been exhausted (e.g. check quota).",
    "INTERNAL": "An internal error has occurred. Please retry or report it.",
    "UNAVAILABLE": "The model is overloaded. Please try again later.",
    "DEADLINE_EXCEEDED": "Deadline expired before operation could complete.",
}
_CODES: Final = {
    "context_length_exceeded": (
        400,
        "INVALID_ARGUMENT",
        ("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
    ),
    "insufficient_quota": (
        429,
        "RESOURCE_EXHAUSTED",
        (
            "You exceeded your current quota, please check your plan and billing details. For more "
            "information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."
        ),
    ),
}


def error(call: Call, status: int, code: str, message: str, *, listed: bool = False) -> Answer:
    """An error; `code` is a status of Google's or one of the outcomes', `listed` wraps it."""
    body = error_body(status, code, message)
    headers = common_headers(call)
    wait = call.outcome.retry_after
    if body["error"]["code"] == 429:
        delay = "1s" if wait is None else f"{wait:g}s"
        kind = "type.googleapis.com/google.rpc.RetryInfo"
        body["error"]["details"] = [{"@type": kind, "retryDelay": delay}]
    if wait is not None:
        headers += ((b"retry-after", b"%d" % wait),)
    return json_answer(body["error"]["code"], [body] if listed else body, headers)


def error_body(status: int, code: str, message: str) -> dict[str, Any]:
    """The body of an error."""
    if code in _CODES:
        status, name, words = _CODES[code]
        return _body(status, name, message or words)
    usual = "INVALID_ARGUMENT" if status < 500 else "INTERNAL"
    name = code or _STATUS.get(status, usual)
    return _body(status, name, message or _WORDS.get(name, _WORDS[usual]))


def _body(status: int, name: str, message: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": name}}


def wrong_key(call: Call) -> Answer:
    """What AI Studio says to a key that is not one: 400, and the reason in the details."""
    body = error_body(400, "", "API key not valid. Please pass a valid API key.")
    body["error"]["details"] = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"},
        }
    ]
    return json_answer(400, body, common_headers(call))


def error_event(call: Call, code: str, _sent: int) -> bytes:
    """An error inside a stream: by default that the model is overloaded."""
    name = code or "UNAVAILABLE"
    body = encode_json(error_body(_NUMBERS.get(name, 503), name, ""))
    if "alt=sse" in call.request.query.split("&"):
        return b"data: " + body + b"\r\n\r\n"
    return b",\r\n" + body + b"\n]"


def garbage(call: Call) -> bytes:
    """A chunk whose JSON breaks off."""
    if "alt=sse" in call.request.query.split("&"):
        return b'data: {"candidates": [{"content": {"par\r\n\r\n'
    return b',\r\n{"candidates": [{"content": {"par'


def common_headers(call: Call) -> Headers:
    """The headers of every answer."""
    return (
        (b"vary", b"X-Origin, Referer"),
        (b"server-timing", b"gfet4t7; dur=1"),
        (b"x-simulated-by", call.provider.name.encode()),
    )
