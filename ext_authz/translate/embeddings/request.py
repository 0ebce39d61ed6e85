"""OpenAI's embeddings: a client's request becomes the provider's.

Sources: `POST /v1/embeddings`; Gemini's `batchEmbedContents`, Vertex AI's `predict`, Titan and
Cohere on Bedrock (`InvokeModel`), Mistral's embeddings, Cohere's `POST /v2/embed`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ext_authz.translate.clients.fields import integer, optional_text, read_body, text, wrong
from ext_authz.translate.errors import UnsupportedError
from ext_authz.translate.providers.converse_request import model_path as bedrock_path
from ext_authz.translate.providers.gemini_request import model_path as gemini_path
from ext_authz.translate.providers.openai_request import chat_path
from ext_authz.translate.target import Target
from ext_authz.translate.upstream import Upstream, json_headers
from ext_authz.translate.wire import encode
from xds.edge.pairs import Provider

_TASKS: Final = {
    "search_document": "RETRIEVAL_DOCUMENT",
    "search_query": "RETRIEVAL_QUERY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}


class Wanted(msgspec.Struct, frozen=True):
    """What a client wants embedded, and how it wants to be told: `base64` or numbers."""

    texts: tuple[str, ...]
    base64: bool
    dimensions: int | None = None
    purpose: str = ""


def read_embeddings(body: bytes) -> Wanted:
    """Read a request; tokens instead of texts are known to OpenAI's models only."""
    fields = read_body(body)
    text(fields, "model")
    given = fields.get("input")
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list) or not given:
        raise wrong("input", "a text or a list of texts")
    if not all(isinstance(one, str) for one in given):
        raise UnsupportedError("This provider embeds texts, no lists of tokens", param="input")
    form = optional_text(fields, "encoding_format")
    if form not in ("", "float", "base64"):
        raise wrong("encoding_format", "`float` or `base64`")
    purpose = optional_text(fields, "input_type")
    return Wanted(tuple(given), form == "base64", integer(fields, "dimensions"), purpose)


def write_embeddings(wanted: Wanted, target: Target) -> Upstream:
    """Write the request; raises `RefusedError` for what the provider cannot do."""
    provider = target.provider
    if provider is Provider.GEMINI:
        path, body = gemini_path(target, "batchEmbedContents"), _gemini(wanted, target)
    elif provider is Provider.GEMINI_VERTEX:
        path, body = gemini_path(target, "predict"), _vertex(wanted)
    elif provider is Provider.BEDROCK:
        path, body = bedrock_path(target, "invoke"), _bedrock(wanted, target)
    elif provider is Provider.COHERE:
        path, body = f"{target.path}/embed", {"model": target.model, **_cohere(wanted)}
    else:
        path, body = chat_path(target, "embeddings"), _mistral(wanted, target)
    return Upstream(path=path, body=encode(body), headers=json_headers())


def _gemini(wanted: Wanted, target: Target) -> dict[str, Any]:
    model = target.model if "/" in target.model else f"models/{target.model}"
    more: dict[str, Any] = {}
    if wanted.dimensions:
        more["outputDimensionality"] = wanted.dimensions
    if task := _TASKS.get(wanted.purpose):
        more["taskType"] = task
    return {
        "requests": [
            {"model": model, "content": {"parts": [{"text": one}]}, **more} for one in wanted.texts
        ]
    }


def _vertex(wanted: Wanted) -> dict[str, Any]:
    task = _TASKS.get(wanted.purpose)
    more = {"task_type": task} if task else {}
    body: dict[str, Any] = {"instances": [{"content": one, **more} for one in wanted.texts]}
    if wanted.dimensions:
        body["parameters"] = {"outputDimensionality": wanted.dimensions}
    return body


def _bedrock(wanted: Wanted, target: Target) -> dict[str, Any]:
    if "cohere" in target.model:
        return _cohere(wanted)
    if len(wanted.texts) > 1:
        raise UnsupportedError("Titan embeds one text at a time", param="input")
    body: dict[str, Any] = {"inputText": wanted.texts[0]}
    if wanted.dimensions:
        body["dimensions"] = wanted.dimensions
    return body


def _cohere(wanted: Wanted) -> dict[str, Any]:
    body: dict[str, Any] = {
        "texts": list(wanted.texts),
        "input_type": wanted.purpose or "search_document",
        "embedding_types": ["float"],
    }
    if wanted.dimensions:
        body["output_dimension"] = wanted.dimensions
    return body


def _mistral(wanted: Wanted, target: Target) -> dict[str, Any]:
    body: dict[str, Any] = {"model": target.model, "input": list(wanted.texts)}
    if wanted.dimensions:
        body["output_dimension"] = wanted.dimensions
    return body
