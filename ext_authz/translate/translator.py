"""The facade: a client's request becomes the provider's, with a machine for its answer.

    exchange = translate(ClientApi.CHAT, Target(Provider.ANTHROPIC, "claude-sonnet-4-5"), body,
                         headers, Moment(now, token))
    exchange.upstream    path, headers and body for the provider; credentials are another's work
    exchange.machine     head / feed / end: the provider's answer becomes the client's

What cannot be served raises `RefusedError`; `refusal` makes the client's answer of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import structs

from ext_authz.translate.answering import Answering, Carry, Head, Step
from ext_authz.translate.carrying import carry_for
from ext_authz.translate.clients.chat_request import read_chat
from ext_authz.translate.clients.completions import read_completions
from ext_authz.translate.clients.messages_request import read_messages_api
from ext_authz.translate.clients.responses_request import read_responses
from ext_authz.translate.clients.writer import JSON_HEADERS, Moment
from ext_authz.translate.clients.writers import writer_for
from ext_authz.translate.conversation import Ask
from ext_authz.translate.errors import Failure, RefusedError
from ext_authz.translate.events import Event
from ext_authz.translate.exchange import Exchange
from ext_authz.translate.features import check_features
from ext_authz.translate.framing.frame import Frame
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
from ext_authz.translate.small_exchange import small_exchange
from ext_authz.translate.target import Target
from ext_authz.translate.unwrapping import Unwrapping
from ext_authz.translate.upstream import Upstream
from xds.edge.pairs import Api, ClientApi, Provider, Way, pair

_WRITE: Final[dict[Api, Callable[[Ask, Target], Upstream]]] = {
    Api.OPENAI: write_openai,
    Api.ANTHROPIC: write_anthropic,
    Api.GEMINI: write_gemini,
    Api.CONVERSE: write_converse,
    Api.COHERE: write_cohere,
}
_READ: Final[dict[ClientApi, Callable[[bytes], tuple[Ask, dict[str, Any]]]]] = {
    ClientApi.CHAT: lambda body: (read_chat(body), {}),
    ClientApi.MESSAGES: lambda body: (read_messages_api(body), {}),
    ClientApi.RESPONSES: read_responses,
    ClientApi.COMPLETIONS: lambda body: (read_completions(body), {}),
}
_READER: Final[dict[Api, Callable[[Target, int, Moment, Mapping[str, str]], Reader]]] = {
    Api.OPENAI: lambda target, _, moment, __: OpenAiReader(DIALECTS[target.provider], moment.token),
    Api.ANTHROPIC: lambda *_: AnthropicReader(),
    Api.GEMINI: lambda _, choices, moment, __: GeminiReader(moment.token, choices),
    Api.CONVERSE: lambda target, _, __, told: ConverseReader(
        target.model, told.get("x-amzn-requestid", "")
    ),
    Api.COHERE: lambda target, *_: CohereReader(target.model),
}
_BEDROCK: Final = Provider.ANTHROPIC_BEDROCK
_SAME: Final = Way.SAME
_BY_TABLE: Final = (Api.OPENAI, Api.COHERE)
"""APIs of which the servers differ in what they can do; the others' writers know by themselves."""
_OPERATIONS: Final = {
    ClientApi.CHAT: "chat/completions",
    ClientApi.COMPLETIONS: "completions",
    ClientApi.RESPONSES: "responses",
}
_SMALL: Final = (ClientApi.EMBEDDINGS, ClientApi.COUNT_TOKENS, ClientApi.INPUT_TOKENS)
_TERMINAL: Final = {
    ClientApi.RESPONSES: frozenset(
        {"response.completed", "response.incomplete", "response.failed", "response.cancelled"}
    ),
    ClientApi.MESSAGES: frozenset({"message_stop"}),
}
_OF_CLIENTS: Final = ("anthropic-", "openai-", "x-stainless-")


def translate(
    client: ClientApi,
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    moment: Moment,
    *,
    steps: tuple[Step, ...] = (),
) -> Exchange:
    """Translate a request (names of headers in lower case); raises `RefusedError`.

    The events of a translated answer go through ``steps`` before they are written.
    """
    found = pair(client, target.provider)
    if found is None:
        raise RefusedError(f"`{target.provider}` does not serve this API", code="unsupported_api")
    target.checked()
    try:
        if client in _SMALL:
            return small_exchange(client, target, body, found.way, moment)
        if found.way is _SAME:
            return _passed(client, target, body, headers, moment)
        return _translated(client, target, body, headers, moment, steps)
    except (RecursionError, UnicodeEncodeError):
        raise RefusedError("The body is nested too deep, or holds broken text") from None


def refusal(client: ClientApi, failure: Failure, moment: Moment) -> tuple[Head, bytes]:
    """The answer to a client whose request was refused."""
    status, body = writer_for(client, "", moment).error(failure)
    return Head(status, JSON_HEADERS), body


def _translated(
    client: ClientApi,
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    moment: Moment,
    steps: tuple[Step, ...],
) -> Exchange:
    ask, echoed = _READ[client](body)
    api = target.provider.api
    if api in _BY_TABLE:
        check_features(ask, target.provider)
    upstream = _WRITE[api](ask, target)
    if foreign := tuple([name for name in headers if name.startswith(_OF_CLIENTS)]):
        upstream = structs.replace(upstream, without=(*upstream.without, *foreign))
    if upstream.unwrap:
        steps = (Unwrapping(upstream.unwrap), *steps)
    reader = _READER[api]
    # The answer may take minutes, and what was said may be large: the machine keeps none of it.
    choices = ask.sampling.choices
    machine = Answering(
        lambda told: reader(target, choices, moment, told),
        writer_for(client, target.model, moment, ask, echoed),
        carry_for(client, target.provider, moment.now),
        streams=ask.stream,
        step=_in_turn(steps),
        unframe=unwrap_invoke if target.provider is _BEDROCK else None,
    )
    return Exchange(upstream, machine)


def _in_turn(steps: tuple[Step, ...]) -> Step | None:
    if len(steps) < 2:
        return steps[0] if steps else None

    def step(events: list[Event]) -> list[Event]:
        for one in steps:
            events = one(events)
        return events

    return step


def _passed(
    client: ClientApi, target: Target, body: bytes, headers: Mapping[str, str], moment: Moment
) -> Exchange:
    carry: Carry = carry_for(client, target.provider, moment.now)
    writer = writer_for(client, target.model, moment)
    unframe: Callable[[Frame], Frame] | None = None
    if client is ClientApi.MESSAGES:
        upstream = pass_anthropic(body, target, headers)
        is_error = is_anthropic_error
        if target.provider is _BEDROCK:
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
        terminal=_TERMINAL.get(client, frozenset()),
        mend=ChatMender() if client is ClientApi.CHAT and not native else None,
        unframe=unframe,
    )
    return Exchange(upstream, machine)
