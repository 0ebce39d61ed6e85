"""The table of client APIs and providers, as text and as data; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from xds.edge.pairs import OFFERS, ClientApi, Feature, Provider, Way, pair

WRITTEN: Final = {
    Provider.OPENAI: "api: openai",
    Provider.AZURE: "api: azure",
    Provider.MISTRAL: "api: mistral",
    Provider.VLLM: "api: openai, dialect: vllm",
    Provider.LLAMACPP: "api: openai, dialect: llamacpp",
    Provider.OLLAMA: "api: openai, dialect: ollama",
    Provider.TGI: "api: openai, dialect: tgi",
    Provider.COMPATIBLE: "api: openai, dialect: compatible",
    Provider.ANTHROPIC: "api: anthropic",
    Provider.ANTHROPIC_VERTEX: "api: anthropic, google: {..}",
    Provider.ANTHROPIC_BEDROCK: "api: anthropic, aws: {..}",
    Provider.GEMINI: "api: gemini",
    Provider.GEMINI_VERTEX: "api: gemini, google: {..}",
    Provider.BEDROCK: "api: bedrock, aws: {..}",
    Provider.COHERE: "api: cohere",
}
"""How a policy writes each."""

COUNTED: Final = "counted"
"""The way of an operation that no provider is asked for: the edge counts the tokens itself."""

_FOR: Final = {
    ClientApi.COUNT_TOKENS: ClientApi.MESSAGES,
    ClientApi.INPUT_TOKENS: ClientApi.RESPONSES,
}
_WORDS: Final = {Way.SAME.value: "same", Way.TRANSLATE.value: "translated", COUNTED: COUNTED}


def way_of(client: ClientApi, provider: Provider) -> str | None:
    """How a client's API comes to a provider: `same`, `translate` or `counted`; None: not."""
    found = pair(client, provider)
    if found is not None:
        return found.way.value
    generative = _FOR.get(client)
    served = generative is not None and pair(generative, provider) is not None
    return COUNTED if served else None


def as_data() -> list[dict[str, Any]]:
    """Give one entry for each pair that is served, in a fixed order."""
    entries: list[dict[str, Any]] = []
    for client in _CLIENTS:
        for provider in Provider:
            way = way_of(client, provider)
            if way is None:
                continue
            found = pair(client, provider)
            features = () if found is None else found.features
            entries.append(
                {
                    "client": client.value,
                    "provider": provider.value,
                    "written": WRITTEN[provider],
                    "way": way,
                    "features": [one.value for one in Feature if one in features],
                }
            )
    return entries


def as_text() -> str:
    """Give two tables, of ways and of features, and what their words mean."""
    ways = [
        [WRITTEN[provider], *(_shown(client, provider) for client in _CLIENTS)]
        for provider in Provider
    ]
    features = [
        [WRITTEN[provider], *("yes" if one in OFFERS[provider] else "-" for one in Feature)]
        for provider in Provider
    ]
    return "\n".join(
        (
            *_columns(["PROVIDER", *(client.value for client in _CLIENTS)], ways),
            "",
            "same: the client's own API; translated: by the edge; counted: by the edge, which asks",
            "nobody; -: not served, and an error where a model asks for it in `apis`",
            "",
            *_columns(["PROVIDER HAS", *(one.value for one in Feature)], features),
            "",
            "what a request asks for and its provider lacks is answered 400 in the client's schema",
        )
    )


_CLIENTS: Final = tuple(client for client in ClientApi if client is not ClientApi.MODELS)
"""All but the list of models, which the gateway answers itself."""


def _shown(client: ClientApi, provider: Provider) -> str:
    way = way_of(client, provider)
    return "-" if way is None else _WORDS[way]


def _columns(header: list[str], rows: list[list[str]]) -> Iterable[str]:
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    for row in (header, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
