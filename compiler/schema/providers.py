"""The ``providers`` section: who answers LLM requests, where, and with which key."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, Strict

from compiler.plan_llm import Trust
from compiler.schema.attached import with_policies
from compiler.schema.clouds import AwsDocument, GoogleDocument
from compiler.schema.limits import Budgets, Limits
from compiler.schema.url import ProviderUrl
from policies.base import Place
from policies.document import Document, Maybe, Unfold
from policies.values import Duration, HeaderName, HeaderValue, SecretSource


class ProviderApi(StrEnum):
    """The API that a provider speaks, as policies call it."""

    OPENAI = "openai"
    AZURE = "azure"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    BEDROCK = "bedrock"
    MISTRAL = "mistral"
    COHERE = "cohere"


class Dialect(StrEnum):
    """What an OpenAI-compatible server is, whose quirks are mended."""

    VLLM = "vllm"
    LLAMACPP = "llamacpp"
    OLLAMA = "ollama"
    TGI = "tgi"
    COMPATIBLE = "compatible"


class CoolDownDocument(Document):
    """When a provider's target is passed by for a while. A time is its `for`."""

    after: Annotated[int, Field(ge=1, le=1000)] = 5
    """How often it fails in a row before that: 429, 5xx, or no answer."""
    period: Annotated[Duration, Field(alias="for")] = timedelta(seconds=30)
    """For how long."""


def _unfold_cool_down(value: Any) -> Any:
    return {"for": value} if isinstance(value, str) else value


_TIME = {"type": "string", "pattern": "^[0-9]", "examples": ["30s"]}


@with_policies(Place.PROVIDER)
class ProviderDocument(Document):
    """Somebody who answers LLM requests: an API, where it begins, and the key for it."""

    api: Annotated[ProviderApi, Strict(strict=False)]
    """The API that it speaks: `openai` for everything OpenAI-compatible. Clients of any API are
    served: what is not their own is translated."""
    dialect: Maybe[Annotated[Dialect, Strict(strict=False)]] = None
    """What an OpenAI-compatible server is, so that its quirks are mended; `compatible` for one that
    is none of the others. Unless written, OpenAI's clients get what it says as it is."""
    url: Maybe[ProviderUrl] = None
    """Where its API begins, up to and with the version; the official one unless written. Of `azure`
    it is the resource, such as `https://NAME.openai.azure.com`, and must be written."""
    key: Maybe[SecretSource] = None
    """Where its API key lies; none is sent unless written. On Vertex AI it is an access token, on
    Bedrock a Bedrock API key."""
    aws: Maybe[AwsDocument] = None
    """Of `bedrock`, and of `anthropic` for Claude on Bedrock: where, and who signs."""
    google: Maybe[GoogleDocument] = None
    """Of `gemini` and `anthropic` on Vertex AI: where, and whose service account."""
    api_version: Maybe[
        Annotated[
            str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$", examples=["2024-10-21"])
        ]
    ] = None
    """Of `azure`: the version of its API by deployments; unless written, its `/openai/v1` paths are
    used, which have none."""
    trust: Annotated[Trust, Strict(strict=False)] = Trust.EXTERNAL
    """Whether what is sent there leaves the house."""
    headers: dict[HeaderName, HeaderValue] = Field(
        default_factory=dict, examples=[{"OpenAI-Organization": "org-1"}]
    )
    """Headers sent with every request, such as an organisation; never credentials."""
    connect_timeout: Maybe[Duration] = None
    """How long a connection may take to open; `defaults.connect_timeout` unless written."""
    cool_down: Maybe[Annotated[CoolDownDocument, Unfold(_unfold_cool_down, _TIME)]] = None
    """When a target that fails is passed by for a while by the chains it stands in, such as `30s`;
    never unless written."""
    limits: Limits = ()
    """How much is asked of it, such as what it allows itself."""
    budget: Budgets = ()
    """How much may be spent there."""
