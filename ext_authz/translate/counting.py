"""Counting the tokens of a prompt: Anthropic's and OpenAI's counters in front of others'.

Sources: `POST /v1/messages/count_tokens`, `POST /v1/responses/input_tokens`, Bedrock's
`CountTokens`, Gemini's `countTokens`, Claude on Vertex AI (`count-tokens:rawPredict`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ext_authz.translate.conversation import Ask
from ext_authz.translate.providers.anthropic_request import VERSION, VERTEX_VERSION, message_of
from ext_authz.translate.providers.converse_request import converse_of
from ext_authz.translate.providers.converse_request import model_path as bedrock_path
from ext_authz.translate.providers.gemini_request import generate_of
from ext_authz.translate.providers.gemini_request import model_path as gemini_path
from ext_authz.translate.providers.openai_request import chat_path
from ext_authz.translate.providers.responses_input import input_of
from ext_authz.translate.target import Target
from ext_authz.translate.upstream import Upstream, json_headers
from ext_authz.translate.wire import encode
from xds.edge.pairs import Api, ClientApi, Provider

_COUNTED: Final = (
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
)
_OF_VERTEX: Final = ("contents", "systemInstruction", "tools", "generationConfig")
_OF_CONVERSE: Final = ("messages", "system", "toolConfig", "additionalModelRequestFields")
_COUNTS: Final = ("input_tokens", "inputTokens", "totalTokens")


def write_count(ask: Ask, target: Target) -> Upstream:
    """Write the request that counts what an `Ask` would cost."""
    api = target.provider.api
    if api is Api.ANTHROPIC:
        return _anthropic(ask, target)
    if api is Api.CONVERSE:
        body, _ = converse_of(ask, target.known)
        counted = {name: body[name] for name in _OF_CONVERSE if name in body}
        path = bedrock_path(target, "count-tokens")
        return Upstream(path, encode({"input": {"converse": counted}}), json_headers())
    if api is Api.GEMINI:
        path = gemini_path(target, "countTokens")
        asked = generate_of(ask, target)
        if target.provider is Provider.GEMINI:
            model = target.model if "/" in target.model else f"models/{target.model}"
            asked = {"generateContentRequest": {"model": model, **asked}}
        else:
            # This counter refuses `toolConfig`, which costs no tokens.
            asked = {name: asked[name] for name in _OF_VERTEX if name in asked}
        return Upstream(path, encode(asked), json_headers())
    asked = {"model": target.model, **input_of(ask)}
    return Upstream(chat_path(target, "responses/input_tokens"), encode(asked), json_headers())


def _anthropic(ask: Ask, target: Target) -> Upstream:
    body = message_of(ask, target.known)
    counted: dict[str, Any] = {"model": target.model}
    counted |= {name: body[name] for name in _COUNTED if name in body}
    if target.provider is Provider.ANTHROPIC_VERTEX:
        counted["anthropic_version"] = VERTEX_VERSION
        path = f"{target.vertex}/publishers/anthropic/models/count-tokens:rawPredict"
        return Upstream(path, encode(counted), json_headers())
    headers = json_headers("", ("anthropic-version", VERSION))
    return Upstream(f"{target.path}/messages/count_tokens", encode(counted), headers)


def counted(client: ClientApi, tokens: int) -> bytes:
    """The client's answer that tells a count; for one that was estimated here, too."""
    if client is ClientApi.INPUT_TOKENS:
        return encode({"object": "response.input_tokens", "input_tokens": tokens})
    return encode({"input_tokens": tokens})


def count_rewrite(
    client: ClientApi,
) -> Callable[[dict[str, Any], Mapping[str, str]], bytes | None]:
    """What turns a provider's count into the client's."""

    def rewrite(fields: dict[str, Any], _: Mapping[str, str]) -> bytes | None:
        for name in _COUNTS:
            told = fields.get(name)
            if isinstance(told, int) and not isinstance(told, bool):
                return counted(client, told)
        return None

    return rewrite
