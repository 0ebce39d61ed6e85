"""Vertex AI: Gemini and Claude below a project and a location.

POST /v1/projects/{p}/locations/{l}/publishers/google/models/{m}:generateContent,
     :streamGenerateContent[?alt=sse], :countTokens, :predict, :embedContent,
     :batchEmbedContents
POST /v1/projects/{p}/locations/{l}/publishers/anthropic/models/{m}:rawPredict, :streamRawPredict,
     .../models/count-tokens:rawPredict

At `/v1beta1` too. Source: the API reference, and the official SDKs of Google and Anthropic.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from simulator.formats import (
    anthropic,
    anthropic_messages,
    anthropic_request,
    gemini_embed,
    gemini_generate,
)
from simulator.formats.base import Call, Format, Refused, read_object
from simulator.formats.credentials import bearer, is_right
from simulator.formats.gemini import UNPARSED
from simulator.formats.gemini_request import check_contents, count_prompt
from simulator.formats.gemini_shape import COUNT_ON_VERTEX, GENERATE_ON_VERTEX, fits
from simulator.formats.google_errors import FINISH_REASONS, common_headers
from simulator.formats.google_errors import error as google_error
from simulator.formats.google_errors import error_event as google_event
from simulator.formats.google_errors import garbage as google_garbage
from simulator.message import Answer, json_answer

_PATH: Final = re.compile(
    r"/v1(?:beta1)?/projects/[^/]+/locations/[^/]+/publishers/(google|anthropic)"
    r"/models/([^/:]+):([a-zA-Z]+)"
)
# The second is what the official SDK (2.12) puts into the body.
_VERSIONS: Final = ("vertex-2023-10-16", "2026-10-21")


def authenticate(call: Call) -> Answer | None:
    """401 unless `authorization: Bearer` holds a token (the configured one)."""
    token = bearer(call)
    if token is None or not is_right(call, token):
        return google_error(call, 401, "", "")
    return None


def respond(call: Call) -> Answer:
    """The answer of a method, with the headers that every answer has."""
    try:
        answer = _method(call)
    except Refused as refused:
        return _refusal(call, refused)
    return replace(answer, headers=answer.headers + common_headers(call))


def _method(call: Call) -> Answer:
    found = _PATH.fullmatch(call.path)
    if found is None or call.request.method != "POST":
        raise Refused("Requested entity was not found.", 404)
    publisher, model, verb = found[1], unquote(found[2]), found[3]
    if call.provider.models and model not in (*call.provider.models, "count-tokens"):
        raise Refused(f"Publisher Model `{model}` was not found or is not available.", 404)
    if publisher == "anthropic":
        if verb not in ("rawPredict", "streamRawPredict"):
            raise Refused("Requested entity was not found.", 404)
        return _claude(call, model, streams=verb == "streamRawPredict")
    body = read_object(call.request.body, UNPARSED)
    match verb:
        case "generateContent" | "streamGenerateContent":
            fits(body, GENERATE_ON_VERTEX)
            check_contents(body, model, vertex=True)
            stream = verb == "streamGenerateContent"
            return gemini_generate.respond(call, model, body, stream=stream, vertex=True)
        case "countTokens":
            fits(body, COUNT_ON_VERTEX)
            check_contents(body, model, vertex=True)
            total = count_prompt(body)
            return json_answer(200, {"totalTokens": total, "totalBillableCharacters": 4 * total})
        case "predict":
            return gemini_embed.predict(call, model, body)
        case "embedContent":
            return gemini_embed.embed(call, model, body, vertex=True)
        case "batchEmbedContents":
            return gemini_embed.embed_batch(call, model, body, vertex=True)
    raise Refused("Requested entity was not found.", 404)


def _claude(call: Call, model: str, *, streams: bool) -> Answer:
    body = anthropic_request.read_body(call)
    version = body.pop("anthropic_version", None)
    if version is None:
        raise Refused("anthropic_version: Field required")
    if version not in _VERSIONS:
        raise Refused(f"anthropic_version: Input should be '{_VERSIONS[0]}'")
    body.pop("anthropic_beta", None)
    if model == "count-tokens":
        anthropic_request.check(call, body, counting=True)
        anthropic_request.read_tools(body)
        return json_answer(200, {"input_tokens": anthropic_request.count_prompt(body)[0]})
    if "model" in body:
        raise Refused("model: Extra inputs are not permitted")
    if (body.get("stream") is True) is not streams:
        # `stream` has to say what the method does: the SDK and the documentation have both.
        raise Refused("stream: has to be true for :streamRawPredict, and for it alone")
    body["model"] = model
    unbound = replace(call, provider=replace(call.provider, models=()))
    anthropic_request.check(unbound, body)
    return anthropic_messages.answer(call, body)


def _refusal(call: Call, refused: Refused) -> Answer:
    if "/publishers/anthropic/" in call.path and refused.status != 404:
        # Claude's own words, as the model's own server says them.
        return anthropic.error(call, refused.status, refused.code, refused.message)
    return _google(call, refused.status, refused.code, refused.message)


def error(call: Call, status: int, code: str, message: str) -> Answer:
    """An error: of Google's, save what Claude itself says of a prompt; 200 for a filter's."""
    anthropic_path = "/publishers/anthropic/" in call.path
    if anthropic_path and code in ("content_filter", "context_length_exceeded"):
        return anthropic.error(call, status, code, message)
    if code == "content_filter" or code in FINISH_REASONS:
        found = _PATH.fullmatch(call.path)
        model = unquote(found[2]) if found else ""
        stream = bool(found) and call.path.endswith(":streamGenerateContent")
        answer = gemini_generate.blocked(call, model, code, stream=stream, vertex=True)
        return replace(answer, headers=answer.headers + common_headers(call))
    return _google(call, status, code, message)


def _google(call: Call, status: int, code: str, message: str) -> Answer:
    # A method that streams answers with a list, errors too.
    listed = call.path.endswith((":streamGenerateContent", ":streamRawPredict"))
    return google_error(call, status, code, message, listed=listed)


def error_event(call: Call, code: str, sent: int) -> bytes:
    """An error inside a stream, in the words of the model's API."""
    if "/publishers/anthropic/" in call.path:
        return anthropic.error_event(call, code, sent)
    return google_event(call, code, sent)


def garbage(call: Call) -> bytes:
    """An event whose JSON breaks off."""
    if "/publishers/anthropic/" in call.path:
        return anthropic.garbage(call)
    return google_garbage(call)


_VERTEX: Final = Format(
    "gemini_vertex", "", authenticate, respond, error, error_event, garbage, garbage
)
GEMINI_VERTEX: Final = _VERTEX
ANTHROPIC_VERTEX: Final = replace(_VERTEX, api="anthropic_vertex", base_path="/v1")
