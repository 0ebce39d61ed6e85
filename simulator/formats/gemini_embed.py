"""Gemini's embeddings: embedContent, batchEmbedContents, and Vertex AI's predict."""

from __future__ import annotations

from typing import Any, Final

from simulator import tokens
from simulator.formats.base import Call, Refused
from simulator.formats.gemini_shape import (
    EMBED,
    EMBED_BATCH,
    EMBED_BATCH_ON_VERTEX,
    EMBED_ON_VERTEX,
    PREDICT,
    fits,
)
from simulator.formats.openai_embeddings import vector
from simulator.message import Answer, Usage, json_answer

_SIZE: Final = 768


def embed(call: Call, model: str, body: dict[str, Any], *, vertex: bool) -> Answer:
    """Answer one embedContent request."""
    fits(body, EMBED_ON_VERTEX if vertex else EMBED)
    values, count = _embedded(call, model, body)
    told = {"promptTokenCount": count, "totalTokenCount": count}
    value = {"embedding": {"values": values}, "usageMetadata": told}
    return json_answer(200, value, (), Usage(input_tokens=count), model)


def embed_batch(call: Call, model: str, body: dict[str, Any], *, vertex: bool) -> Answer:
    """Answer one batchEmbedContents request; in AI Studio each part names the model again."""
    fits(body, EMBED_BATCH_ON_VERTEX if vertex else EMBED_BATCH)
    found, total = [], 0
    for at, one in enumerate(body["requests"]):
        if not vertex and (one.get("model") or "").removeprefix("models/") != model:
            raise Refused(
                f"* BatchEmbedContentsRequest.requests[{at}].model: model must match the model of "
                "the batch"
            )
        values, count = _embedded(call, model, one)
        found.append({"values": values})
        total += count
    return json_answer(200, {"embeddings": found}, (), Usage(input_tokens=total), model)


def predict(call: Call, model: str, body: dict[str, Any]) -> Answer:
    """Answer one predict request of Vertex AI."""
    fits(body, PREDICT)
    size = (body.get("parameters") or {}).get("outputDimensionality") or _SIZE
    found, total = [], 0
    for one in body["instances"]:
        count = tokens.count_prompt(one["content"])
        values = vector(f"{call.provider.name}/{model}/{one['content']}", size).tolist()
        statistics = {"truncated": False, "token_count": count}
        found.append({"embeddings": {"values": values, "statistics": statistics}})
        total += count
    return json_answer(200, {"predictions": found}, (), Usage(input_tokens=total), model)


def _embedded(call: Call, model: str, one: dict[str, Any]) -> tuple[list[float], int]:
    text = "".join(part.get("text") or "" for part in one["content"]["parts"])
    if not text:
        raise Refused("content is empty")
    config = one.get("embedContentConfig") or {}
    size = config.get("outputDimensionality") or one.get("outputDimensionality") or _SIZE
    name = f"{call.provider.name}/{model}/{text}"
    return vector(name, size).tolist(), tokens.count_prompt(text)
