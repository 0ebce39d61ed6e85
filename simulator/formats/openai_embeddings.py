"""OpenAI embeddings: vectors of length 1 that are the same for the same text and model.

Source: the API reference of `POST /v1/embeddings`; base64 is of little-endian 32-bit floats.
"""

from __future__ import annotations

import base64
import hashlib
import math
import sys
from array import array
from collections.abc import Mapping
from typing import Any

from simulator import tokens
from simulator.formats.base import Call, Refused, is_count
from simulator.formats.openai_request import fit_context, missing, read, wrong_type
from simulator.message import Answer, Usage, json_answer

_DIMENSIONS = {"text-embedding-3-large": 3072}
_USUAL_DIMENSIONS = 1536
_MOST_INPUTS = 2048


def respond(call: Call) -> Answer:
    """Answer one embeddings request, or raise `Refused`."""
    body = read(call)
    model = body["model"]
    inputs = _inputs(body)
    size = body.get("dimensions")
    if size is None:
        size = _DIMENSIONS.get(model, _USUAL_DIMENSIONS)
    elif not is_count(size, 1, max(_DIMENSIONS.values())):
        raise Refused("Invalid value for 'dimensions'.", code="invalid_value", param="dimensions")
    encoding = body.get("encoding_format")
    if encoding not in (None, "float", "base64"):
        raise Refused(
            "Invalid 'encoding_format': expected 'float' or 'base64'.",
            code="invalid_value",
            param="encoding_format",
        )
    spent = sum(count for _, count in inputs)
    fit_context(call, max(count for _, count in inputs), "input")
    data = []
    for index, (text, _) in enumerate(inputs):
        found = vector(f"{call.provider.name}/{model}/{text}", size)
        shown = _base64(found) if encoding == "base64" else found.tolist()
        data.append({"object": "embedding", "index": index, "embedding": shown})
    value = {
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": spent, "total_tokens": spent},
    }
    return json_answer(200, value, (), Usage(input_tokens=spent), model)


def _inputs(body: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Each input as text, with its tokens; token numbers stand for themselves."""
    given = body.get("input")
    if given is None:
        raise missing("input")
    several = given if isinstance(given, list) and given and not is_count(given[0], 0) else [given]
    if len(several) > _MOST_INPUTS:
        raise Refused(
            f"Invalid 'input': array too long. Expected at most {_MOST_INPUTS} elements.",
            code="array_above_max_length",
            param="input",
        )
    found = []
    for one in several:
        if isinstance(one, str) and one:
            found.append((one, tokens.count_prompt(one)))
        elif isinstance(one, list) and one and all(is_count(number, 0) for number in one):
            found.append((" ".join(map(str, one)), len(one)))
        elif one in ("", []):
            raise Refused("'$.input' is invalid. Please check the API reference.", param="input")
        else:
            raise wrong_type("input", "a string, or an array of strings or tokens", one)
    return found


def vector(material: str, size: int) -> array[float]:
    """A vector of length 1 whose direction is a function of the text."""
    noise = array("h", hashlib.shake_128(material.encode("utf-8", "replace")).digest(2 * size))
    if sys.byteorder == "big":
        noise.byteswap()
    length = math.sqrt(sum(value * value for value in noise)) or 1.0
    return array("f", [value / length for value in noise])


def _base64(vector: array[float]) -> str:
    if sys.byteorder == "big":
        vector.byteswap()
    return base64.b64encode(vector.tobytes()).decode()
