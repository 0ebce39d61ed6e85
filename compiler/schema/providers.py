"""The ``providers`` section: who answers LLM requests, where, and with which key."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Strict

from compiler.plan_llm import Api, Trust
from compiler.schema.attached import with_policies
from compiler.schema.limits import Budgets, Limits
from compiler.schema.url import ProviderUrl
from policies.base import Place
from policies.document import Document, Maybe
from policies.values import Duration, HeaderName, HeaderValue, SecretSource


@with_policies(Place.PROVIDER)
class ProviderDocument(Document):
    """Somebody who answers LLM requests: an API, where it begins, and the key for it."""

    api: Annotated[Api, Strict(strict=False)]
    """The wire format that it speaks: `openai` for everything OpenAI-compatible."""
    url: Maybe[ProviderUrl] = None
    """Where its API begins, up to and with the version; the official one unless written."""
    key: Maybe[SecretSource] = None
    """Where its API key lies; none is sent unless written."""
    trust: Annotated[Trust, Strict(strict=False)] = Trust.EXTERNAL
    """Whether what is sent there leaves the house."""
    headers: dict[HeaderName, HeaderValue] = Field(
        default_factory=dict, examples=[{"OpenAI-Organization": "org-1"}]
    )
    """Headers sent with every request, such as an organisation; never credentials."""
    connect_timeout: Maybe[Duration] = None
    """How long a connection may take to open; `defaults.connect_timeout` unless written."""
    limits: Limits = ()
    """How much is asked of it, such as what it allows itself."""
    budget: Budgets = ()
    """How much may be spent there."""
