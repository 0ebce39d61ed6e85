"""The Anthropic API: paths, credentials, headers and error bodies.

Source: the Anthropic API reference (messages, token counting, models, errors, rate limits) and
the types of the official SDK.
"""

from __future__ import annotations

from dataclasses import replace

from simulator.formats import anthropic_messages
from simulator.formats.base import Call, Format, Refused
from simulator.formats.credentials import bearer, is_right, key_in
from simulator.message import Answer, Headers, encode_json, json_answer

_CATALOGUE = ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5")
_RESET = b"2026-01-01T00:01:00Z"
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_WORDS = {
    "invalid_request_error": "The request is invalid.",
    "authentication_error": "invalid x-api-key",
    "billing_error": "There is a problem with your billing information.",
    "permission_error": "Your API key does not have permission to use the specified resource.",
    "not_found_error": "Not found",
    "conflict_error": "The request conflicts with another one.",
    "request_too_large": "Request exceeds the maximum size",
    "rate_limit_error": (
        "This request would exceed the rate limit for your organization of 50 requests per minute."
    ),
    "api_error": "Internal server error",
    "timeout_error": "The request timed out while processing.",
    "overloaded_error": "Overloaded",
}
# What the codes of other APIs are here: code -> (status, type, message)
_CODES = {
    "context_length_exceeded": (
        400,
        "invalid_request_error",
        "prompt is too long: 250000 tokens > 200000 maximum",
    ),
    "content_filter": (400, "invalid_request_error", "Output blocked by content filtering policy"),
    "insufficient_quota": (
        400,
        "invalid_request_error",
        (
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & "
            "Billing to upgrade or purchase credits."
        ),
    ),
}


def authenticate(call: Call) -> Answer | None:
    """401 unless `x-api-key`, or `authorization: Bearer`, holds a key (the configured one)."""
    key = key_in(call, b"x-api-key") or bearer(call)
    if key is None:
        return _refusal(call, 401, "authentication_error", "x-api-key header is required")
    return None if is_right(call, key) else error(call, 401, "", "")


def respond(call: Call) -> Answer:
    """The answer of an endpoint, with the headers that every answer has."""
    try:
        answer = _endpoint(call)
    except Refused as refused:
        return error(call, refused.status, refused.code, refused.message)
    return replace(answer, headers=answer.headers + _headers(call))


def _endpoint(call: Call) -> Answer:
    if not call.path.startswith("/v1/"):
        raise Refused("Not found", 404)
    if not call.request.header(b"anthropic-version"):
        raise Refused("anthropic-version: header is required")
    known = call.provider.models or _CATALOGUE
    match call.request.method, call.path:
        case "POST", "/v1/messages":
            return anthropic_messages.respond(call)
        case "POST", "/v1/messages/count_tokens":
            return anthropic_messages.count(call)
        case "GET", "/v1/models":
            return json_answer(
                200,
                {
                    "data": [_model(name) for name in known],
                    "has_more": False,
                    "first_id": known[0],
                    "last_id": known[-1],
                },
            )
        case "GET", path if path.startswith("/v1/models/"):
            name = path.removeprefix("/v1/models/")
            if name not in known:
                raise Refused(f"model: {name}", 404)
            return json_answer(200, _model(name))
        case _, "/v1/messages" | "/v1/messages/count_tokens" | "/v1/models":
            raise Refused("Method Not Allowed", 405)
    raise Refused("Not found", 404)


def _model(name: str) -> dict[str, object]:
    lines = ("haiku", "sonnet", "opus")
    return {
        "type": "model",
        "id": name,
        "display_name": name.replace("-", " ").title(),
        "created_at": "2025-01-01T00:00:00Z",
        "lifecycle": "active",
        "line": next((line for line in lines if line in name), None),
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
    }


def error(call: Call, status: int, code: str, message: str) -> Answer:
    """The body of an error that this API has for a status and one of its codes (or no code)."""
    if code in _CODES:
        status, kind, words = _CODES[code]
        return _refusal(call, status, kind, message or words)
    usual = "invalid_request_error" if status < 500 else "api_error"
    kind = code or _TYPES.get(status, usual)
    return _refusal(call, status, kind, message or _WORDS.get(kind, _WORDS[usual]))


def garbage(_call: Call) -> bytes:
    """An event whose data is no JSON."""
    return b'event: content_block_delta\ndata: {"type": "content_block_del\n\n'


def error_event(call: Call, code: str, _sent: int) -> bytes:
    """An error inside a stream: an `error` event, by default that the service is overloaded."""
    kind = code or "overloaded_error"
    body = _error_body(call, kind, _WORDS.get(kind, _WORDS["api_error"]))
    return b"event: error\ndata: " + encode_json(body) + b"\n\n"


def _error_body(call: Call, kind: str, message: str) -> dict[str, object]:
    request_id = _request_id(call).decode()
    return {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": request_id,
    }


def _refusal(call: Call, status: int, kind: str, message: str) -> Answer:
    headers = _headers(call)
    if status == 429:
        wait = call.outcome.retry_after
        headers += ((b"retry-after", b"1" if wait is None else b"%d" % wait),)
    if status in (429, 529) or status >= 500:
        headers += ((b"x-should-retry", b"true"),)
    return json_answer(status, _error_body(call, kind, message), headers)


def _request_id(call: Call) -> bytes:
    return b"req_011" + call.digest[:11].hex().encode()


def _headers(call: Call) -> Headers:
    left = b"0" if call.outcome.status == 429 else b"49"
    return (
        (b"request-id", _request_id(call)),
        (b"anthropic-organization-id", b"00000000-0000-4000-8000-000000000000"),
        (b"anthropic-ratelimit-requests-limit", b"50"),
        (b"anthropic-ratelimit-requests-remaining", left),
        (b"anthropic-ratelimit-requests-reset", _RESET),
        (b"anthropic-ratelimit-input-tokens-limit", b"50000"),
        (b"anthropic-ratelimit-input-tokens-remaining", b"49000"),
        (b"anthropic-ratelimit-input-tokens-reset", _RESET),
        (b"anthropic-ratelimit-output-tokens-limit", b"10000"),
        (b"anthropic-ratelimit-output-tokens-remaining", b"9000"),
        (b"anthropic-ratelimit-output-tokens-reset", _RESET),
        (b"x-simulated-by", call.provider.name.encode()),
    )


ANTHROPIC = Format(
    "anthropic",
    "",
    authenticate,
    respond,
    error,
    error_event,
    garbage,
    garbage,
    version_header=b"anthropic-version",
)
