"""Who may stand in front of whom: the table of client APIs and providers, as data.

`gatewright providers` prints it, the compiler refuses what it does not hold, and `translator` goes
by it. `SAME` is the client's own API at the provider: the bytes go on. `TRANSLATE` is through the
events. A feature that a pair lacks is a 400 in the client's schema where a request asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Api(StrEnum):
    """The wire format of a provider's chat API."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    CONVERSE = "converse"
    COHERE = "cohere"


class Provider(StrEnum):
    """A way to speak to a provider: an API at a place, or a dialect of an API."""

    OPENAI = "openai"
    AZURE = "azure"
    MISTRAL = "mistral"
    VLLM = "vllm"
    LLAMACPP = "llamacpp"
    OLLAMA = "ollama"
    TGI = "tgi"
    COMPATIBLE = "compatible"
    ANTHROPIC = "anthropic"
    ANTHROPIC_VERTEX = "anthropic_vertex"
    ANTHROPIC_BEDROCK = "anthropic_bedrock"
    GEMINI = "gemini"
    GEMINI_VERTEX = "gemini_vertex"
    BEDROCK = "bedrock"
    COHERE = "cohere"

    api: Api
    """The API whose schema the provider speaks."""


_APIS: Final = {
    Provider.OPENAI: Api.OPENAI,
    Provider.AZURE: Api.OPENAI,
    Provider.MISTRAL: Api.OPENAI,
    Provider.VLLM: Api.OPENAI,
    Provider.LLAMACPP: Api.OPENAI,
    Provider.OLLAMA: Api.OPENAI,
    Provider.TGI: Api.OPENAI,
    Provider.COMPATIBLE: Api.OPENAI,
    Provider.ANTHROPIC: Api.ANTHROPIC,
    Provider.ANTHROPIC_VERTEX: Api.ANTHROPIC,
    Provider.ANTHROPIC_BEDROCK: Api.ANTHROPIC,
    Provider.GEMINI: Api.GEMINI,
    Provider.GEMINI_VERTEX: Api.GEMINI,
    Provider.BEDROCK: Api.CONVERSE,
    Provider.COHERE: Api.COHERE,
}
for _provider, _api in _APIS.items():
    _provider.api = _api


BASES: Final = dict.fromkeys(Provider, "/v1") | {
    Provider.AZURE: "",
    Provider.ANTHROPIC_BEDROCK: "",
    Provider.GEMINI: "/v1beta",
    Provider.BEDROCK: "",
    Provider.COHERE: "/v2",
}
"""The path at which each usually begins."""


class ClientApi(StrEnum):
    """An operation that clients ask for, in the schema of the API that they speak."""

    CHAT = "chat"  # POST /v1/chat/completions
    COMPLETIONS = "completions"  # POST /v1/completions
    RESPONSES = "responses"  # POST /v1/responses
    MESSAGES = "messages"  # POST /v1/messages
    EMBEDDINGS = "embeddings"  # POST /v1/embeddings
    COUNT_TOKENS = "count_tokens"  # POST /v1/messages/count_tokens
    INPUT_TOKENS = "input_tokens"  # POST /v1/responses/input_tokens
    MODELS = "models"  # GET /v1/models, OpenAI's or Anthropic's
    IMAGES = "images"  # POST /v1/images/generations
    SPEECH = "speech"  # POST /v1/audio/speech


class Way(StrEnum):
    """How a client's API comes to a provider."""

    SAME = "same"
    TRANSLATE = "translate"


class Feature(StrEnum):
    """What a request may ask for beyond text."""

    STREAM = "stream"
    TOOLS = "tools"
    IMAGES = "images"
    IMAGE_URLS = "image_urls"
    DOCUMENTS = "documents"
    REASONING = "reasoning"
    SIGNATURES = "signatures"
    SCHEMA = "schema"
    CACHE = "cache"
    CHOICES = "choices"
    LOGPROBS = "logprobs"


@dataclass(frozen=True, slots=True)
class Pair:
    """One client API in front of one provider."""

    way: Way
    features: frozenset[Feature]


_F = Feature
_COMMON: Final = frozenset({_F.STREAM, _F.TOOLS, _F.IMAGES, _F.SCHEMA, _F.REASONING})
_OPENAI: Final = _COMMON | {_F.IMAGE_URLS, _F.DOCUMENTS, _F.CHOICES, _F.LOGPROBS}
_CLAUDE: Final = _COMMON | {_F.IMAGE_URLS, _F.DOCUMENTS, _F.SIGNATURES, _F.CACHE}

OFFERS: Final[dict[Provider, frozenset[Feature]]] = {
    Provider.OPENAI: _OPENAI,
    Provider.AZURE: _OPENAI,
    Provider.MISTRAL: _COMMON | {_F.IMAGE_URLS, _F.CHOICES, _F.LOGPROBS},
    Provider.VLLM: _OPENAI,
    Provider.LLAMACPP: _COMMON | {_F.IMAGE_URLS, _F.CHOICES, _F.LOGPROBS},
    Provider.OLLAMA: _COMMON | {_F.LOGPROBS},
    Provider.TGI: _COMMON | {_F.IMAGE_URLS, _F.LOGPROBS},
    Provider.COMPATIBLE: _OPENAI,
    Provider.ANTHROPIC: _CLAUDE,
    Provider.ANTHROPIC_VERTEX: _CLAUDE,
    Provider.ANTHROPIC_BEDROCK: _CLAUDE,
    Provider.GEMINI: _COMMON | {_F.DOCUMENTS, _F.SIGNATURES, _F.CHOICES, _F.LOGPROBS},
    Provider.GEMINI_VERTEX: _COMMON
    | {_F.IMAGE_URLS, _F.DOCUMENTS, _F.SIGNATURES, _F.CHOICES, _F.LOGPROBS},
    Provider.BEDROCK: _COMMON | {_F.DOCUMENTS, _F.SIGNATURES, _F.CACHE},
    Provider.COHERE: _COMMON | {_F.IMAGE_URLS},
}
"""What each provider's API has words for."""

_SAYS: Final[dict[ClientApi, frozenset[Feature]]] = {
    ClientApi.CHAT: frozenset(_F),
    ClientApi.COMPLETIONS: frozenset({_F.STREAM, _F.CHOICES}),
    ClientApi.RESPONSES: frozenset(_F) - {_F.CHOICES, _F.CACHE},
    ClientApi.MESSAGES: frozenset(_F) - {_F.CHOICES, _F.LOGPROBS},
}
"""What each client's API has words for."""

_SERVERS: Final = (
    Provider.OPENAI,
    Provider.AZURE,
    Provider.VLLM,
    Provider.LLAMACPP,
    Provider.OLLAMA,
    Provider.TGI,
    Provider.MISTRAL,
    Provider.COMPATIBLE,
)
_CLAUDES: Final = (
    Provider.ANTHROPIC,
    Provider.ANTHROPIC_VERTEX,
    Provider.ANTHROPIC_BEDROCK,
)
_GEMINIS: Final = (Provider.GEMINI, Provider.GEMINI_VERTEX)

_SPEAKERS: Final = (Provider.OPENAI, Provider.AZURE, Provider.VLLM, Provider.COMPATIBLE)

PASSED: Final[dict[ClientApi, tuple[Provider, ...]]] = {
    ClientApi.CHAT: _SERVERS,
    ClientApi.COMPLETIONS: tuple(p for p in _SERVERS if p is not Provider.MISTRAL),
    ClientApi.RESPONSES: (Provider.OPENAI, Provider.AZURE),
    ClientApi.MESSAGES: _CLAUDES,
    ClientApi.EMBEDDINGS: tuple(p for p in _SERVERS if p is not Provider.MISTRAL),
    ClientApi.COUNT_TOKENS: (Provider.ANTHROPIC,),
    ClientApi.INPUT_TOKENS: (Provider.OPENAI, Provider.AZURE),
    ClientApi.MODELS: (),
    ClientApi.IMAGES: _SPEAKERS,
    ClientApi.SPEECH: _SPEAKERS,
}
TRANSLATED: Final[dict[ClientApi, tuple[Provider, ...]]] = {
    ClientApi.CHAT: tuple(Provider),
    ClientApi.COMPLETIONS: tuple(Provider),
    ClientApi.RESPONSES: tuple(Provider),
    ClientApi.MESSAGES: tuple(Provider),
    ClientApi.EMBEDDINGS: (*_GEMINIS, Provider.BEDROCK, Provider.MISTRAL, Provider.COHERE),
    ClientApi.COUNT_TOKENS: (
        Provider.ANTHROPIC_VERTEX,
        *_GEMINIS,
        Provider.BEDROCK,
        Provider.OPENAI,
        Provider.AZURE,
    ),
    ClientApi.INPUT_TOKENS: (
        Provider.ANTHROPIC,
        Provider.ANTHROPIC_VERTEX,
        *_GEMINIS,
        Provider.BEDROCK,
    ),
    ClientApi.MODELS: (*_SERVERS, Provider.ANTHROPIC, Provider.GEMINI, Provider.COHERE),
    ClientApi.IMAGES: (),
    ClientApi.SPEECH: (),
}


def pair(client: ClientApi, provider: Provider) -> Pair | None:
    """The pair, or None where this API cannot be served by that provider."""
    return _PAIRS.get((client, provider))


def _pair(client: ClientApi, provider: Provider) -> Pair | None:
    features = _SAYS.get(client, frozenset()) & OFFERS[provider]
    if provider in PASSED[client]:
        return Pair(Way.SAME, features)
    if provider in TRANSLATED[client]:
        return Pair(Way.TRANSLATE, features)
    return None


_PAIRS: Final = {
    (client, provider): found
    for client in ClientApi
    for provider in Provider
    if (found := _pair(client, provider)) is not None
}


def table() -> list[tuple[ClientApi, Provider, Pair]]:
    """All pairs that are served, in a fixed order."""
    return [(client, provider, found) for (client, provider), found in _PAIRS.items()]
