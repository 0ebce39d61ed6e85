"""Where a provider's operations are: the path of an attempt, by what the provider speaks.

Sources: the reference pages of the providers' APIs, which `ext_authz.translate` names.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from compiler.plan_llm import Endpoint, Provider, Speech, Target, Url
from xds.edge.pairs import Api, ClientApi, Way, pair

_PORTS: Final = {"http": 80, "https": 443}
_BETA: Final = re.compile(r"[?&]beta=true")
_VERTEX: Final = (Speech.ANTHROPIC_VERTEX, Speech.GEMINI_VERTEX)


def host_of(url: Url) -> str:
    """Give the Host that a provider is called by: a port that is the scheme's own is left out."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return host if url.port == _PORTS[url.scheme] else f"{host}:{url.port}"


def path_by_envoy(provider: Provider, target: Target, endpoint: Endpoint, asked: str) -> str:
    """Give the path where the client's own API is passed on; ``asked`` is the client's path."""
    beta = "?beta=true" if _BETA.search(asked) else ""
    if provider.speech is Speech.AZURE:
        path = _openai(provider, target, endpoint.value.removeprefix("/"))
        return path if provider.api_version else path + beta
    return f"{provider.url.path}{endpoint}{beta}"


def path_by_edge(provider: Provider, target: Target, endpoint: Endpoint, *, stream: bool) -> str:
    """Give the path where the edge makes the request the provider's."""
    client = endpoint.client
    found = pair(client, provider.speech)
    if client is ClientApi.EMBEDDINGS:
        return _embeddings(provider, target)
    if client in (ClientApi.COUNT_TOKENS, ClientApi.INPUT_TOKENS):
        return _counting(provider, target)
    if found is not None and found.way is Way.SAME and client is not ClientApi.MESSAGES:
        return _openai(provider, target, endpoint.value.removeprefix("/"))
    base = _base(provider)
    match provider.speech.api:
        case Api.ANTHROPIC:
            return _claude(provider, target, stream=stream)
        case Api.GEMINI:
            verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
            return _gemini(provider, target, verb)
        case Api.CONVERSE:
            verb = "converse-stream" if stream else "converse"
            return f"{base}/model/{quote(target.model, safe='')}/{verb}"
        case Api.COHERE:
            return f"{base}/chat"
        case _:
            return _openai(provider, target, "chat/completions")


def _base(provider: Provider) -> str:
    path = provider.url.path.rstrip("/")
    if provider.speech in _VERTEX and provider.google is not None:
        google = provider.google
        return f"{path}/projects/{google.project}/locations/{google.location}"
    return path


def _openai(provider: Provider, target: Target, operation: str) -> str:
    base = provider.url.path.rstrip("/")
    if provider.speech is not Speech.AZURE:
        return f"{base}/{operation}"
    if not provider.api_version:
        return f"{base}/openai/v1/{operation}"
    version = quote(provider.api_version, safe="")
    if operation.startswith("responses"):
        return f"{base}/openai/{operation}?api-version={version}"
    model = quote(target.model, safe="")
    return f"{base}/openai/deployments/{model}/{operation}?api-version={version}"


def _claude(provider: Provider, target: Target, *, stream: bool) -> str:
    base = _base(provider)
    if provider.speech is Speech.ANTHROPIC_BEDROCK:
        verb = "invoke-with-response-stream" if stream else "invoke"
        return f"{base}/model/{quote(target.model, safe='')}/{verb}"
    if provider.speech is Speech.ANTHROPIC_VERTEX:
        verb = "streamRawPredict" if stream else "rawPredict"
        return f"{base}/publishers/anthropic/models/{quote(target.model, safe='@')}:{verb}"
    return f"{base}/messages"


def _gemini(provider: Provider, target: Target, verb: str) -> str:
    model = quote(target.model, safe="/")
    if "/" not in model:
        vertex = provider.speech is Speech.GEMINI_VERTEX
        model = f"publishers/google/models/{model}" if vertex else f"models/{model}"
    return f"{_base(provider)}/{model}:{verb}"


def _embeddings(provider: Provider, target: Target) -> str:
    match provider.speech.api:
        case Api.GEMINI:
            vertex = provider.speech is Speech.GEMINI_VERTEX
            return _gemini(provider, target, "predict" if vertex else "batchEmbedContents")
        case Api.CONVERSE:
            return f"{_base(provider)}/model/{quote(target.model, safe='')}/invoke"
        case Api.COHERE:
            return f"{_base(provider)}/embed"
        case _:
            return _openai(provider, target, "embeddings")


def _counting(provider: Provider, target: Target) -> str:
    base = _base(provider)
    match provider.speech.api:
        case Api.ANTHROPIC:
            if provider.speech is Speech.ANTHROPIC_VERTEX:
                return f"{base}/publishers/anthropic/models/count-tokens:rawPredict"
            return f"{base}/messages/count_tokens"
        case Api.GEMINI:
            return _gemini(provider, target, "countTokens")
        case Api.CONVERSE:
            return f"{base}/model/{quote(target.model, safe='')}/count-tokens"
        case _:
            return _openai(provider, target, "responses/input_tokens")
