"""The OpenAI API: paths, credentials, headers and error bodies.

Source: the OpenAI API reference (chat, completions, responses, embeddings, images, speech,
models, error codes, rate limit headers) and the types of the official SDK.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from simulator.formats import (
    openai_chat,
    openai_embeddings,
    openai_media,
    openai_responses,
    openai_text,
    openai_transcriptions,
)
from simulator.formats.base import Call, Format, Refused
from simulator.formats.credentials import bearer, is_right
from simulator.formats.openai_request import CREATED
from simulator.message import Answer, Headers, encode_json, json_answer

_CATALOGUE = ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "o4-mini", "text-embedding-3-small")
_KEYS_PAGE = "You can find your API key at https://platform.openai.com/account/api-keys."
_LIMITS_PAGE = "Visit https://platform.openai.com/account/rate-limits to learn more."

_POSTS: dict[str, Callable[[Call], Answer]] = {
    "/v1/chat/completions": openai_chat.respond,
    "/v1/completions": openai_text.respond,
    "/v1/embeddings": openai_embeddings.respond,
    "/v1/responses": openai_responses.respond,
    "/v1/responses/input_tokens": openai_responses.count,
    "/v1/images/generations": openai_media.images,
    "/v1/audio/speech": openai_media.speech,
    "/v1/audio/transcriptions": openai_transcriptions.respond,
}
_RATE_LIMITED = {
    "": ("requests per min (RPM): Limit 500, Used 500, Requested 1", "requests"),
    "tokens": ("tokens per min (TPM): Limit 200000, Used 199500, Requested 1500", "tokens"),
}
# The words of each error, with its type and code: (status, code) -> (message, type, code, param)
_ERRORS: dict[tuple[int, str], tuple[str, str, str | None, str | None]] = {
    (400, "context_length_exceeded"): (
        (
            "This model's maximum context length is 128000 tokens. However, your messages resulted "
            "in 250000 tokens. Please reduce the length of the messages."
        ),
        "invalid_request_error",
        "context_length_exceeded",
        "messages",
    ),
    (400, "content_filter"): (
        (
            "The response was filtered due to the prompt triggering the content management "
            "policy. Please modify your prompt and retry."
        ),
        "invalid_request_error",
        "content_filter",
        "prompt",
    ),
    (429, "insufficient_quota"): (
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
        None,
    ),
}
_BY_STATUS = {
    400: ("The request is invalid.", "invalid_request_error", None),
    401: (f"Incorrect API key provided. {_KEYS_PAGE}", "invalid_request_error", "invalid_api_key"),
    403: (
        "You are not allowed to sample from this model.",
        "invalid_request_error",
        "permission_denied",
    ),
    404: (
        "The model does not exist or you do not have access to it.",
        "invalid_request_error",
        "model_not_found",
    ),
    408: ("The request timed out.", "timeout", None),
    413: ("The request is too large.", "invalid_request_error", "request_too_large"),
    500: (
        "The server had an error while processing your request. Sorry about that!",
        "server_error",
        None,
    ),
    502: ("Bad gateway.", "server_error", "bad_gateway"),
    503: (
        "The engine is currently overloaded, please try again later.",
        "server_error",
        "overloaded",
    ),
    504: ("The engine did not answer in time.", "server_error", "timeout"),
}


def authenticate(call: Call) -> Answer | None:
    """401 unless `Authorization: Bearer <key>` is there (with the configured key, if any)."""
    key = bearer(call)
    if key is None:
        message = (
            "You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
        )
        return _refusal(call, 401, message, None, None)
    return None if is_right(call, key) else error(call, 401, "", "")


def respond(call: Call) -> Answer:
    """The answer of an endpoint, with the headers that every answer has."""
    try:
        answer = endpoint(call)
    except Refused as refused:
        return _refusal(call, refused.status, refused.message, refused.code or None, refused.param)
    return replace(answer, headers=answer.headers + _headers(call))


def endpoint(call: Call) -> Answer:
    """The answer of the endpoint that a path below `/v1` names, or `Refused`."""
    method, path = call.request.method, call.path
    if method == "POST" and path in _POSTS:
        return _POSTS[path](call)
    if method == "GET" and path == "/v1/models":
        known = call.provider.models or _CATALOGUE
        return json_answer(200, {"object": "list", "data": [_model(name) for name in known]})
    if method == "GET" and path.startswith("/v1/models/"):
        name = path.removeprefix("/v1/models/")
        if name not in (call.provider.models or _CATALOGUE):
            raise Refused(f"The model '{name}' does not exist", 404, "model_not_found", "model")
        return json_answer(200, _model(name))
    raise Refused(f"Invalid URL ({method} {path})", 404)


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "system"}


def error(call: Call, status: int, code: str, message: str) -> Answer:
    """The body of an error that this API has for a status and one of its codes (or no code)."""
    if status == 429 and code in _RATE_LIMITED:
        what, kind = _RATE_LIMITED[code]
        words = (
            f"Rate limit reached in organization org-simulated on {what}. "
            f"Please try again in 1s. {_LIMITS_PAGE}"
        )
        return _refusal(call, status, message or words, "rate_limit_exceeded", None, kind)
    if (status, code) in _ERRORS:
        words, kind, shown, param = _ERRORS[status, code]
        return _refusal(call, status, message or words, shown, param, kind)
    nearest = _BY_STATUS[400 if status < 500 else 500]
    words, kind, shown = _BY_STATUS.get(status, nearest)
    return _refusal(call, status, message or words, code or shown, None, kind)


def error_event(call: Call, code: str, sent: int) -> bytes:
    """An error inside a stream: a data event that holds an error and no choices."""
    words, kind, shown = _BY_STATUS[500]
    if call.path.endswith("/responses"):
        return openai_responses.error_event(code or kind, words, sent)
    body = {"message": words, "type": code or kind, "param": None, "code": code or shown}
    return b"data: " + encode_json({"error": body}) + b"\n\n"


def _refusal(
    call: Call,
    status: int,
    message: str,
    code: str | None,
    param: str | None,
    kind: str = "invalid_request_error",
) -> Answer:
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    headers = _headers(call)
    if status in (429, 503) and code != "insufficient_quota":
        wait = call.outcome.retry_after
        headers += ((b"retry-after", b"1" if wait is None else b"%d" % wait),)
    return json_answer(status, body, headers)


def _headers(call: Call) -> Headers:
    left = b"0" if call.outcome.status == 429 else b"499"
    return (
        (b"x-request-id", b"req_" + call.digest[:16].hex().encode()),
        (b"openai-organization", b"org-simulated"),
        (b"openai-processing-ms", b"1"),
        (b"openai-version", b"2020-10-01"),
        (b"x-ratelimit-limit-requests", b"500"),
        (b"x-ratelimit-limit-tokens", b"200000"),
        (b"x-ratelimit-remaining-requests", left),
        (b"x-ratelimit-remaining-tokens", b"199000"),
        (b"x-ratelimit-reset-requests", b"120ms"),
        (b"x-ratelimit-reset-tokens", b"300ms"),
        (b"x-simulated-by", call.provider.name.encode()),
    )


OPENAI = Format("openai", "/v1", authenticate, respond, error, error_event)
