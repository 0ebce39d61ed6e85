"""The writer for a client's API."""

from __future__ import annotations

from typing import Any

from ext_authz.translate.clients.chat_answer import ChatWriter
from ext_authz.translate.clients.completions import CompletionsWriter
from ext_authz.translate.clients.messages_answer import MessagesWriter
from ext_authz.translate.clients.responses_answer import ResponsesWriter
from ext_authz.translate.clients.writer import Moment, Writer
from ext_authz.translate.conversation import Ask
from xds.edge.pairs import ClientApi

NOTHING = Ask("", ())


def writer_for(
    client: ClientApi,
    model: str,
    moment: Moment,
    ask: Ask = NOTHING,
    echoed: dict[str, Any] | None = None,
) -> Writer:
    """Make one; `echoed` is what a response repeats of its request."""
    if client is ClientApi.MESSAGES or client is ClientApi.COUNT_TOKENS:
        return MessagesWriter(model, moment)
    if client is ClientApi.RESPONSES or client is ClientApi.INPUT_TOKENS:
        return ResponsesWriter(model, moment, echoed or {})
    if client is ClientApi.COMPLETIONS:
        return CompletionsWriter(model, moment, include_usage=ask.include_usage)
    return ChatWriter(model, moment, include_usage=ask.include_usage)
