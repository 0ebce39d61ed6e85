"""Whole answers that are nothing but a refusal by the provider's filter, in the client's API.

Sources: the schemas `chat.completion`, `text_completion` and `response` of OpenAI, and `Message` of
Anthropic.
"""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.providers.reader import read_object
from xds.edge.pairs import ClientApi

_WORDS: Final = (b'"content_filter"', b'"refusal"')
_SAYS: Final = ("content", "tool_calls", "function_call", "refusal", "reasoning_content", "audio")


def is_filtered(client: ClientApi, body: bytes) -> bool:
    """Tell whether an answer says nothing, and that a filter is why."""
    if not any(word in body for word in _WORDS):
        return False
    fields = read_object(body)
    if fields is None:
        return False
    if client is ClientApi.MESSAGES:
        return fields.get("stop_reason") == "refusal" and not fields.get("content")
    if client is ClientApi.RESPONSES:
        details = fields.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return reason == "content_filter" and not fields.get("output")
    choices = fields.get("choices")
    return (
        isinstance(choices, list)
        and bool(choices)
        and all(isinstance(choice, dict) and _is_silent(choice) for choice in choices)
    )


def _is_silent(choice: dict[str, Any]) -> bool:
    if choice.get("finish_reason") != "content_filter" or choice.get("text"):
        return False
    message = choice.get("message")
    return not isinstance(message, dict) or not any(message.get(name) for name in _SAYS)
