"""The Cohere API, version 2: paths, credentials, embeddings and error bodies.

Source: the API reference (chat, embed, models, errors) and the types of the official SDK.
"""

from __future__ import annotations

import base64
from array import array
from dataclasses import replace
from typing import Any

from simulator import tokens
from simulator.formats import cohere_chat, openai_embeddings
from simulator.formats.base import Call, Format, Refused, is_count
from simulator.formats.cohere_request import check_embedding
from simulator.formats.credentials import bearer, is_right
from simulator.message import Answer, Headers, Usage, json_answer

_CATALOGUE = ("command-a-03-2025", "command-a-reasoning-08-2025", "embed-v4.0")
_DIMENSIONS = (256, 512, 1024, 1536)
_WORDS = {
    400: "invalid request",
    401: "invalid api token",
    402: "Please add or update your payment method to continue.",
    403: "you do not have permission to use this resource",
    404: "resource not found",
    429: "You are past the per minute request limit, please wait and try again later.",
    499: "request cancelled",
    500: "internal server error, this has been reported to our developers.",
    501: "not implemented",
    503: "the service is unavailable, please try again later.",
    504: "the request timed out.",
}
_CODES = {
    "context_length_exceeded": (
        400,
        (
            "too many tokens: total number of tokens in the prompt cannot exceed 128000 - "
            "received 250000. Try using a shorter prompt."
        ),
    ),
    "content_filter": (400, "the request was blocked by the content safety policy"),
    "insufficient_quota": (402, _WORDS[402]),
}


def authenticate(call: Call) -> Answer | None:
    """401 unless `Authorization: Bearer <key>` is there (with the configured key, if any)."""
    key = bearer(call)
    if key is None:
        return error(call, 401, "", "no api key supplied")
    return None if is_right(call, key) else error(call, 401, "", "")


def respond(call: Call) -> Answer:
    """The answer of an endpoint, with the headers that every answer has."""
    try:
        answer = _endpoint(call)
    except Refused as refused:
        return error(call, refused.status, "", refused.message)
    return replace(answer, headers=answer.headers + _headers(call))


def _endpoint(call: Call) -> Answer:
    known = call.provider.models or _CATALOGUE
    match call.request.method, call.path:
        case "POST", "/v2/chat":
            return cohere_chat.respond(call)
        case "POST", "/v2/embed":
            return _embed(call)
        case "GET", "/v1/models":
            return json_answer(200, {"models": [_model(name) for name in known]})
        case "GET", path if path.removeprefix("/v1/models/") in known:
            return json_answer(200, _model(path.removeprefix("/v1/models/")))
    raise Refused("resource not found", 404)


def _model(name: str) -> dict[str, Any]:
    endpoints = ["embed"] if name.startswith("embed") else ["chat"]
    return {"name": name, "endpoints": endpoints, "finetuned": False, "context_length": 256_000}


def _embed(call: Call) -> Answer:
    body, texts = check_embedding(call)
    size = body.get("output_dimension") or max(_DIMENSIONS)
    if not is_count(size) or size not in _DIMENSIONS:
        raise Refused(f"invalid request: output_dimension must be one of {_DIMENSIONS}")
    spent = sum(tokens.count_prompt(text) for text in texts)
    name = f"{call.provider.name}/{body['model']}"
    vectors = [openai_embeddings.vector(f"{name}/{text}", size) for text in texts]
    shown = {
        kind: [_as(kind, one) for one in vectors]
        for kind in body.get("embedding_types") or ["float"]
    }
    value = {
        "id": call.digest[:16].hex(),
        "embeddings": shown,
        "texts": texts,
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": spent}},
        "response_type": "embeddings_by_type",
    }
    return json_answer(200, value, (), Usage(input_tokens=spent), body["model"])


def _as(kind: str, vector: array[float]) -> Any:
    match kind:
        case "float":
            return vector.tolist()
        case "int8":
            most = max(map(abs, vector)) or 1.0
            return [round(127 * value / most) for value in vector]
        case "base64":
            return base64.b64encode(vector.tobytes()).decode()
    raise Refused(f"embedding type {kind} is not simulated: float, int8, base64")


def error(call: Call, status: int, code: str, message: str) -> Answer:
    """The body of an error that this API has for a status and one of its codes (or no code)."""
    words = _WORDS.get(status, _WORDS[400 if status < 500 else 500])
    if code in _CODES:
        status, words = _CODES[code]
    headers = _headers(call)
    if status == 429:
        wait = call.outcome.retry_after
        headers += ((b"retry-after", b"1" if wait is None else b"%d" % wait),)
    body = {"id": call.digest[:16].hex(), "message": message or words}
    return json_answer(status, body, headers)


def error_event(_call: Call, code: str, _sent: int) -> bytes:
    """An error inside a stream: its end, with the reason `ERROR`."""
    return cohere_chat.error_event(code or _WORDS[500])


def _headers(call: Call) -> Headers:
    left = b"0" if call.outcome.status == 429 else b"499"
    return (
        (b"x-debug-trace-id", call.digest[:16].hex().encode()),
        (b"x-endpoint-monthly-call-limit", b"1000"),
        (b"x-trial-endpoint-call-limit", b"500"),
        (b"x-trial-endpoint-call-remaining", left),
        (b"x-simulated-by", call.provider.name.encode()),
    )


COHERE = Format(
    "cohere",
    "",
    authenticate,
    respond,
    error,
    error_event,
    cohere_chat.garbage,
    cohere_chat.garbage,
)
