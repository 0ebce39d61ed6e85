"""What goes wrong at a provider is the right exception of the client's SDK, whoever it is.

Before an answer has begun it is a status, afterwards an event of the stream: no stream that broke
ends as if it were whole.
"""

from __future__ import annotations

import anthropic
import httpx2
import openai
import pytest

from tests.e2e.matrix.questions import CLIENTS, TALKERS, ResponseFailedError
from tests.e2e.matrix.running import of_kinds
from xds.edge.pairs import Api, ClientApi, Way, pair
from xds.edge.pairs import Provider as Speech

pytestmark = pytest.mark.slow

BY_STATUS = {
    400: ("BadRequestError", "BadRequestError"),
    401: ("AuthenticationError", "AuthenticationError"),
    403: ("PermissionDeniedError", "PermissionDeniedError"),
    404: ("NotFoundError", "NotFoundError"),
    429: ("RateLimitError", "RateLimitError"),
    500: ("InternalServerError", "InternalServerError"),
    503: ("InternalServerError", "ServiceUnavailableError"),
    529: ("InternalServerError", "OverloadedError"),
}
"""The exceptions of the two SDKs."""
FAILURES = (openai.APIError, anthropic.APIError)
BREAKS = (*FAILURES, httpx2.HTTPError, ResponseFailedError)
"""Anthropic's SDK raises its transport's own exception where a connection breaks."""
each_client = pytest.mark.parametrize("client", CLIENTS)
plain_and_streamed = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


def failing(run, kind, client, outcome, *, stream):
    """The exception that an SDK raises where its provider does that."""
    with pytest.raises(FAILURES) as raised:
        run.sdks.ask(client, kind.name, stream=stream, simulate=f"{kind.name}={outcome}")
    return raised.value


def passes(kind, client):
    """Whether the bytes of a provider's answers go on as they are."""
    found = pair(client, kind.speech)
    plain = (Speech.OPENAI, Speech.AZURE, Speech.ANTHROPIC)
    return found is not None and found.way is Way.SAME and kind.speech in plain


def words(error, client):
    """The type and code of an error, as the client's API calls them."""
    body = error.body
    if client is ClientApi.MESSAGES:
        return body["error"]["type"], None
    return error.type, error.code


@plain_and_streamed
@pytest.mark.parametrize("status", BY_STATUS)
@each_client
@of_kinds()
def test_a_status_is_its_exception(run, kind, client, status, stream):
    """Told in the client's schema, with the provider's own status."""
    error = failing(run, kind, client, status, stream=stream)
    name = BY_STATUS[status][client is ClientApi.MESSAGES]
    assert error.status_code == status
    assert type(error).__name__ == name
    assert error.message
    assert any(words(error, client))  # Azure has codes alone


@plain_and_streamed
@each_client
@of_kinds()
def test_the_client_is_told_when_to_come_back(run, kind, client, stream):
    error = failing(run, kind, client, "429:retry_after=7", stream=stream)
    sent = run.seen(kind)
    assert error.status_code == sent.status == 429
    if kind.speech.api not in (Api.CONVERSE, Api.GEMINI):
        assert error.response.headers["retry-after"] == "7"


@plain_and_streamed
@each_client
@of_kinds()
def test_a_prompt_that_is_too_long(run, kind, client, stream):
    """One word for it, however its provider puts it."""
    error = failing(run, kind, client, "context_length_exceeded", stream=stream)
    assert isinstance(error, (openai.BadRequestError, anthropic.BadRequestError))
    kind_of, code = words(error, client)
    assert kind_of == "invalid_request_error"
    if client is not ClientApi.MESSAGES:
        assert code == "context_length_exceeded"


@plain_and_streamed
@each_client
@of_kinds()
def test_an_account_without_credit(run, kind, client, stream):
    """A client must not take it for a limit that passes, where the provider tells them apart."""
    error = failing(run, kind, client, "insufficient_quota", stream=stream)
    if kind.speech.api in (Api.CONVERSE, Api.GEMINI) or kind.speech is Speech.ANTHROPIC_BEDROCK:
        return  # these have no word for it
    kind_of, code = words(error, client)
    if passes(kind, client):
        assert "credit" in error.message or "insufficient_quota" in (kind_of, code)
    elif client is ClientApi.MESSAGES:
        assert kind_of in ("billing_error", "rate_limit_error")
    else:
        assert "insufficient_quota" in (kind_of, code) or error.status_code == 429


@plain_and_streamed
@each_client
@of_kinds()
def test_what_a_filter_refuses(run, sdks, kind, client, stream):
    """A 400, or where the provider answers 200, an answer that ends for that reason."""
    simulate = f"{kind.name}=content_filter"
    try:
        answer = sdks.ask(client, kind.name, stream=stream, simulate=simulate)
    except FAILURES as error:
        refused = error
    else:
        assert answer.facts.finish == "filtered"
        assert run.seen(kind).status == 200
        return
    assert refused.status_code in (400, 403)
    if client is not ClientApi.MESSAGES and kind.name != "mistral":
        assert refused.code == "content_filter"


@pytest.mark.parametrize("outcome", ["reset", "html", "empty", "garbage:headers"])
@each_client
@of_kinds()
def test_an_answer_that_is_none(run, kind, client, outcome):
    """No connection, a proxy's page, nothing, or half of it: an error of the gateway's.

    What a provider of the client's own API answers goes on as it is, and the SDK cannot read it.
    """
    errors = (*FAILURES, ValueError) if passes(kind, client) else FAILURES
    with pytest.raises(errors) as raised:
        run.sdks.ask(client, kind.name, simulate=f"{kind.name}={outcome}")
    assert getattr(raised.value, "status_code", 500) >= 500


@pytest.mark.parametrize(
    "outcome",
    ["error_in_band:3", "error_in_band:0", "cut:3", "cut:3:fin", "no_terminal", "garbage"],
)
@each_client
@of_kinds()
def test_a_stream_that_breaks_is_an_error(run, kind, client, outcome):
    """Whatever broke it, and whoever it came from: the SDK says so in the end."""
    if (outcome, kind.speech) == ("no_terminal", Speech.COMPATIBLE):
        pytest.skip("servers of no name may leave `[DONE]` away, once they have given a reason")
    with pytest.raises((*BREAKS, ValueError) if passes(kind, client) else BREAKS):
        run.sdks.ask(client, kind.name, stream=True, simulate=f"{kind.name}={outcome}")


def said(run, kind, client, simulate):
    """What a client has of a stream that breaks, piece by piece, until it is told."""
    messages = [{"role": "user", "content": "Say hello"}]
    if client is ClientApi.CHAT:
        create = run.sdks.openai.chat.completions.create
        for chunk in create(model=kind.name, messages=messages, stream=True, **simulate):
            yield "".join(choice.delta.content or "" for choice in chunk.choices)
    elif client is ClientApi.RESPONSES:
        create = run.sdks.openai.responses.create
        events = create(model=kind.name, input="Say hello", stream=True, **simulate)
        for event in events:
            if event.type in ("error", "response.failed"):
                raise ResponseFailedError([event])
            assert event.type != "response.completed"
            yield event.delta if event.type == "response.output_text.delta" else ""
    else:
        stream = run.sdks.anthropic.messages.stream
        with stream(model=kind.name, max_tokens=99, messages=messages, **simulate) as events:
            yield from events.text_stream


@pytest.mark.parametrize("client", TALKERS)
@of_kinds()
def test_words_before_a_break_are_not_lost(run, kind, client):
    """What came before the error was passed on."""
    simulate = {"extra_headers": {"x-simulate": f"{kind.name}=error_in_band:3"}}
    pieces = []
    with pytest.raises(BREAKS):
        pieces.extend(said(run, kind, client, simulate))
    assert "".join(pieces).startswith("Simulated")
