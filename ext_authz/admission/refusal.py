"""Refusals in the clients' own schemas, so that each SDK raises what it would raise.

OpenAI: ``{"error": {"message", "type", "param", "code"}}``
(platform.openai.com/docs/guides/error-codes). Anthropic:
``{"type": "error", "error": {"type", "message"}}`` (docs.anthropic.com/en/api/errors). All others
get problem details (RFC 9457).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"

_TITLES: Final = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
    503: "Service Unavailable",
}
_ANTHROPIC: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}
_OPENAI: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
    503: "server_error",
}

QUOTA: Final = "insufficient_quota"
PATIENCE: Final = 60
"""Seconds above which a client's own retries would be of no use."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes no further: ``code`` is OpenAI's. ``retry_after`` is in seconds."""

    status: int
    message: str
    code: str
    param: str | None = None
    retry_after: int | None = None


NO_KEY = Refusal(
    401, "No API key was sent; send it as `Authorization: Bearer gw_...`", "invalid_api_key"
)
BAD_KEY = Refusal(401, "The API key or token that was sent is not valid here", "invalid_api_key")
NO_CREDENTIAL = Refusal(
    401, "There is no token or certificate that this gateway knows", "invalid_api_key"
)
NOT_FROM_HERE = Refusal(403, "This key may not be used from this address", "address_not_allowed")
NOT_THIS_ROUTE = Refusal(403, "You may not come here", "forbidden")
NOT_READY = Refusal(
    503,
    "Who is asking cannot be checked at the moment; nothing is wrong with the request",
    "unavailable",
    retry_after=1,
)
NOT_COUNTED = Refusal(
    503,
    "Limits cannot be checked at the moment; nothing is wrong with the request",
    "unavailable",
    retry_after=1,
)
NO_SUCH_ENTRY = Refusal(404, "There is no such model", "model_not_found", "model")


def no_such_model(name: str) -> Refusal:
    """A model that is not there, as far as whoever asks may know."""
    return Refusal(404, f"The model `{name}` does not exist", "model_not_found", "model")


def over(owner: str, text: str, *, budget: bool, retry_ms: int) -> Refusal:
    """A limit that has nothing left: which one of whom, and when to come back."""
    seconds = max(-(-retry_ms // 1000), 1) if retry_ms else None
    again = f"; try again in {_spelled(seconds)}" if seconds is not None else ""
    if budget:
        message = f"The budget of {owner} ({text}) is used up{again}"
        return Refusal(429, message, QUOTA, retry_after=seconds)
    return Refusal(
        429, f"{owner} is limited to {text}{again}", "rate_limit_exceeded", retry_after=seconds
    )


def body_of(refusal: Refusal, api: str) -> tuple[str, bytes]:
    """Give the content type and the body in the schema of ``openai``, ``anthropic`` or neither."""
    if not api:
        problem = {
            "type": "about:blank",
            "title": _TITLES[refusal.status],
            "status": refusal.status,
            "detail": refusal.message,
            "code": refusal.code,
        }
        return PROBLEM, msgspec.json.encode(problem)
    error: dict[str, Any]
    if api == "anthropic":
        error = {"type": _ANTHROPIC[refusal.status], "message": refusal.message}
        return JSON, msgspec.json.encode({"type": "error", "error": error})
    kind = QUOTA if refusal.code == QUOTA else _OPENAI[refusal.status]
    error = {
        "message": refusal.message,
        "type": kind,
        "param": refusal.param,
        "code": refusal.code,
    }
    return JSON, msgspec.json.encode({"error": error})


def headers_of(refusal: Refusal) -> list[tuple[str, str]]:
    """Give the headers that go with it: when to come back, and whether to try at all."""
    headers = []
    if refusal.retry_after is not None:
        headers.append(("retry-after", str(refusal.retry_after)))
    if refusal.status == 429:
        worth = refusal.retry_after is not None and refusal.retry_after <= PATIENCE
        if refusal.code == QUOTA or not worth:
            headers.append(("x-should-retry", "false"))
    if refusal.status == 401:
        headers.append(("www-authenticate", "Bearer"))
    return headers


def _spelled(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7_200:
        return f"{-(-seconds // 60)} min"
    if seconds < 172_800:
        return f"{-(-seconds // 3_600)} h"
    return f"{-(-seconds // 86_400)} days"
