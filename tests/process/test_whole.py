"""A whole exchange over ext_proc's messages: what the provider gets, and what the client does."""

from __future__ import annotations

import gc
import json
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ext_authz.process.attempt import Attempt
from tests.process.driving import JSON, MOMENT, SSE, Stream, prepared, proc_v3
from tests.translate.drive import answer as translated
from tests.translate.drive import ask, question
from tests.translate.facts import scenarios
from tests.translate.wire_formats import WIRES
from xds.edge.attempt import DROPPED, RETRY
from xds.edge.processing import Aws, Redaction

SCENARIOS = scenarios()
CLIENTS = ("chat", "completions", "messages", "responses")
PROVIDERS = ("openai", "vllm", "anthropic", "gemini", "bedrock", "cohere")


def lengths(told):
    assert told.headers["content-length"] == str(len(told.body))


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_request_and_its_whole_answer_are_turned_over(client, provider):
    body = question(client, stream=False)
    exchange = ask(client, provider, stream=False)
    stream = Stream(prepared(client, provider)).ask(body)
    assert stream.request.headers[":path"] == exchange.upstream.path
    assert stream.request.headers[":authority"] == f"{provider}.test"
    assert stream.request.body == exchange.upstream.body
    assert stream.request.ended
    lengths(stream.request)
    given_back = WIRES[provider].whole(SCENARIOS["text"])
    if (client, provider) in (("messages", "anthropic"), ("completions", "openai")):
        given_back = given_back if client == "messages" else b'{"id":"c","choices":[]}'
    _, wanted = translated(exchange, given_back)
    stream.answer_head().answer_body(given_back)
    assert stream.answer.body == wanted
    assert stream.answer.ended
    assert ":status" not in stream.answer.headers
    assert RETRY in stream.answer.removed
    lengths(stream.answer)


@pytest.mark.parametrize("client", ["chat", "messages", "responses"])
@pytest.mark.parametrize("provider", ["vllm", "anthropic", "gemini", "bedrock"])
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_cut_of_request_and_answer_gives_the_same(client, provider, data):
    """Envoy cuts bodies where it likes; an empty last piece ends them, too."""
    name = data.draw(st.sampled_from(("text_and_calls", "unicode", "reasoning_and_call")))
    body = question(client, stream=True)
    wire = WIRES[provider]
    said = wire.stream(SCENARIOS[name])
    exchange = ask(client, provider, stream=True)
    _, wanted = translated(exchange, said, kind=wire.stream_type)

    def cut(whole):
        cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=9)))
        pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        return [*pieces, b""] if data.draw(st.booleans()) else pieces

    stream = Stream(prepared(client, provider)).head().body(*cut(body))
    assert stream.request.body == exchange.upstream.body
    stream.answer_head(headers={"content-type": wire.stream_type}).answer_body(*cut(said))
    assert stream.answer.body == wanted
    assert stream.answer.ended
    assert stream.answer.headers["content-type"] == "text/event-stream"
    assert "content-length" in stream.answer.removed


def test_trailers_end_a_body_too():
    stream = Stream(prepared("chat", "anthropic")).head()
    stream.body(question("chat", stream=False), end=False)
    assert stream.request.heads == 0
    stream.trailers("request_trailers")
    assert (stream.request.heads, stream.request.ended, stream.request.trailers) == (1, False, True)
    stream.answer_head().answer_body(WIRES["anthropic"].whole(SCENARIOS["text"]), end=False)
    stream.trailers("response_trailers")
    assert stream.json["choices"][0]["message"]["content"]
    assert stream.answer.trailers


def test_the_client_s_own_credentials_and_hops_go_no_further():
    headers = {
        **JSON,
        "authorization": "Bearer client",
        "cookie": "a=b",
        "x-amz-security-token": "t",
        "te": "trailers",
        "anthropic-beta": "b",
    }
    stream = Stream(prepared("messages", "openai")).ask(question("messages", stream=False), headers)
    assert set(headers) - {"content-type"} <= set(stream.request.removed)
    assert stream.request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("model", ["a\r\nx: y", "../../x", "a b", "m\u00e4"])
def test_no_model_s_name_becomes_a_header(model):
    for provider in ("gemini", "bedrock"):
        stream = Stream(prepared("chat", provider, at={"model": model}))
        stream.ask(question("chat", stream=False))
        assert stream.replied.status.code == 400


def test_a_provider_s_word_to_the_router_is_not_heard():
    said = {**JSON, RETRY: "rate_limited", "x-gatewright-retry-after": "9"}
    stream = Stream(prepared("chat", "openai")).ask(question("chat", stream=False))
    stream.answer_head(headers=said).answer_body(WIRES["openai"].whole(SCENARIOS["text"]))
    assert {RETRY, "x-gatewright-retry-after"} <= set(stream.answer.removed)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    ("provider", "dropped"), [("mistral", "user, logit_bias"), ("anthropic", "logit_bias")]
)
def test_a_client_is_told_what_its_target_was_not(provider, dropped, streams):
    """A header of the answer and the log name it, whether translated or passed on."""
    asked = question("chat", stream=streams, user="u", logit_bias={"5": 1})
    wire = WIRES[provider]
    said = wire.stream(SCENARIOS["text"]) if streams else wire.whole(SCENARIOS["text"])
    stream = Stream(prepared("chat", provider)).ask(asked)
    stream.answer_head(headers={**(SSE if streams else JSON), DROPPED: "nothing"}).answer_body(said)
    assert stream.answer.headers[DROPPED] == dropped
    assert stream.metadata["dropped"] == dropped.split(", ")


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_who_waits_for_an_answer_keeps_nothing_of_a_large_request(provider):
    """Answers take minutes, and a worker has many of them."""
    size = 4 << 20
    redactions = {"mail": Redaction(detect=("email",))}
    made = prepared("chat", provider, redactions=redactions, about={"redact": ("mail",)})
    said = [{"role": "user", "content": "bob@example.com " + "x" * size}]
    body = json.dumps({"model": "m", "messages": said}).encode()
    messages = [proc_v3.ProcessingRequest(), proc_v3.ProcessingRequest()]
    messages[0].attributes["envoy.filters.http.ext_proc"].update({"xds.route_name": "route"})
    messages[0].protocol_config.response_body_mode = 4
    told = messages[0].request_headers.headers.headers
    told.add(key="content-length", raw_value=str(len(body)).encode())
    messages[1].request_body.body, messages[1].request_body.end_of_stream = body, True
    asked = [message.SerializeToString() for message in messages]
    tracemalloc.start()
    try:
        attempt = Attempt("up", MOMENT)
        assert attempt.take(asked[0], made) == []
        assert attempt.holds == len(body)
        assert sum(map(len, attempt.take(asked[1], made))) > size
        assert attempt.holds == 0
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < size // 4
    finally:
        tracemalloc.stop()


def test_where_all_was_told_no_provider_says_otherwise():
    stream = Stream(prepared("chat", "openai")).ask(question("chat", stream=False, user="u"))
    stream.answer_head(headers={**JSON, DROPPED: "user"})
    stream.answer_body(WIRES["openai"].whole(SCENARIOS["text"]))
    assert DROPPED in stream.answer.removed


def test_tokens_are_counted_here_where_the_provider_cannot():
    for client, provider in (("count_tokens", "cohere"), ("input_tokens", "vllm")):
        body = {"model": "m", "messages": [{"role": "user", "content": "one two three"}]}
        stream = Stream(prepared(client, provider)).ask(body)
        assert stream.replied.status.code == 200
        assert json.loads(stream.replied.body)["input_tokens"] > 2
        broken = Stream(prepared(client, provider)).ask(b"[]")
        assert broken.replied.status.code == 400


def test_speech_goes_through_untouched():
    """Bytes that are no text, as they come; an error is read."""
    body = {"model": "m", "input": "hello", "voice": "x"}
    stream = Stream(prepared("speech", "openai", at={"model": "tts-1"})).ask(body)
    assert json.loads(stream.request.body) == {**body, "model": "tts-1"}
    assert stream.request.headers[":path"] == "/v1/audio/speech"
    assert "accept" not in stream.request.headers
    sound = bytes(range(256)) * 10
    stream.answer_head(headers={"content-type": "audio/mpeg", "content-length": "2560"})
    assert stream.answer.heads == 1
    stream.answer_body(sound[:100], sound[100:])
    assert stream.answer.body == sound
    assert stream.answer.headers == {}
    assert "content-length" not in stream.answer.removed
    failed = Stream(prepared("speech", "openai")).ask(body)
    failed.answer_head(429).answer_body(b'{"error":{"message":"m","type":"t","code":null}}')
    assert failed.answer.headers[RETRY] == "rate_limited"


def test_what_is_not_known_is_not_decided_yet():
    """The shell waits for it, and gives up in the schema that the path tells."""
    stream = Stream(prepared(), cluster="other")
    assert stream.head().request.heads == 0
    message = b""
    for path, kind in (("/v1/messages?beta=true", "type"), ("/v1/chat/completions", "error")):
        lost = Stream(prepared(), route="other")
        message = _first_message(path)
        for answer in lost.attempt.give_up(message):
            lost.hear(answer)
        assert lost.replied.status.code == 503
        assert kind in json.loads(lost.replied.body)
        assert lost.attempt.done


def _first_message(path):
    message = proc_v3.ProcessingRequest()
    message.request_headers.headers.headers.add(key=":path", raw_value=path.encode())
    return message.SerializeToString()


def test_aws_is_signed_with_the_keys_of_the_moment():
    aws = Aws(region="us-east-1", access_key="k", secret_key="s", session_token="t")
    secrets = {"k": "AKIA1", "s": "secret-canary", "t": "token"}
    at = {"aws": aws}
    stream = Stream(prepared("chat", "bedrock", at=at, secrets=secrets))
    stream.ask(question("chat", stream=False), {**JSON, "authorization": "Bearer client"})
    given = stream.request.headers["authorization"]
    assert given.startswith("AWS4-HMAC-SHA256 Credential=AKIA1/20231114/us-east-1/bedrock/")
    assert "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token" in given
    assert stream.request.headers["x-amz-security-token"] == "token"
    assert "authorization" not in stream.request.removed
    missing = Stream(prepared("chat", "bedrock", at=at, secrets={"k": "AKIA1"}))
    missing.ask(question("chat", stream=False))
    assert missing.replied.status.code == 503
    assert b"canary" not in missing.replied.body


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_the_oldest_turns_go_where_a_prompt_does_not_fit(provider):
    """Of a window of 1,200 tokens 500 are for the answer, and 1,200 words are more than that."""
    said = "word " * 1_200
    turns = [
        {"role": "user", "content": f"first {said}"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "last"},
    ]
    asked = {"model": "fast", "messages": turns, "max_tokens": 500}
    roomy, tight = ({"window": window} for window in (128_000, 1_200))
    whole = Stream(prepared("chat", provider, about={"trim": True}, at=roomy)).ask(asked)
    assert b"first" in whole.request.body
    assert "trimmed" not in whole.metadata
    left = Stream(prepared("chat", provider, about={"trim": True}, at=tight)).ask(asked)
    assert b"first" not in left.request.body
    assert b"last" in left.request.body
    assert left.metadata["trimmed"] == 2
    untouched = Stream(prepared("chat", provider, at=tight)).ask(asked)
    assert b"first" in untouched.request.body


@pytest.mark.parametrize("on", [(), ("context_exceeded",)])
def test_a_chain_goes_on_where_nothing_more_can_be_dropped(on):
    """The client is told that its prompt is too long, or another target gets it."""
    asked = {"model": "fast", "messages": [{"role": "user", "content": "word " * 1_200}]}
    about = {"trim": True, "on": on}
    stream = Stream(prepared("chat", "openai", about=about, at={"window": 1_000}))
    stream.ask({**asked, "max_tokens": 500})
    headers = {
        one.header.key: one.header.raw_value.decode() for one in stream.replied.headers.set_headers
    }
    assert stream.replied.status.code == 400
    assert json.loads(stream.replied.body)["error"]["code"] == "context_length_exceeded"
    assert headers.get(RETRY) == next(iter(on), None)
