"""Azure OpenAI: the OpenAI API at a deployment's paths, with its own key, filters and errors.

Source: the Azure OpenAI reference (`/openai/deployments/{deployment}/...?api-version=` and
`/openai/v1/...`), its page on content filtering, and what the service answers.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote

from simulator.formats import openai
from simulator.formats.base import Call, Format, Refused, read_object
from simulator.formats.credentials import bearer, is_right, key_in
from simulator.message import Answer, Chunk, Headers, encode_json, json_answer

_DEPLOYMENT = re.compile(r"/openai/deployments/([^/]+)/(.+)")
_UNDEPLOYED = re.compile(r"/openai/(responses(?:/input_tokens)?|models(?:/[^/]+)?)")
_VERSION = re.compile(r"\d{4}-\d\d-\d\d(-preview)?")
_CHAT = "/v1/chat/completions"

_CLEAN = {
    kind: {"filtered": False, "severity": "safe"}
    for kind in ("hate", "self_harm", "sexual", "violence")
}
_FILTERED = {**_CLEAN, "violence": {"filtered": True, "severity": "medium"}}
_PROMPT_RESULTS = [
    {
        "prompt_index": 0,
        "content_filter_results": {**_CLEAN, "jailbreak": {"filtered": False, "detected": False}},
    }
]
_DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a "
    "valid key for an active subscription and use a correct regional API endpoint for your "
    "resource."
)
_WORDS = {
    "context_length_exceeded": (
        "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        "250000 tokens. Please reduce the length of the messages."
    ),
    "content_filter": (
        "The response was filtered due to the prompt triggering Azure OpenAI's content management "
        "policy. Please modify your prompt and retry. To learn more about our content filtering "
        "policies please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766"
    ),
    "insufficient_quota": (
        "You exceeded your current quota, please check your plan and billing details."
    ),
    "DeploymentNotFound": (
        "The API deployment for this resource does not exist. If you created the deployment within "
        "the last 5 minutes, please wait a moment and try again."
    ),
    "401": _DENIED,
    "404": "Resource not found",
    "408": "Operation timed out.",
    "429": (
        "Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded "
        "call rate limit of your current OpenAI S0 pricing tier. Please retry after 1 second."
    ),
    "500": "The server had an error processing your request. Sorry about that!",
    "503": "The service is temporarily unable to process your request. Please try again later.",
}


def authenticate(call: Call) -> Answer | None:
    """401 unless `api-key`, or `Authorization: Bearer` of Entra ID, is there (with the key)."""
    key = key_in(call, b"api-key") or bearer(call)
    return None if key is not None and is_right(call, key) else error(call, 401, "", "")


def respond(call: Call) -> Answer:
    """The answer of an endpoint, with what Azure adds to it."""
    try:
        inner = _as_openai(call)
        answer = openai.endpoint(inner)
    except Refused as refused:
        if refused.code == "model_not_found":
            return error(call, 404, "DeploymentNotFound", "")
        if refused.code or refused.param or refused.status != 404:
            return _refusal(call, refused)
        return error(call, 404, "", "")
    if inner.path == _CHAT:
        answer = _filtered_stream(answer) if answer.content_length is None else _filtered(answer)
    return replace(answer, headers=answer.headers + _headers(call))


def _as_openai(call: Call) -> Call:
    """The same call at OpenAI's own path, its deployment as its model."""
    path = call.path
    if path.startswith("/openai/v1/"):
        return replace(call, path=path.removeprefix("/openai"))
    deployed = _DEPLOYMENT.fullmatch(path)
    if deployed is None and not _UNDEPLOYED.fullmatch(path):
        raise Refused("Resource not found", 404)
    version = parse_qs(call.request.query).get("api-version", [""])[0]
    if not _VERSION.fullmatch(version):
        raise Refused("Resource not found", 404)
    if deployed is None:
        return replace(call, path="/v1/" + path.removeprefix("/openai/"))
    name, operation = deployed.groups()
    body = read_object(call.request.body, "The request body is not valid JSON.")
    body["model"] = unquote(name)
    request = replace(call.request, body=encode_json(body))
    return replace(call, path=f"/v1/{operation}", request=request)


def _filtered(answer: Answer) -> Answer:
    """A completion with what the content filter found in it."""
    value: dict[str, Any] = json.loads(answer.chunks[0].data)
    value["prompt_filter_results"] = _PROMPT_RESULTS
    for choice in value["choices"]:
        choice["content_filter_results"] = _CLEAN if choice["message"].get("content") else {}
    return json_answer(200, value, (), answer.usage, answer.model)


def _filtered_stream(answer: Answer) -> Answer:
    """A stream that begins with what was found in the prompt: a chunk without choices."""
    opening = {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": _PROMPT_RESULTS,
    }
    first = Chunk(b"data: " + encode_json(opening) + b"\n\n")
    return replace(answer, chunks=(first, *map(_filtered_chunk, answer.chunks)))


def _filtered_chunk(chunk: Chunk) -> Chunk:
    if chunk.terminal:
        return chunk
    value: dict[str, Any] = json.loads(chunk.data.removeprefix(b"data: "))
    for choice in value["choices"]:
        choice["content_filter_results"] = _CLEAN if choice["delta"].get("content") else {}
    return replace(chunk, data=b"data: " + encode_json(value) + b"\n\n")


def error(call: Call, status: int, code: str, message: str) -> Answer:
    """The body of an error that Azure has for a status and one of its codes (or no code)."""
    if status == 400 and code == "content_filter":
        inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": _FILTERED}
        more = {"type": None, "param": "prompt", "status": 400, "innererror": inner}
        return _answer(call, status, code, message or _WORDS[code], more)
    shown = code or str(status)
    usual = _WORDS.get(str(status), _WORDS["500"] if status >= 500 else "The request is invalid.")
    words = message or _WORDS.get(shown, usual)
    if code in ("context_length_exceeded", "insufficient_quota"):
        return _answer(call, status, code, words, {"type": "invalid_request_error", "param": None})
    return _answer(call, status, shown, words, {})


def _refusal(call: Call, refused: Refused) -> Answer:
    """A request that the model's own API refuses: in the words of that API."""
    more = {"type": "invalid_request_error", "param": refused.param}
    return _answer(call, refused.status, refused.code or None, refused.message, more)


def _answer(
    call: Call, status: int, code: str | None, message: str, more: dict[str, Any]
) -> Answer:
    headers = _headers(call)
    if status in (429, 503) and code != "insufficient_quota":
        wait = call.outcome.retry_after
        seconds = 1.0 if wait is None else wait
        headers += (
            (b"retry-after", b"%d" % seconds),
            (b"retry-after-ms", b"%d" % (seconds * 1000)),
        )
    return json_answer(status, {"error": {"code": code, "message": message, **more}}, headers)


def _headers(call: Call) -> Headers:
    identity = call.digest[:16].hex()
    parts = (identity[:8], identity[8:12], identity[12:16], identity[16:20], identity[20:])
    left = b"0" if call.outcome.status == 429 else b"499"
    return (
        (b"apim-request-id", "-".join(parts).encode()),
        (b"x-request-id", "-".join(reversed(parts)).encode()),
        (b"x-ms-region", b"Simulated"),
        (b"x-ratelimit-limit-requests", b"500"),
        (b"x-ratelimit-limit-tokens", b"200000"),
        (b"x-ratelimit-remaining-requests", left),
        (b"x-ratelimit-remaining-tokens", b"199000"),
        (b"x-simulated-by", call.provider.name.encode()),
    )


AZURE = Format("azure", "", authenticate, respond, error, openai.error_event)
