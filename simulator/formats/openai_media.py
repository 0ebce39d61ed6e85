"""OpenAI images and speech: small files that are real ones, the same for the same request.

Source: the API reference of `POST /v1/images/generations` and `POST /v1/audio/speech`.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping
from typing import Any

from simulator import tokens
from simulator.formats.base import Call, Refused, is_count
from simulator.formats.openai_request import CREATED, missing, read, wrong_type
from simulator.message import Answer, Chunk, Usage, json_answer

_SIDE = 8
_IMAGE_TOKENS = 272
_RATE = 24_000
_PIECE = 4096
_TYPES = {"mp3": b"audio/mpeg", "wav": b"audio/wav", "pcm": b"audio/pcm"}
# MPEG-1 layer III, 128 kbit/s, 44.1 kHz, one channel: a frame is 417 bytes and 26 ms.
_FRAME = b"\xff\xfb\x90\xc0" + bytes(413)


def images(call: Call) -> Answer:
    """Answer one request for images, or raise `Refused`; each is of one colour."""
    body = read(call)
    prompt = _text(body, "prompt")
    n = body.get("n")
    if n is not None and not is_count(n, 1, 10):
        raise Refused("Invalid 'n': expected 1 to 10.", code="invalid_value", param="n")
    if body.get("response_format") == "url":
        raise Refused("URLs are not simulated: ask for b64_json.", param="response_format")
    count = n or 1
    data = [
        {"b64_json": base64.b64encode(_png(call.digest[3 * at % 30 :][:3])).decode()}
        for at in range(count)
    ]
    usage = Usage(input_tokens=tokens.count_prompt(prompt), output_tokens=_IMAGE_TOKENS * count)
    value = {
        "created": CREATED,
        "background": "opaque",
        "data": data,
        "output_format": "png",
        "quality": "low",
        "size": "1024x1024",
        "usage": {
            "input_tokens": usage.input_tokens,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": usage.input_tokens},
            "output_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
        },
    }
    return json_answer(200, value, (), usage, body["model"])


def speech(call: Call) -> Answer:
    """Answer one request for speech, or raise `Refused`: silence, as long as the text is."""
    body = read(call)
    words = _text(body, "input")
    _text(body, "voice")
    form = body.get("response_format") or "mp3"
    if form not in _TYPES:
        known = ", ".join(_TYPES)
        raise Refused(f"'{form}' is not simulated: {known}.", param="response_format")
    if body.get("stream_format") == "sse":
        raise Refused("Speech in events is not simulated.", param="stream_format")
    sound = _sound(form, len(words))
    pieces = [sound[at : at + _PIECE] for at in range(0, len(sound), _PIECE)]
    spoken = max(1, len(words) // 4)
    # The first piece pays for all of it: speech is billed by what was asked for.
    chunks = [Chunk(piece, 0 if at else spoken) for at, piece in enumerate(pieces)]
    usage = Usage(input_tokens=tokens.count_prompt(words), output_tokens=spoken)
    headers = ((b"content-type", _TYPES[form]),)
    return Answer(200, headers, tuple(chunks), None, usage=usage, model=body["model"])


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None or value == "":
        raise missing(name)
    if not isinstance(value, str):
        raise wrong_type(name, "a string", value)
    return value


def _sound(form: str, characters: int) -> bytes:
    if form == "mp3":
        return _FRAME * (1 + 2 * characters)
    samples = bytes(2 * (1 + _RATE // 20 * characters))
    if form == "pcm":
        return samples
    layout = struct.pack("<IHHIIHH", 16, 1, 1, _RATE, 2 * _RATE, 2, 16)
    inner = b"WAVEfmt " + layout + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


def _png(colour: bytes) -> bytes:
    """A square of one colour (PNG, 8 bits, RGB)."""
    rows = (b"\0" + colour * _SIDE) * _SIDE
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    blocks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in blocks
    )
