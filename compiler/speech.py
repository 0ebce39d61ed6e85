"""What a provider of a policy is spoken to in, and where its API begins unless that is written."""

from __future__ import annotations

from typing import Final

from compiler.plan_llm import Speech, Url
from compiler.schema.providers import ProviderApi, ProviderDocument
from xds.edge.pairs import BASES

_PLAIN: Final = {
    ProviderApi.OPENAI: Speech.OPENAI,
    ProviderApi.AZURE: Speech.AZURE,
    ProviderApi.ANTHROPIC: Speech.ANTHROPIC,
    ProviderApi.GEMINI: Speech.GEMINI,
    ProviderApi.BEDROCK: Speech.BEDROCK,
    ProviderApi.MISTRAL: Speech.MISTRAL,
    ProviderApi.COHERE: Speech.COHERE,
}
_OFFICIAL: Final = {
    Speech.OPENAI: "api.openai.com",
    Speech.ANTHROPIC: "api.anthropic.com",
    Speech.GEMINI: "generativelanguage.googleapis.com",
    Speech.MISTRAL: "api.mistral.ai",
    Speech.COHERE: "api.cohere.com",
}
_VERTEX: Final = {
    "global": "aiplatform.googleapis.com",
    "eu": "aiplatform.eu.rep.googleapis.com",
    "us": "aiplatform.us.rep.googleapis.com",
}
OFFICIAL_HOSTS: Final = {host: BASES[speech] for speech, host in _OFFICIAL.items()}
"""The hosts of those who made an API, and the path at which it begins there."""


def speech_of(provider: ProviderDocument) -> Speech:
    """Tell what is spoken; of contradictions, which are reported, it takes one side."""
    if provider.api is ProviderApi.OPENAI and provider.dialect is not None:
        return Speech(provider.dialect.value)
    if provider.api is ProviderApi.ANTHROPIC and provider.aws is not None:
        return Speech.ANTHROPIC_BEDROCK
    if provider.api is ProviderApi.ANTHROPIC and provider.google is not None:
        return Speech.ANTHROPIC_VERTEX
    if provider.api is ProviderApi.GEMINI and provider.google is not None:
        return Speech.GEMINI_VERTEX
    return _PLAIN[provider.api]


def url_of(provider: ProviderDocument) -> Url:
    """Give where the API begins: as written, or the official place."""
    if provider.url is not None:
        return provider.url
    speech = speech_of(provider)
    if provider.google is not None:
        location = provider.google.location
        host = _VERTEX.get(location, f"{location}-aiplatform.googleapis.com")
    elif provider.aws is not None:
        region = provider.aws.region
        end = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        host = f"bedrock-runtime.{region}.{end}"
    else:
        # A dialect is somebody's own server: without a URL, which is reported, OpenAI's stands in.
        host = _OFFICIAL.get(speech, _OFFICIAL[Speech.OPENAI])
    return Url("https", host, 443, BASES[speech])
