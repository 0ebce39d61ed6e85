"""Error bodies in the clients' own schemas, so that each SDK raises what it would raise.

OpenAI: ``{"error": {"message", "type", "param", "code"}}``
(platform.openai.com/docs/guides/error-codes). Anthropic:
``{"type": "error", "error": {"type", "message"}}`` (docs.anthropic.com/en/api/errors).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from compiler.plan_llm import Api

INVALID = "invalid_request_error"

_ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    500: "server_error",
    502: "server_error",
    503: "server_error",
    504: "server_error",
}


@dataclass(frozen=True, slots=True)
class ApiError:
    """A refusal: ``message`` may hold Envoy's format operators, ``code`` is OpenAI's alone."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None


def error_body(api: Api, error: ApiError) -> dict[str, Any]:
    """Return the error as the client's API writes it."""
    if api is Api.ANTHROPIC:
        kind = _ANTHROPIC_TYPES.get(error.status, INVALID)
        return {"type": "error", "error": {"type": kind, "message": error.message}}
    return {
        "error": {
            "message": error.message,
            "type": _OPENAI_TYPES.get(error.status, INVALID),
            "param": error.param,
            "code": error.code,
        }
    }


def escaped(text: str) -> str:
    """Write a text that is no format as one: Envoy reads ``%`` as the start of an operator."""
    return text.replace("%", "%%")
