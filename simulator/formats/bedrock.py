"""Amazon Bedrock's runtime: paths, credentials, headers, error bodies and exceptions in streams.

POST /model/{id}/converse, /converse-stream                     `converse`
POST /model/{id}/invoke, /invoke-with-response-stream           `bedrock_invoke`
POST /model/{id}/count-tokens

Source: the service model of `bedrock-runtime`, its API reference and common errors.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from simulator import sigv4
from simulator.eventstream import exception, raw_event, unmodeled
from simulator.formats import bedrock_invoke, converse
from simulator.formats.base import Call, Format, Refused
from simulator.formats.credentials import bearer, is_right
from simulator.message import Answer, Headers, json_answer

_PATH: Final = re.compile(r"/model/([^/]+)/([a-z-]+)")
_KINDS: Final = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
_WORDS: Final = {
    "ValidationException": "The provided request is not valid",
    "UnrecognizedClientException": "The security token included in the request is invalid.",
    "AccessDeniedException": "You don't have access to the model with the specified model ID.",
    "ResourceNotFoundException": "The provided model identifier is invalid.",
    "ModelTimeoutException": "Model has timed out in processing the request. Try again.",
    "ModelErrorException": "The model has encountered an unexpected error while processing it.",
    "ModelNotReadyException": "The model is not ready for inference. Wait and try again.",
    "ThrottlingException": "Too many requests, please wait before trying again.",
    "InternalServerException": "The server encountered an internal error. Try again.",
    "ServiceUnavailableException": "Bedrock is unable to process your request.",
    "ServiceQuotaExceededException": "Your request exceeds the service quota for your account.",
    "modelStreamErrorException": "The model has encountered an unexpected error while streaming.",
}
_CODES: Final = {
    "context_length_exceeded": (
        400,
        "ValidationException",
        "Input is too long for requested model.",
    ),
    "content_filter": (400, "ValidationException", "Output blocked by content filtering policy"),
    "insufficient_quota": (
        400,
        "ServiceQuotaExceededException",
        "Your request exceeds the service quota for your account.",
    ),
}
_IN_STREAMS: Final = (
    "internalServerException",
    "modelStreamErrorException",
    "validationException",
    "throttlingException",
    "serviceUnavailableException",
    "modelTimeoutException",
)
_STOPPED: Final = {
    "content_filter": "content_filtered",
    "content_filtered": "content_filtered",
    "guardrail_intervened": "guardrail_intervened",
}


def authenticate(call: Call) -> Answer | None:
    """403 unless the request is signed (by the configured keys, if any), or holds an API key."""
    sent = call.request.header(b"authorization") or b""
    key = bearer(call)
    keys = call.provider.aws
    if key is not None:
        if is_right(call, key) if call.provider.key is not None else keys is None:
            return None
        return _error(call, 403, "AccessDeniedException", "Authentication failed: invalid API key.")
    if not sent.startswith(sigv4.ALGORITHM.encode()):
        kind = "MissingAuthenticationTokenException"
        return _error(call, 403, kind, "Missing Authentication Token")
    if keys is None and call.provider.key is not None:
        return _error(call, 403, "UnrecognizedClientException", "")
    refused = sigv4.refusal(call.request, keys, "bedrock")
    return None if refused is None else _error(call, 403, *refused)


def respond(call: Call) -> Answer:
    """The answer of an operation, with the headers that every answer has."""
    try:
        answer = _operation(call)
    except Refused as refused:
        return error(call, refused.status, refused.code, refused.message)
    return replace(answer, headers=answer.headers + _headers(call))


def _operation(call: Call) -> Answer:
    found = _PATH.fullmatch(call.path)
    if found is None:
        raise Refused("Unable to determine service/operation name to be authorized", 403)
    if call.request.method != "POST":
        raise Refused("Unable to determine service/operation name to be authorized", 403)
    model = unquote(found[1])
    if call.provider.models and model not in call.provider.models:
        raise Refused("The provided model identifier is invalid.")
    match found[2]:
        case "converse":
            return converse.respond(call, model, stream=False)
        case "converse-stream":
            return converse.respond(call, model, stream=True)
        case "invoke":
            return bedrock_invoke.respond(call, model, stream=False)
        case "invoke-with-response-stream":
            return bedrock_invoke.respond(call, model, stream=True)
        case "count-tokens":
            return converse.count(call)
    raise Refused("Unable to determine service/operation name to be authorized", 403)


def error(call: Call, status: int, code: str, message: str) -> Answer:
    """The body of an error; `code` may be the name of one of the service's exceptions.

    What a filter refuses is no error in Converse: 200, and a stop reason that says so.
    """
    operation = call.path.rpartition("/")[2]
    if code in _STOPPED and operation in ("converse", "converse-stream"):
        return _stopped(call, _STOPPED[code], stream=operation == "converse-stream")
    if code in _CODES:
        status, kind, words = _CODES[code]
        return _error(call, status, kind, message or words)
    usual = "ValidationException" if status < 500 else "InternalServerException"
    return _error(call, status, code or _KINDS.get(status, usual), message)


def _stopped(call: Call, reason: str, *, stream: bool) -> Answer:
    model = unquote(call.path.split("/")[2])
    try:
        answer = converse.respond(call, model, stream=stream, stopped=reason)
    except Refused as refused:
        return _error(call, 400, "ValidationException", refused.message)
    return replace(answer, headers=answer.headers + _headers(call))


def _error(call: Call, status: int, kind: str, message: str) -> Answer:
    words = message or _WORDS.get(kind, _WORDS["ValidationException"])
    shown = f"{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/"
    headers = ((b"x-amzn-errortype", shown.encode("latin-1", "replace")), *_headers(call))
    if call.outcome.retry_after is not None:
        headers += ((b"retry-after", b"%d" % call.outcome.retry_after),)
    return json_answer(status, {"message": words}, headers)


def error_event(_call: Call, code: str, _sent: int) -> bytes:
    """An exception inside a stream: by default that the model failed."""
    kind = code or "modelStreamErrorException"
    kind = kind[:1].lower() + kind[1:]
    words = _WORDS.get(kind) or _WORDS.get(kind[:1].upper() + kind[1:]) or _WORDS[_KINDS[500]]
    return exception(kind, words) if kind in _IN_STREAMS else unmodeled(code, words)


def garbage(call: Call) -> bytes:
    """A whole frame whose payload is no JSON."""
    kind = "chunk" if "/invoke" in call.path else "contentBlockDelta"
    return raw_event(kind, b'{"contentBlockIndex":0,"delta":{"te')


def broken(call: Call) -> bytes:
    """A frame whose checksum is of another payload."""
    frame = bytearray(garbage(call))
    frame[-1] ^= 0xFF
    return bytes(frame)


def _headers(call: Call) -> Headers:
    name = call.digest[:16].hex()
    request_id = f"{name[:8]}-{name[8:12]}-4{name[13:16]}-8{name[17:20]}-{name[20:]}"
    return (
        (b"x-amzn-requestid", request_id.encode()),
        (b"x-simulated-by", call.provider.name.encode()),
    )


BEDROCK: Final = Format("bedrock", "", authenticate, respond, error, error_event, garbage, broken)
ANTHROPIC_BEDROCK: Final = replace(BEDROCK, api="anthropic_bedrock")
