"""Each fault is seen by the official SDKs as the real thing would be."""

from __future__ import annotations

import json

import anthropic
import httpx
import httpx2
import openai
import pytest
from anthropic.types.shared import ErrorResponse

QUESTION = [{"role": "user", "content": "Go on."}]
# Both SDKs stand on httpx2; the Anthropic one lets its errors through once a stream has begun.
TIMEOUT = 0.25


def gpt_text(client, fault, *, stream):
    """The tokens that came, and the error after them (or None)."""
    tokens = []
    try:
        answer = client.with_options(timeout=TIMEOUT).chat.completions.create(
            model="m", messages=QUESTION, stream=stream, extra_headers={"x-simulate": fault}
        )
        if not stream:
            return [answer.choices[0].message.content], None
        for chunk in answer:
            tokens += [c.delta.content for c in chunk.choices if c.delta.content]
    except Exception as error:  # noqa: BLE001 - which one it is, is what the tests look at
        return tokens, error
    return tokens, None


def claude_text(client, fault, *, stream):
    """The same of the Anthropic SDK."""
    tokens = []
    try:
        answer = client.with_options(timeout=TIMEOUT).messages.create(
            model="m",
            max_tokens=100,
            messages=QUESTION,
            stream=stream,
            extra_headers={"x-simulate": fault},
        )
        if not stream:
            return [answer.content[0].text], None
        for event in answer:
            tokens += [event.delta.text] if event.type == "content_block_delta" else []
    except Exception as error:  # noqa: BLE001 - which one it is, is what the tests look at
        return tokens, error
    return tokens, None


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("400", openai.BadRequestError, None),
        ("401", openai.AuthenticationError, "invalid_api_key"),
        ("403", openai.PermissionDeniedError, "permission_denied"),
        ("404", openai.NotFoundError, "model_not_found"),
        ("409", openai.ConflictError, None),
        ("422", openai.UnprocessableEntityError, None),
        ("429", openai.RateLimitError, "rate_limit_exceeded"),
        ("429:tokens", openai.RateLimitError, "rate_limit_exceeded"),
        ("insufficient_quota", openai.RateLimitError, "insufficient_quota"),
        ("context_length_exceeded", openai.BadRequestError, "context_length_exceeded"),
        ("content_filter", openai.BadRequestError, "content_filter"),
        ("500", openai.InternalServerError, None),
        ("503", openai.InternalServerError, "overloaded"),
        ("599", openai.InternalServerError, None),
    ],
)
def test_openai_errors(gpt, fault, error, code, stream):
    """A status is the SDK's class for it, with the code that the API gives."""
    tokens, caught = gpt_text(gpt, fault, stream=stream)
    assert not tokens
    assert type(caught) is error
    assert caught.code == code
    assert {"message", "type", "param", "code"} == set(caught.body)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "error", "kind"),
    [
        ("400", anthropic.BadRequestError, "invalid_request_error"),
        ("401", anthropic.AuthenticationError, "authentication_error"),
        ("403", anthropic.PermissionDeniedError, "permission_error"),
        ("404", anthropic.NotFoundError, "not_found_error"),
        ("413", anthropic.ContentTooLargeError, "request_too_large"),
        ("429", anthropic.RateLimitError, "rate_limit_error"),
        ("500", anthropic.InternalServerError, "api_error"),
        ("504", anthropic.GatewayTimeoutError, "timeout_error"),
        ("529", anthropic.OverloadedError, "overloaded_error"),
        ("insufficient_quota", anthropic.BadRequestError, "invalid_request_error"),
        ("content_filter", anthropic.BadRequestError, "invalid_request_error"),
    ],
)
def test_anthropic_errors(claude, fault, error, kind, stream):
    """A status is the SDK's class for it, and the body fits the SDK's own model of errors."""
    tokens, caught = claude_text(claude, fault, stream=stream)
    assert not tokens
    assert type(caught) is error
    assert caught.type == kind
    assert caught.body["request_id"] == caught.request_id
    if kind != "request_too_large":  # documented, and missing in the SDK's model
        ErrorResponse.model_validate(caught.body)


def test_a_prompt_too_long_reads_as_the_provider_says_it(gpt, claude):
    """The words and codes that a gateway recognises the case by."""
    _, caught = gpt_text(gpt, "context_length_exceeded", stream=False)
    assert "maximum context length is 128000 tokens" in caught.message
    _, caught = claude_text(claude, "context_length_exceeded", stream=False)
    assert "prompt is too long: 250000 tokens > 200000 maximum" in caught.message


def test_a_rate_limit_says_when_to_come_back(gpt, claude):
    """Retry-After on 429: one second, or what was asked for; none where waiting cannot help."""
    for text, client in ((gpt_text, gpt), (claude_text, claude)):
        _, caught = text(client, "429", stream=False)
        assert caught.response.headers["retry-after"] == "1"
        _, caught = text(client, "429:retry_after=30", stream=False)
        assert caught.response.headers["retry-after"] == "30"
    _, caught = gpt_text(gpt, "insufficient_quota", stream=False)
    assert "retry-after" not in caught.response.headers


@pytest.mark.parametrize(
    ("fault", "count"),
    [("cut:2", 2), ("cut:0", 0), ("cut:headers", 0), ("cut:2:fin", 2), ("reset", 0)],
)
def test_a_stream_breaks_after_just_so_many_tokens(gpt, claude, fault, count):
    """Those tokens arrive, then the connection is gone."""
    tokens, caught = gpt_text(gpt, fault, stream=True)
    assert (len(tokens), type(caught)) == (count, openai.APIConnectionError)
    tokens, caught = claude_text(claude, fault, stream=True)
    assert len(tokens) == count
    assert isinstance(caught, httpx2.TransportError | anthropic.APIConnectionError)


@pytest.mark.parametrize("fault", ["cut", "cut:fin", "reset", "cut:headers"])
def test_a_plain_answer_breaks_off(gpt, claude, fault):
    """Half a body, or nothing, is no answer."""
    _, caught = gpt_text(gpt, fault, stream=False)
    assert type(caught) is openai.APIConnectionError
    _, caught = claude_text(claude, fault, stream=False)
    assert type(caught) is anthropic.APIConnectionError


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["slow", "slow_first_token", "stall:2"])
def test_what_does_not_come_in_time_is_a_timeout(gpt, claude, fault, stream):
    """No headers, no first token, no next token: the client's own clock ends it."""
    tokens, caught = gpt_text(gpt, fault, stream=stream)
    assert type(caught) is openai.APITimeoutError
    assert len(tokens) == (2 if stream and fault == "stall:2" else 0)
    _, caught = claude_text(claude, fault, stream=stream)
    assert isinstance(caught, httpx2.TimeoutException | anthropic.APITimeoutError)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["slow:0.05", "slow_first_token:0.05", "stall:2:seconds=0.05"])
def test_what_is_only_late_arrives_whole(gpt, claude, fault, stream):
    """After the wait comes the very answer that would have come at once."""
    for text, client in ((gpt_text, gpt), (claude_text, claude)):
        assert text(client, fault, stream=stream) == text(client, "ok", stream=stream)


def test_headers_come_before_a_slow_first_token(simulator):
    """The status is there at once: only the body is late."""
    body = {"model": "m", "messages": QUESTION, "stream": True}
    headers = {"authorization": "Bearer k", "x-simulate": "slow_first_token"}
    url = simulator.url("openai") + "/chat/completions"
    with httpx.stream("POST", url, json=body, headers=headers, timeout=TIMEOUT) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.ReadTimeout):
            answer.read()


def test_a_stream_without_its_terminal_event_ends_cleanly(simulator):
    """All tokens come and the body is whole by HTTP, but nobody said that it was the end."""
    body = {"model": "m", "messages": QUESTION, "stream": True, "max_tokens": 100}
    headers = {"authorization": "Bearer k", "anthropic-version": "2023-06-01"}
    for url, terminal in (
        (simulator.url("openai") + "/chat/completions", "data: [DONE]"),
        (simulator.url("claude") + "/v1/messages", "message_stop"),
    ):
        whole = httpx.post(url, json=body, headers=headers).text
        cut = httpx.post(url, json=body, headers=headers | {"x-simulate": "no_terminal"}).text
        assert terminal in whole
        assert terminal not in cut
        assert whole.startswith(cut)


@pytest.mark.parametrize("stream", [False, True])
def test_garbage_is_no_json(gpt, claude, stream):
    """The tokens before it arrive; what follows cannot be parsed."""
    for text, client in ((gpt_text, gpt), (claude_text, claude)):
        tokens, caught = text(client, "garbage:2", stream=stream)
        assert len(tokens) == (2 if stream else 0)
        assert type(caught) is json.JSONDecodeError


@pytest.mark.parametrize(("fault", "count"), [("error_in_band", 0), ("error_in_band:2", 2)])
def test_an_error_inside_a_stream_is_the_providers_error(gpt, claude, fault, count):
    """After so many tokens, in a stream that began with 200."""
    tokens, caught = gpt_text(gpt, fault, stream=True)
    assert (len(tokens), type(caught), caught.type) == (count, openai.APIError, "server_error")
    tokens, caught = claude_text(claude, fault, stream=True)
    assert len(tokens) == count
    assert caught.status_code == 200
    assert caught.type == "overloaded_error"


def test_an_error_inside_a_plain_200(gpt, claude):
    """The status lies and the body tells: an SDK that validates refuses it."""
    simulated = {"x-simulate": "error_in_band"}
    with pytest.raises(openai.APIResponseValidationError) as caught:
        gpt.chat.completions.create(model="m", messages=QUESTION, extra_headers=simulated)
    assert caught.value.body["error"]["type"] == "server_error"
    with pytest.raises(anthropic.APIResponseValidationError) as caught:
        claude.messages.create(model="m", max_tokens=9, messages=QUESTION, extra_headers=simulated)
    assert caught.value.body["error"]["type"] == "api_error"


def test_empty_huge_and_wrongly_labelled_bodies(simulator):
    """Nothing, far too much, and the right thing under a wrong name."""

    def post(fault, *, stream=False):
        headers = {"authorization": "Bearer k", "x-simulate": fault}
        body = {"model": "m", "messages": QUESTION, "stream": stream}
        return httpx.post(simulator.url("openai") + "/chat/completions", json=body, headers=headers)

    for stream in (False, True):
        assert (post("empty", stream=stream).status_code, post("empty").content) == (200, b"")
        assert len(post("huge:3000000", stream=stream).content) > 3_000_000
        assert post("wrong_content_type", stream=stream).headers["content-type"] == "text/html"
    assert post("wrong_content_type").json() == post("ok").json()
    page = post("html:503")
    assert (page.status_code, page.headers["content-type"]) == (503, "text/html")
    assert page.text.startswith("<html>")


def test_an_outcome_that_is_none_is_explained(gpt):
    """A typing error in the header is a 400 that says what there is."""
    _, caught = gpt_text(gpt, "cutt", stream=False)
    assert type(caught) is openai.BadRequestError
    assert "no outcome" in caught.message
    assert "no_terminal" in caught.message


def test_the_header_names_providers(simulator):
    """An entry is for the provider it names; the others are as they were."""
    headers = {"authorization": "Bearer k", "x-simulate": "openai=429, backup=503:delay=0.01"}
    body = {"model": "m", "messages": QUESTION}
    statuses = {}
    for name in ("openai", "backup", "own"):
        url = simulator.url(name) + "/chat/completions"
        statuses[name] = httpx.post(url, json=body, headers=headers).status_code
    assert statuses == {"openai": 429, "backup": 503, "own": 200}


def test_headers_that_are_repeated_are_one_list(simulator):
    """Two faults may stand on two lines, as `curl -H ... -H ...` sends them (RFC 9110 5.3)."""
    headers = [("authorization", "Bearer k")]
    headers += [("x-simulate", "openai=429"), ("x-simulate", "backup=503")]
    body = {"model": "m", "messages": QUESTION}
    answers = [
        httpx.post(simulator.url(name) + "/chat/completions", json=body, headers=headers)
        for name in ("openai", "backup")
    ]
    assert [answer.status_code for answer in answers] == [429, 503]
