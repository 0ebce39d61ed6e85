"""The facade: a client's request becomes the provider's, with a machine for its answer.

    exchange = translate(ClientApi.CHAT, Target(Provider.ANTHROPIC, "claude-sonnet-4-5"), body,
                         headers, Moment(now, token))
    exchange.upstream    path, headers and body for the provider; credentials are another's work
    exchange.machine     head / feed / end: the provider's answer becomes the client's

What cannot be served raises `RefusedError`; `refusal` makes the client's answer of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec

from ext_authz.translate.answering import Answering, Carry, Head
from ext_authz.translate.carrying import carry_for
from ext_authz.translate.clients.chat_answer import ChatWriter
from ext_authz.translate.clients.chat_request import read_chat
from ext_authz.translate.clients.completions import CompletionsWriter, read_completions
from ext_authz.translate.clients.messages_answer import MessagesWriter
from ext_authz.translate.clients.messages_request import read_messages_api
from ext_authz.translate.clients.responses_answer import ResponsesWriter
from ext_authz.translate.clients.responses_request import read_responses
from ext_authz.translate.clients.writer import JSON_HEADERS, Moment, Writer
from ext_authz.translate.conversation import Ask
from ext_authz.translate.errors import Failure, RefusedError
from ext_authz.translate.framing.frame import Frame
from ext_authz.translate.pairs import ClientApi, Way, pair
from ext_authz.translate.passing import ChatMender
from ext_authz.translate.passing_on import PassingOn, is_anthropic_error, is_openai_error
from ext_authz.translate.providers.anthropic_answer import AnthropicReader, unwrap_invoke
from ext_authz.translate.providers.anthropic_request import write_anthropic
from ext_authz.translate.providers.cohere_answer import CohereReader
from ext_authz.translate.providers.cohere_request import write_cohere
from ext_authz.translate.providers.converse_answer import ConverseReader
from ext_authz.translate.providers.converse_request import write_converse
from ext_authz.translate.providers.gemini_answer import GeminiReader
from ext_authz.translate.providers.gemini_request import write_gemini
from ext_authz.translate.providers.openai_answer import OpenAiReader
from ext_authz.translate.providers.openai_dialect import DIALECTS
from ext_authz.translate.providers.openai_request import write_openai
from ext_authz.translate.providers.reader import Reader
from ext_authz.translate.same_api import pass_anthropic, pass_openai
from ext_authz.translate.target import Api, Provider, Target
from ext_authz.translate.unwrapping import Unwrapping
from ext_authz.translate.upstream import Upstream

_WRITE: Final[dict[Api, Callable[[Ask, Target], Upstream]]] = {
    Api.OPENAI: write_openai,
    Api.ANTHROPIC: write_anthropic,
    Api.GEMINI: write_gemini,
    Api.CONVERSE: write_converse,
    Api.COHERE: write_cohere,
}
_OPERATIONS: Final = {
    ClientApi.CHAT: "chat/completions",
    ClientApi.COMPLETIONS: "completions",
    ClientApi.RESPONSES: "responses",
}
_TERMINAL: Final = {
    ClientApi.RESPONSES: "response.completed response.incomplete response.failed error",
    ClientApi.MESSAGES: "message_stop",
}


class Machine(Protocol):
    """What turns a provider's answer into the client's; see `answering`."""

    final: Head | None

    @property
    def begun(self) -> bool:
        """Whether any content was said to the client."""

    @property
    def failure(self) -> Failure | None:
        """What went wrong, if anything did."""

    def head(self, status: int, headers: Mapping[str, str]) -> Head | None:
        """Take the provider's head; None means that the client's is known at the end only."""

    def feed(self, piece: bytes) -> bytes:
        """Take a piece of the provider's body, give what the client gets of it."""

    def end(self) -> bytes:
        """Take the end of the provider's body, give the client's last bytes."""

    def as_error(self) -> tuple[Head, bytes]:
        """The failure as an answer of its own."""


class Exchange(msgspec.Struct, frozen=True):
    """A request on its way and the machine for its answer."""

    upstream: Upstream
    machine: Machine


def translate(
    client: ClientApi,
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    moment: Moment,
) -> Exchange:
    """Translate a request (names of headers in lower case); raises `RefusedError`."""
    found = pair(client, target.provider)
    if found is None:
        raise RefusedError(f"`{target.provider}` does not serve this API", code="unsupported_api")
    target.checked()
    try:
        if found.way is Way.SAME:
            return _passed(client, target, body, headers, moment)
        return _translated(client, target, body, moment)
    except (RecursionError, UnicodeEncodeError):
        raise RefusedError("The body is nested too deep, or holds broken text") from None


def refusal(client: ClientApi, failure: Failure, moment: Moment) -> tuple[Head, bytes]:
    """The answer to a client whose request was refused."""
    status, body = _writer(client, "", moment, Ask("", ()), {}).error(failure)
    return Head(status, JSON_HEADERS), body


def _translated(client: ClientApi, target: Target, body: bytes, moment: Moment) -> Exchange:
    echoed: dict[str, Any] = {}
    if client is ClientApi.CHAT:
        ask = read_chat(body)
    elif client is ClientApi.MESSAGES:
        ask = read_messages_api(body)
    elif client is ClientApi.RESPONSES:
        ask, echoed = read_responses(body)
    else:
        ask = read_completions(body)
    upstream = _WRITE[target.provider.api](ask, target)
    bedrock = target.provider is Provider.ANTHROPIC_BEDROCK
    machine = Answering(
        _reader(target, ask, moment),
        _writer(client, target.model, moment, ask, echoed),
        carry_for(client, target.provider, moment.now),
        streams=ask.stream,
        step=Unwrapping(upstream.unwrap) if upstream.unwrap else None,
        unframe=unwrap_invoke if bedrock else None,
    )
    return Exchange(upstream, machine)


def _passed(
    client: ClientApi, target: Target, body: bytes, headers: Mapping[str, str], moment: Moment
) -> Exchange:
    carry: Carry = carry_for(client, target.provider, moment.now)
    writer = _writer(client, target.model, moment, Ask(target.model, ()), {})
    unframe: Callable[[Frame], Frame] | None = None
    if client is ClientApi.MESSAGES:
        upstream = pass_anthropic(body, target, headers)
        is_error = is_anthropic_error
        if target.provider is Provider.ANTHROPIC_BEDROCK:
            unframe = unwrap_invoke
    else:
        upstream = pass_openai(body, target, _OPERATIONS[client])
        is_error = is_openai_error
    native = target.provider in (Provider.OPENAI, Provider.AZURE)
    machine = PassingOn(
        writer,
        carry,
        is_error,
        streams=upstream.stream,
        terminal=_TERMINAL.get(client, ""),
        mend=ChatMender() if client is ClientApi.CHAT and not native else None,
        unframe=unframe,
    )
    return Exchange(upstream, machine)


def _reader(target: Target, ask: Ask, moment: Moment) -> Callable[[Mapping[str, str]], Reader]:
    api = target.provider.api
    if api is Api.ANTHROPIC:
        return lambda _: AnthropicReader()
    if api is Api.GEMINI:
        return lambda _: GeminiReader(moment.token, ask.sampling.choices)
    if api is Api.CONVERSE:
        return lambda told: ConverseReader(target.model, told.get("x-amzn-requestid", ""))
    if api is Api.COHERE:
        return lambda _: CohereReader(target.model)
    return lambda _: OpenAiReader(DIALECTS[target.provider], moment.token)


def _writer(
    client: ClientApi, model: str, moment: Moment, ask: Ask, echoed: dict[str, Any]
) -> Writer:
    if client in (ClientApi.MESSAGES, ClientApi.COUNT_TOKENS):
        return MessagesWriter(model, moment)
    if client in (ClientApi.RESPONSES, ClientApi.INPUT_TOKENS):
        return ResponsesWriter(model, moment, echoed)
    if client is ClientApi.COMPLETIONS:
        return CompletionsWriter(model, moment, include_usage=ask.include_usage)
    return ChatWriter(model, moment, include_usage=ask.include_usage)
