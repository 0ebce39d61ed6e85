"""Bedrock InvokeModel: Claude in its own schema, embeddings of Titan and Cohere.

Source: the inference parameters of Anthropic's, Amazon's and Cohere's models in the Bedrock user
guide; a stream's events are `chunk`s that hold the model's own event in base64.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any, Final

from simulator import tokens
from simulator.eventstream import CONTENT_TYPE, event
from simulator.formats import anthropic_messages
from simulator.formats.anthropic_request import check as check_messages
from simulator.formats.base import Call, Refused, read_object
from simulator.formats.converse import MALFORMED
from simulator.formats.openai_embeddings import vector
from simulator.message import Answer, Chunk, Usage, json_answer
from simulator.shape import Departs, Each, Fields, Flag, Number, Text, check

# The second is what the official SDK (2.12) puts into the body.
_VERSIONS: Final = ("bedrock-2023-05-31", "2026-10-21")
_STREAM: Final = (
    (b"content-type", CONTENT_TYPE),
    (b"x-amzn-bedrock-content-type", b"application/json"),
)
_STRING: Final = Text()
_TITAN: Final = Fields(
    {
        "inputText": Text(least=1),
        "dimensions": Number(1, 4096, whole=True),
        "normalize": Flag(),
        "embeddingTypes": Each(Text(("float", "binary"))),
    },
    ("inputText",),
)
_COHERE: Final = Fields(
    {
        "texts": Each(Text(least=1), least=1, most=96),
        "input_type": Text(
            ("search_document", "search_query", "classification", "clustering", "image")
        ),
        "truncate": _STRING,
        "embedding_types": Each(Text(("float", "int8", "uint8", "binary", "ubinary"))),
        "output_dimension": Number(1, 4096, whole=True),
        "max_tokens": Number(1, 200_000, whole=True),
    },
    ("texts", "input_type"),
)


def respond(call: Call, model: str, *, stream: bool) -> Answer:
    """Answer one InvokeModel request, or raise `Refused`."""
    body = read_object(call.request.body, MALFORMED)
    if "anthropic" in model or "claude" in model:
        return _claude(call, model, body, stream=stream)
    if stream:
        raise Refused("The model is unsupported for streaming.")
    if "titan-embed" in model:
        return _titan(call, model, body)
    if "cohere.embed" in model:
        return _cohere(call, model, body)
    raise Refused("The provided model identifier is invalid.")


def _claude(call: Call, model: str, body: dict[str, Any], *, stream: bool) -> Answer:
    version = body.pop("anthropic_version", None)
    if version is None:
        raise Refused("anthropic_version: Field required")
    if version not in _VERSIONS:
        raise Refused(f"anthropic_version: Input should be '{_VERSIONS[0]}'")
    for name in ("model", "stream"):
        if name in body:
            raise Refused(f"{name}: Extra inputs are not permitted")
    betas = body.pop("anthropic_beta", None)
    if betas is not None and not isinstance(betas, list):
        raise Refused("anthropic_beta: Input should be a valid list")
    body |= {"model": model, "stream": stream}
    check_messages(replace_models(call), body)
    answer = anthropic_messages.answer(call, body)
    if not stream:
        return answer
    usage = answer.usage or Usage()
    chunks = tuple(_framed(chunk, usage) for chunk in answer.chunks)
    return replace(answer, headers=_STREAM, chunks=chunks)


def replace_models(call: Call) -> Call:
    """The call to a provider that takes every model: which it has was asked already."""
    return replace(call, provider=replace(call.provider, models=()))


def _framed(chunk: Chunk, usage: Usage) -> Chunk:
    """An event of the model's own stream as a frame of AWS's."""
    data = chunk.data.partition(b"\ndata: ")[2].strip()
    if chunk.terminal:
        metrics = {
            "inputTokenCount": usage.input_tokens,
            "outputTokenCount": usage.output_tokens,
            "invocationLatency": 1,
            "firstByteLatency": 1,
        }
        data = json.dumps(
            {**json.loads(data), "amazon-bedrock-invocationMetrics": metrics}
        ).encode()
    return replace(chunk, data=event("chunk", {"bytes": base64.b64encode(data).decode()}))


def _fits(body: Any, shape: Fields) -> None:
    try:
        check(body, shape)
    except Departs as departs:
        raise Refused(
            f"Malformed input request: #/{departs.place('/', '')}: {departs.problem}, expected "
            f"{departs.expected}, please reformat your input and try again."
        ) from None


def _titan(call: Call, model: str, body: dict[str, Any]) -> Answer:
    _fits(body, _TITAN)
    text, size = body["inputText"], body.get("dimensions") or 1024
    if size not in (256, 512, 1024, 1536):
        raise Refused(f"Malformed input request: #/dimensions: {size} is not a valid enum value")
    counted = tokens.count_prompt(text)
    found = vector(f"{call.provider.name}/{model}/{text}", size).tolist()
    value = {
        "embedding": found,
        "embeddingsByType": {"float": found},
        "inputTextTokenCount": counted,
    }
    return json_answer(200, value, (), Usage(input_tokens=counted), model)


def _cohere(call: Call, model: str, body: dict[str, Any]) -> Answer:
    _fits(body, _COHERE)
    texts, size = body["texts"], body.get("output_dimension") or 1024
    counted = sum(tokens.count_prompt(text) for text in texts)
    found = [vector(f"{call.provider.name}/{model}/{text}", size).tolist() for text in texts]
    kinds = body.get("embedding_types")
    by_type = {kind: found if kind == "float" else [] for kind in kinds or ()}
    value = {
        "id": call.digest[:16].hex(),
        "response_type": "embeddings_by_type" if kinds else "embeddings_floats",
        "embeddings": by_type if kinds else found,
        "texts": texts,
    }
    headers = ((b"x-amzn-bedrock-input-token-count", b"%d" % counted),)
    return json_answer(200, value, headers, Usage(input_tokens=counted), model)
