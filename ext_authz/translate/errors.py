"""Failures between APIs: what a provider's error means, and how the client's API says it.

A `Failure` is one of a closed set of kinds. `classify` in `provider_errors` finds the kind of a
provider's error, the tables here say what each client API calls it. Sources:
platform.openai.com/docs/guides/error-codes and docs.anthropic.com/en/api/errors.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

Kind = Literal[
    "invalid",
    "context_exceeded",
    "content_filter",
    "authentication",
    "billing",
    "permission",
    "not_found",
    "too_large",
    "rate_limited",
    "server",
    "overloaded",
    "timeout",
    "cut",
]
"""What went wrong. `cut`: the answer ended before it was whole. The kinds `rate_limited`,
`overloaded`, `timeout`, `context_exceeded`, `content_filter` and `server` are triggers of
fallback of the same names."""


class Failure(msgspec.Struct, frozen=True):
    """Why a request has no answer, or no whole one.

    `status` is the HTTP status for the client, `message` the provider's own words where it had
    any, `code` a machine-readable code of OpenAI's error schema.
    """

    kind: Kind
    message: str
    status: int = 0
    code: str | None = None
    param: str | None = None


class RefusedError(Exception):
    """A client's request that cannot be served; becomes a 400 in the client's own schema."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.failure = Failure("invalid", message, 400, code, param)


class UnsupportedError(RefusedError):
    """A request for something that the provider's API has no words for."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message, param=param, code="unsupported_parameter")


class TooLongError(RefusedError):
    """A prompt of which even what is never dropped does not fit the model's window, in tokens."""

    def __init__(self, least: int, room: int) -> None:
        message = f"The prompt is too long: {least} tokens > {room} maximum, about"
        super().__init__(message)
        self.failure = Failure("context_exceeded", message, 400)


# kind: status, OpenAI's type, OpenAI's code, Anthropic's type
_TABLE: Final[dict[Kind, tuple[int, str, str | None, str]]] = {
    "invalid": (400, "invalid_request_error", None, "invalid_request_error"),
    "context_exceeded": (
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "invalid_request_error",
    ),
    "content_filter": (400, "invalid_request_error", "content_filter", "invalid_request_error"),
    "authentication": (401, "authentication_error", "invalid_api_key", "authentication_error"),
    "billing": (429, "insufficient_quota", "insufficient_quota", "billing_error"),
    "permission": (403, "permission_error", None, "permission_error"),
    "not_found": (404, "not_found_error", "model_not_found", "not_found_error"),
    "too_large": (413, "invalid_request_error", "request_too_large", "request_too_large"),
    "rate_limited": (429, "rate_limit_error", "rate_limit_exceeded", "rate_limit_error"),
    "server": (500, "server_error", None, "api_error"),
    "overloaded": (503, "server_error", "overloaded", "overloaded_error"),
    "timeout": (504, "server_error", "timeout", "timeout_error"),
    "cut": (502, "server_error", "upstream_incomplete", "api_error"),
}
_ANTHROPIC_BILLING: Final = 402


def openai_status(failure: Failure) -> int:
    """The HTTP status that an OpenAI client gets."""
    return failure.status or _TABLE[failure.kind][0]


def openai_error(failure: Failure) -> dict[str, Any]:
    """The error object of OpenAI's APIs: `message`, `type`, `param` and `code`."""
    _, kind, code, _ = _TABLE[failure.kind]
    return {
        "message": failure.message,
        "type": kind,
        "param": failure.param,
        "code": failure.code or code,
    }


def anthropic_status(failure: Failure) -> int:
    """The HTTP status that an Anthropic client gets."""
    if failure.kind == "billing":
        return _ANTHROPIC_BILLING
    return failure.status or _TABLE[failure.kind][0]


def anthropic_error(failure: Failure) -> dict[str, Any]:
    """The error object of Anthropic's API: `type` and `message`."""
    return {"type": _TABLE[failure.kind][3], "message": failure.message}
