"""The Mistral API: paths, credentials and error bodies.

Source: the API reference (chat, embeddings, models), the types of the official SDK, and the error
bodies that the service answers: 422 for what is not of the schema, numbered codes for the rest.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simulator import tokens
from simulator.formats import mistral_chat, openai_embeddings
from simulator.formats.base import Call, Format, Refused, is_count
from simulator.formats.credentials import bearer, is_right
from simulator.formats.mistral_request import Invalid, check_embedding, wrong
from simulator.formats.openai_request import CREATED
from simulator.message import Answer, Headers, Usage, encode_json, json_answer

_CATALOGUE = ("mistral-large-latest", "mistral-small-latest", "mistral-embed")
_DIMENSIONS = 1024
# type -> (message, code)
_WORDS: dict[str, tuple[str, str | None]] = {
    "invalid_request_error": ("The request is invalid.", None),
    "invalid_model": ("Invalid model", "1500"),
    "invalid_function_call": ("Invalid function call", "3280"),
    "invalid_request_message_order": ("Invalid order of messages", "3230"),
    "invalid_request_prompt": (
        (
            "Prompt contains 250000 tokens and 0 draft tokens, too large for model with 131072 "
            "maximum context length"
        ),
        "3051",
    ),
    "guardrail_violation": ("The request was blocked by a guardrail.", "1903"),
    "rate_limited": ("Rate limit exceeded", "1300"),
    "billing_error": ("You have reached the spending limit of your workspace.", "1200"),
    "internal_server_error": ("Internal server error", "3000"),
    "unreachable_backend": ("Service unavailable.", "1100"),
    "not_found": ("No route matched with those values", None),
}
_TYPES = {404: "not_found", 429: "rate_limited", 500: "internal_server_error"}
_CODES = {
    "context_length_exceeded": (400, "invalid_request_prompt"),
    "content_filter": (403, "guardrail_violation"),
    "insufficient_quota": (402, "billing_error"),
}


def authenticate(call: Call) -> Answer | None:
    """401 unless `Authorization: Bearer <key>` is there (with the configured key, if any)."""
    key = bearer(call)
    return None if key is not None and is_right(call, key) else error(call, 401, "", "")


def respond(call: Call) -> Answer:
    """The answer of an endpoint, with the headers that every answer has."""
    try:
        answer = _endpoint(call)
    except Refused as refused:
        return error(call, refused.status, refused.code, refused.message)
    except Invalid as invalid:
        return _refusal(call, 422, "invalid_request_error", {"detail": invalid.detail}, None)
    return replace(answer, headers=answer.headers + _headers(call))


def _endpoint(call: Call) -> Answer:
    match call.request.method, call.path:
        case "POST", "/v1/chat/completions":
            return mistral_chat.respond(call)
        case "POST", "/v1/embeddings":
            return _embeddings(call)
        case "GET", "/v1/models":
            known = call.provider.models or _CATALOGUE
            return json_answer(200, {"object": "list", "data": [_model(name) for name in known]})
    raise Refused("no Route matched with those values", 404)


def _model(name: str) -> dict[str, Any]:
    capabilities = {"completion_chat": "embed" not in name, "function_calling": True}
    return {
        "id": name,
        "object": "model",
        "created": CREATED,
        "owned_by": "mistralai",
        "capabilities": capabilities,
        "max_context_length": 131_072,
        "type": "base",
    }


def _embeddings(call: Call) -> Answer:
    body = mistral_chat.read_body(call)
    texts = check_embedding(body)
    size = body.get("output_dimension") or _DIMENSIONS
    if not is_count(size, 1, 3072):
        raise wrong("int_type", "Input should be a valid integer", size, "output_dimension")
    spent = sum(tokens.count_prompt(text) for text in texts)
    data = []
    for index, text in enumerate(texts):
        vector = openai_embeddings.vector(f"{call.provider.name}/{body['model']}/{text}", size)
        data.append({"object": "embedding", "index": index, "embedding": vector.tolist()})
    usage = Usage(input_tokens=spent)
    value = {
        "id": call.digest[:16].hex(),
        "object": "list",
        "data": data,
        "model": body["model"],
        "usage": mistral_chat.usage_json(usage),
    }
    return json_answer(200, value, (), usage, body["model"])


def error(call: Call, status: int, code: str, message: str) -> Answer:
    """The body of an error that this API has for a status and one of its codes (or no code)."""
    if status == 401:
        return json_answer(401, {"detail": message or "Unauthorized"}, _headers(call))
    if code in _CODES:
        status, code = _CODES[code]
    usual = "invalid_request_error" if status < 500 else "unreachable_backend"
    kind = code or _TYPES.get(status, usual)
    words, number = _WORDS.get(kind, _WORDS[usual])
    return _refusal(call, status, kind, message or words, number)


def error_event(_call: Call, code: str, _sent: int) -> bytes:
    """An error inside a stream: a data event that holds the body of an error."""
    kind = code or "internal_server_error"
    words, number = _WORDS.get(kind, _WORDS["internal_server_error"])
    return b"data: " + encode_json(_error_body(500, kind, words, number)) + b"\n\n"


def _error_body(status: int, kind: str, message: Any, code: str | None) -> dict[str, Any]:
    told = {"object": "error", "message": message, "type": kind, "param": None, "code": code}
    return {**told, "raw_status_code": status}


def _refusal(call: Call, status: int, kind: str, message: Any, code: str | None) -> Answer:
    headers = _headers(call)
    if status == 429:
        wait = call.outcome.retry_after
        headers += ((b"retry-after", b"1" if wait is None else b"%d" % wait),)
    return json_answer(status, _error_body(status, kind, message, code), headers)


def _headers(call: Call) -> Headers:
    left = b"0" if call.outcome.status == 429 else b"59"
    return (
        (b"mistral-correlation-id", call.digest[:16].hex().encode()),
        (b"x-ratelimit-limit-req-minute", b"60"),
        (b"x-ratelimit-remaining-req-minute", left),
        (b"x-ratelimit-limit-tokens-minute", b"500000"),
        (b"x-ratelimit-remaining-tokens-minute", b"499000"),
        (b"x-simulated-by", call.provider.name.encode()),
    )


MISTRAL = Format("mistral", "", authenticate, respond, error, error_event)
