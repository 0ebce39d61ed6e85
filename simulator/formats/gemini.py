"""The Gemini API of AI Studio: paths, credentials, errors.

GET  /v1beta/models, /v1beta/models/{model}
POST /v1beta/models/{model}:generateContent, :streamGenerateContent[?alt=sse], :countTokens,
     :embedContent, :batchEmbedContents

All of them at `/v1` too. Source: the API reference and the official SDK.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from simulator.formats import gemini_embed, gemini_generate
from simulator.formats.base import Call, Format, Refused, read_object
from simulator.formats.credentials import is_right, key_in
from simulator.formats.gemini_request import check_contents, count_prompt
from simulator.formats.gemini_shape import COUNT, GENERATE, fits
from simulator.formats.google_errors import (
    FINISH_REASONS,
    common_headers,
    error_event,
    garbage,
    wrong_key,
)
from simulator.formats.google_errors import error as google_error
from simulator.message import Answer, json_answer

UNPARSED: Final = "Invalid JSON payload received. Expected a JSON object."
_CATALOGUE: Final = (
    "gemini-2.5-flash",
    "gemini-2.5-pro",
    "gemini-3-pro-preview",
    "gemini-embedding-001",
)
_MODELS: Final = re.compile(r"/v1(?:beta)?/models(?:/([^/:]+))?(?::([a-zA-Z]+))?")


def authenticate(call: Call) -> Answer | None:
    """403 without a key in `x-goog-api-key` (or `?key=`), 400 with another than the configured."""
    key = key_in(call, b"x-goog-api-key")
    if key is None:
        asked = parse_qs(call.request.query).get("key", [""])[0]
        key = asked.encode() or None
    if key is None:
        return google_error(
            call,
            403,
            "",
            "Method doesn't allow unregistered callers (callers without established identity). "
            "Please use API Key or other form of API consumer identity to call this API.",
        )
    return None if is_right(call, key) else wrong_key(call)


def respond(call: Call) -> Answer:
    """The answer of a method, with the headers that every answer has."""
    try:
        answer = _method(call)
    except Refused as refused:
        return error(call, refused.status, refused.code, refused.message)
    return replace(answer, headers=answer.headers + common_headers(call))


def _method(call: Call) -> Answer:
    found = _MODELS.fullmatch(call.path)
    if found is None:
        raise Refused("Requested entity was not found.", 404)
    model, verb = unquote(found[1] or ""), found[2]
    known = call.provider.models or _CATALOGUE
    if call.request.method == "GET" and verb is None:
        if not model:
            return json_answer(200, {"models": [_model(name) for name in known]})
        if model not in known:
            raise Refused(f"Model is not found: models/{model}", 404)
        return json_answer(200, _model(model))
    if call.request.method != "POST" or not model or verb is None:
        raise Refused("Requested entity was not found.", 404)
    if call.provider.models and model not in call.provider.models:
        raise Refused(f"models/{model} is not found for API version v1beta", 404)
    body = read_object(call.request.body, UNPARSED)
    match verb:
        case "generateContent" | "streamGenerateContent":
            fits(body, GENERATE)
            check_contents(body, model, vertex=False)
            stream = verb == "streamGenerateContent"
            return gemini_generate.respond(call, model, body, stream=stream, vertex=False)
        case "countTokens":
            return _count(body, model)
        case "embedContent":
            return gemini_embed.embed(call, model, body, vertex=False)
        case "batchEmbedContents":
            return gemini_embed.embed_batch(call, model, body, vertex=False)
    raise Refused("Requested entity was not found.", 404)


def _count(body: dict[str, Any], model: str) -> Answer:
    fits(body, COUNT)
    asked = body.get("generateContentRequest")
    if asked is not None and body.get("contents"):
        raise Refused("Only one of contents and generate_content_request may be set.")
    if asked is not None and (asked.get("model") or "").removeprefix("models/") != model:
        raise Refused("* CountTokensRequest.generate_content_request.model: must be the path's")
    counted = body if asked is None else asked
    check_contents(counted, model, vertex=False)
    total = count_prompt(counted)
    details = [{"modality": "TEXT", "tokenCount": total}]
    return json_answer(200, {"totalTokens": total, "promptTokensDetails": details})


def _model(name: str) -> dict[str, Any]:
    methods = ["generateContent", "countTokens"]
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name.replace("-", " ").title(),
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["embedContent"] if "embedding" in name else methods,
    }


def error(call: Call, status: int, code: str, message: str) -> Answer:
    """An error, or 200 without content where a filter is what the outcome asks for."""
    found = _MODELS.fullmatch(call.path)
    if code == "content_filter" or code in FINISH_REASONS:
        model = unquote(found[1] or "") if found else ""
        stream = bool(found) and call.path.endswith(":streamGenerateContent")
        answer = gemini_generate.blocked(call, model, code, stream=stream, vertex=False)
        return replace(answer, headers=answer.headers + common_headers(call))
    return google_error(call, status, code, message)


GEMINI: Final = Format("gemini", "", authenticate, respond, error, error_event, garbage, garbage)
