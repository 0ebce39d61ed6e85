"""OpenAI transcriptions: a form of several parts in, what was said as JSON or text out.

Source: the API reference of `POST /v1/audio/transcriptions`; RFC 7578 for the form.
"""

from __future__ import annotations

import re
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Final

from simulator import content
from simulator.content import Ask
from simulator.formats.base import Call, Refused
from simulator.formats.openai_request import missing
from simulator.message import Answer, Chunk, Usage, json_answer

_MEMBERS: Final = frozenset(
    {
        "file",
        "model",
        "chunking_strategy",
        "include[]",
        "known_speaker_names[]",
        "known_speaker_references[]",
        "language",
        "prompt",
        "response_format",
        "stream",
        "temperature",
        "timestamp_granularities[]",
    }
)
_NAME: Final = re.compile(r'name="([^"]*)"')
_BYTES_OF_TOKEN: Final = 100


def respond(call: Call) -> Answer:
    """Answer one transcription request, or raise `Refused`."""
    fields = _form(call)
    for name in fields:
        if name not in _MEMBERS:
            raise Refused(f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)
    for name in ("file", "model"):
        if not fields.get(name):
            raise missing(name)
    model = _text(fields["model"])
    if call.provider.models and model not in call.provider.models:
        raise Refused(
            f"The model `{model}` does not exist or you do not have access to it.",
            404,
            "model_not_found",
        )
    if _text(fields.get("stream", b"")).lower() == "true":
        raise Refused("Streaming of transcriptions is not simulated.", param="stream")
    heard = len(fields["file"])
    said = content.reply(
        Ask(
            digest=call.digest,
            provider=call.provider.name,
            model=model,
            prompt=f"{heard} bytes of sound",
            text=call.text,
            wanted=call.outcome.tokens,
            size=call.outcome.size,
        )
    )
    usage = Usage(max(1, heard // _BYTES_OF_TOKEN), said.output_tokens)
    return _answer(_text(fields.get("response_format", b"json")), said.text, usage, model)


def _answer(form: str, text: str, usage: Usage, model: str) -> Answer:
    if form == "text":
        body = text.encode("utf-8", "replace") + b"\n"
        headers = ((b"content-type", b"text/plain; charset=utf-8"),)
        chunk = Chunk(body, usage.output_tokens)
        return Answer(200, headers, (chunk,), len(body), usage=usage, model=model)
    value: dict[str, Any] = {"text": text}
    if form == "verbose_json":
        value |= {"task": "transcribe", "language": "english", "duration": 1.0, "segments": []}
    elif form != "json":
        raise Refused(f"The format '{form}' is not simulated.", param="response_format")
    else:
        value["usage"] = {
            "type": "tokens",
            "input_tokens": usage.input_tokens,
            "input_token_details": {"text_tokens": 0, "audio_tokens": usage.input_tokens},
            "output_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
        }
    return json_answer(200, value, (), usage, model)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _form(call: Call) -> dict[str, bytes]:
    """The parts of the form by their names; of those that come twice, the last."""
    kind = call.request.header(b"content-type") or b""
    if not kind.lower().startswith(b"multipart/form-data") or b"boundary=" not in kind:
        raise Refused("Expected multipart/form-data with a boundary.", 415)
    head = b"content-type: " + kind + b"\r\n\r\n"
    whole = BytesParser(policy=HTTP).parsebytes(head + call.request.body)
    fields = {}
    for part in whole.iter_parts() if whole.is_multipart() else ():
        name = _NAME.search(str(part.get("content-disposition", "")))
        if name is None:
            raise Refused("A part of the form has no name.")
        held = part.get_payload(decode=True)
        fields[name[1]] = held if isinstance(held, bytes) else b""
    return fields
