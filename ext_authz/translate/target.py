"""The target of a request: which provider, which model, and what that model takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from ext_authz.translate.errors import RefusedError
from xds.edge.pairs import BASES, Provider

_MODEL: Final = re.compile(r"[A-Za-z0-9@._:/+\-]{1,2048}")

quoted = lru_cache(maxsize=1024)(quote)
"""A model's name as a path holds it."""


@dataclass(frozen=True, slots=True)
class Target:
    """One model at one provider.

    `model` is its name there (Azure: the deployment, Bedrock: the id or ARN). `base` is the path
    before the API's own ("" for none, None for the provider's usual one). `project` and
    `location` are Vertex's, `api_version` Azure's; without one Azure is spoken to by its
    `/openai/v1` paths. `traits` overrides what the name of the model says.
    """

    provider: Provider
    model: str
    base: str | None = None
    project: str = ""
    location: str = ""
    api_version: str = ""
    traits: Traits | None = None

    @property
    def path(self) -> str:
        """The path before the API's own."""
        return BASES[self.provider] if self.base is None else self.base.rstrip("/")

    @property
    def vertex(self) -> str:
        """The path before a model of Vertex AI."""
        return f"{self.path}/projects/{self.project}/locations/{self.location}"

    def checked(self) -> Target:
        """Return itself, or raise `RefusedError` for a model name that no path can hold."""
        if not _is_name(self.model):
            raise RefusedError("The name of the model holds characters that no model has")
        return self

    @property
    def known(self) -> Traits:
        """What the model takes."""
        return self.traits or traits_of(self.model)


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model takes, where models of one API differ.

    `thinking` is how reasoning is asked for: `effort` (Anthropic's adaptive thinking, Gemini's
    levels, OpenAI's effort), `budget` (in tokens) or `none`. `max_tokens` is what is asked for
    where the API wants a number and the client gave none. `sampling` is whether temperature,
    top_p and top_k may be set, `json_schema` whether an answer's schema may be, `completion_limit`
    whether OpenAI's newer models are spoken to. `schema_subset` is whether Gemini takes OpenAPI's
    schemas only, `both_samplers` whether temperature may stand beside top_p.
    """

    thinking: str = "none"
    max_tokens: int = 4096
    sampling: bool = True
    json_schema: bool = True
    completion_limit: bool = False
    schema_subset: bool = False
    both_samplers: bool = True


# The first pattern that is found in the model's name decides, and older names stand first: a name
# that nobody knows yet is taken for the newest of its family. Sources: the providers' pages of
# models; that Claude refuses temperature beside top_p since 4.1, and both since 4.7.
_MODELS: Final = tuple(
    (re.compile(pattern), traits)
    for pattern, traits in (
        (r"claude-3-5|claude-3\.5", Traits(max_tokens=8192, json_schema=False)),
        (r"claude-3-7|claude-3\.7", Traits("budget", 32000, json_schema=False)),
        (r"claude-(?:3|2|1|instant|v2)", Traits(max_tokens=4096, json_schema=False)),
        (r"claude-opus-4-[15](?!\d)", Traits("budget", 32000, both_samplers=False)),
        (r"claude-(?:sonnet|haiku)-4-5", Traits("budget", 32000, both_samplers=False)),
        (
            r"claude-(?:opus|sonnet)-4(?:-0|(?!-\d(?!\d)))",
            Traits("budget", 32000, json_schema=False),
        ),
        (r"claude-[a-z]+-(?:4-[7-9]|[5-9])", Traits("effort", 32000, sampling=False)),
        (r"claude", Traits("effort", 32000, both_samplers=False)),
        (r"gemini-(?:1|2\.0)", Traits("none", 8192, schema_subset=True)),
        (r"gemini-2\.5", Traits("budget", 65536)),
        (r"gemma", Traits("none", 8192, schema_subset=True)),
        (r"gemini", Traits("effort", 65536)),
        (r"gpt-[34]", Traits()),
        (r"gpt-\d.*-chat", Traits(completion_limit=True)),
        (r"(?:^|/)o\d|gpt-\d", Traits("effort", sampling=False, completion_limit=True)),
        (r"nova|llama|titan|ai21|jamba|command", Traits(json_schema=False)),
    )
)


@lru_cache(maxsize=1024)
def _is_name(model: str) -> bool:
    return bool(_MODEL.fullmatch(model)) and ".." not in model and "//" not in model


@lru_cache(maxsize=1024)
def traits_of(model: str) -> Traits:
    """What the name of a model says of it."""
    for pattern, traits in _MODELS:
        if pattern.search(model):
            return traits
    return Traits("effort")
