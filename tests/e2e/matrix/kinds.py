"""Every kind of provider that there is: how a policy writes it, and how it is simulated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulator.config import AwsKeys, Provider
from xds.edge.pairs import Provider as Speech

KEY = "sk-canary-provider"
TOKEN = "ya29.canary-of-vertex"
AWS = AwsKeys("AKIACANARY", "canary/secret/of/aws", region="eu-central-1")
ENVIRONMENT = {
    "PROVIDER_KEY": KEY,
    "VERTEX_TOKEN": TOKEN,
    "AWS_ID": AWS.access_key,
    "AWS_SECRET": AWS.secret_key,
}
"""The secrets of the policy, as its `env:` names them."""

_KEY = {"key": "env:PROVIDER_KEY"}
_SIGNED = {
    "aws": {
        "region": "eu-central-1",
        "credentials": {"access_key": "env:AWS_ID", "secret_key": "env:AWS_SECRET"},
    }
}
_VERTEX = {
    "google": {"project": "corp-llm", "location": "europe-west4"},
    "key": "env:VERTEX_TOKEN",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A provider of the policy, and its simulation of the same name.

    `model` is one that it serves; `embeds` one that makes embeddings, where it has any. In
    `document` (the policy's words) `url` is what follows the simulated provider's own path.
    """

    name: str
    speech: Speech
    document: dict[str, Any] = field(repr=False)
    model: str
    simulated: Provider
    embeds: str = ""

    def written(self) -> dict[str, Any]:
        """The provider as the policy has it; `{simulator}` stands for the simulator's origin."""
        url = f"{{simulator}}/{self.name}{self.document['url']}"
        return {**self.document, "url": url}


def _kind(
    name: str,
    speech: Speech,
    model: str,
    document: dict[str, Any],
    api: str,
    *,
    embeds: str = "",
    **simulated: Any,
) -> Kind:
    key: dict[str, Any] = {"key": KEY} if "aws" not in simulated and "key" not in simulated else {}
    return Kind(name, speech, document, model, Provider(name, api, **key, **simulated), embeds)


def _dialect(name: str) -> Kind:
    document = {"api": "openai", "dialect": name, "url": "/v1", **_KEY}
    return _kind(name, Speech(name), "qwen3-32b", document, "openai", embeds="bge-m3")


_CLAUDE = "claude-sonnet-4-5-20250929"
_AT_BEDROCK = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"

KINDS = (
    _kind(
        "openai",
        Speech.OPENAI,
        "gpt-5",
        {"api": "openai", "url": "/v1", **_KEY},
        "openai",
        embeds="text-embedding-3-small",
    ),
    _kind(
        "azure",
        Speech.AZURE,
        "gpt-5",
        {"api": "azure", "url": "", **_KEY},
        "azure",
        embeds="text-embedding-3-small",
    ),
    _kind(
        "deployments",
        Speech.AZURE,
        "our-gpt",
        {"api": "azure", "url": "", "api_version": "2024-10-21", **_KEY},
        "azure",
        embeds="our-embeddings",
    ),
    _kind(
        "mistral",
        Speech.MISTRAL,
        "mistral-large-latest",
        {"api": "mistral", "url": "/v1", **_KEY},
        "mistral",
        embeds="mistral-embed",
    ),
    *map(_dialect, ("vllm", "llamacpp", "ollama", "tgi", "compatible")),
    _kind(
        "anthropic",
        Speech.ANTHROPIC,
        _CLAUDE,
        {"api": "anthropic", "url": "/v1", **_KEY},
        "anthropic",
    ),
    _kind(
        "claude-vertex",
        Speech.ANTHROPIC_VERTEX,
        "claude-sonnet-4-5@20250929",
        {"api": "anthropic", "url": "/v1", **_VERTEX},
        "anthropic_vertex",
        key=TOKEN,
    ),
    _kind(
        "claude-bedrock",
        Speech.ANTHROPIC_BEDROCK,
        _AT_BEDROCK,
        {"api": "anthropic", "url": "", **_SIGNED},
        "anthropic_bedrock",
        aws=AWS,
    ),
    _kind(
        "gemini",
        Speech.GEMINI,
        "gemini-2.5-flash",
        {"api": "gemini", "url": "/v1beta", **_KEY},
        "gemini",
        embeds="gemini-embedding-001",
    ),
    _kind(
        "gemini-vertex",
        Speech.GEMINI_VERTEX,
        "gemini-2.5-flash",
        {"api": "gemini", "url": "/v1", **_VERTEX},
        "gemini_vertex",
        embeds="gemini-embedding-001",
        key=TOKEN,
    ),
    _kind(
        "bedrock",
        Speech.BEDROCK,
        _AT_BEDROCK,
        {"api": "bedrock", "url": "", **_SIGNED},
        "bedrock",
        embeds="cohere.embed-multilingual-v3",
        aws=AWS,
    ),
    _kind(
        "bedrock-key",
        Speech.BEDROCK,
        _AT_BEDROCK,
        {"api": "bedrock", "url": "", "aws": {"region": "eu-central-1"}, **_KEY},
        "bedrock",
        key=KEY,
    ),
    _kind(
        "cohere",
        Speech.COHERE,
        "command-a-reasoning-08-2025",
        {"api": "cohere", "url": "/v2", **_KEY},
        "cohere",
        embeds="embed-v4.0",
    ),
)
KIND = {kind.name: kind for kind in KINDS}
