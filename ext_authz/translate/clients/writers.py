"""The writer for a client's API."""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.clients.chat_answer import ChatWriter
from ext_authz.translate.clients.completions import CompletionsWriter
from ext_authz.translate.clients.messages_answer import MessagesWriter
from ext_authz.translate.clients.responses_answer import ResponsesWriter
from ext_authz.translate.clients.writer import Moment, Writer
from ext_authz.translate.conversation import Ask
from xds.edge.pairs import ClientApi

NOTHING: Final = Ask("", ())
# Sets, since to name a member of an enum takes longer than to find one.
_OF_MESSAGES: Final = frozenset((ClientApi.MESSAGES, ClientApi.COUNT_TOKENS))
_OF_RESPONSES: Final = frozenset((ClientApi.RESPONSES, ClientApi.INPUT_TOKENS))
_OF_COMPLETIONS: Final = frozenset((ClientApi.COMPLETIONS,))


def writer_for(
    client: ClientApi,
    model: str,
    moment: Moment,
    ask: Ask = NOTHING,
    echoed: dict[str, Any] | None = None,
) -> Writer:
    """Make one; `echoed` is what a response repeats of its request."""
    if client in _OF_MESSAGES:
        return MessagesWriter(model, moment)
    if client in _OF_RESPONSES:
        return ResponsesWriter(model, moment, echoed or {})
    writer = CompletionsWriter if client in _OF_COMPLETIONS else ChatWriter
    return writer(model, moment, include_usage=ask.include_usage)
