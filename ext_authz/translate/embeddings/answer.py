"""The provider's embeddings become OpenAI's list of them.

A client that asked for base64 (the Python SDK does so by itself) gets the little-endian float32
numbers in base64, whoever embedded.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from typing import Any

from ext_authz.translate.embeddings.request import Wanted
from ext_authz.translate.providers.reader import whole_numbers
from ext_authz.translate.wire import encode

Vectors = list[list[float]]


class EmbeddingsRewrite:
    """Rewrites one answer; `model` is what the client is told."""

    def __init__(self, wanted: Wanted, model: str) -> None:
        self._wanted = wanted
        self._model = model

    def __call__(self, fields: dict[str, Any], headers: Mapping[str, str]) -> bytes | None:
        """Return the list, or None where the answer holds no vector for each text."""
        vectors = _vectors(fields)
        if vectors is None or len(vectors) != len(self._wanted.texts):
            return None
        tokens = _tokens(fields, headers)
        shown: list[Any] = [to_base64(one) for one in vectors] if self._wanted.base64 else vectors
        return encode(
            {
                "object": "list",
                "data": [
                    {"object": "embedding", "index": n, "embedding": one}
                    for n, one in enumerate(shown)
                ],
                "model": self._model,
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            }
        )


class EmbeddingsMender:
    """Gives base64 where the client asked for it and an OpenAI-compatible server did not care."""

    def __init__(self, *, wants_base64: bool) -> None:
        self._wants_base64 = wants_base64

    def __call__(self, fields: dict[str, Any]) -> bool:
        """Put one answer right."""
        changed = False
        data = fields.get("data")
        if not self._wants_base64 or not isinstance(data, list):
            return False
        for one in data:
            if isinstance(one, dict) and (vector := _vector(one.get("embedding"))) is not None:
                one["embedding"] = to_base64(vector)
                changed = True
        return changed


def to_base64(vector: list[float]) -> str:
    """The numbers as little-endian float32 in base64."""
    try:
        packed = struct.pack(f"<{len(vector)}f", *vector)
    except OverflowError:
        largest = 3.4028234e38
        packed = struct.pack(
            f"<{len(vector)}f", *[min(max(one, -largest), largest) for one in vector]
        )
    return base64.b64encode(packed).decode()


def _vectors(fields: dict[str, Any]) -> Vectors | None:
    """Find the vectors, in any of the shapes of the providers."""
    if (one := _vector(fields.get("embedding"))) is not None:
        return [one]  # Titan
    given = fields.get("embeddings")
    if isinstance(given, dict):
        given = given.get("float")  # Cohere
    if given is None and isinstance(fields.get("predictions"), list):
        given = [
            one.get("embeddings") if isinstance(one, dict) else None
            for one in fields["predictions"]  # Vertex AI
        ]
    if given is None:
        given = fields.get("data")  # Mistral
    if not isinstance(given, list):
        return None
    vectors: Vectors = []
    for held in given:
        inner = held
        if isinstance(inner, dict):
            inner = inner.get("values") if "values" in inner else inner.get("embedding")
        vector = _vector(inner)
        if vector is None:
            return None
        vectors.append(vector)
    return vectors


def _vector(value: Any) -> list[float] | None:
    if isinstance(value, list) and all(type(one) in (int, float) for one in value):
        return value
    return None


def _tokens(fields: dict[str, Any], headers: Mapping[str, str]) -> int:
    """The tokens that were read, as far as the provider tells."""
    counts = whole_numbers(fields, "inputTextTokenCount")
    for name in ("usage", "usageMetadata"):
        counts += whole_numbers(fields.get(name), "prompt_tokens", "promptTokenCount")
    meta = fields.get("meta")
    if isinstance(meta, dict):
        counts += whole_numbers(meta.get("billed_units"), "input_tokens")
    predictions = fields.get("predictions")
    for one in predictions if isinstance(predictions, list) else ():
        held = one.get("embeddings") if isinstance(one, dict) else None
        statistics = held.get("statistics") if isinstance(held, dict) else None
        counts += whole_numbers(statistics, "token_count")
    told = headers.get("x-amzn-bedrock-input-token-count", "")
    if not any(counts) and told.isdecimal():
        return int(told[:15])
    return sum(counts)
