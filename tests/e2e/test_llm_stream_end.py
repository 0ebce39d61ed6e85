"""A stream that stops without its last event is no answer: the client is told, in its own words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import anthropic
import openai
import pytest
import trustme

from compiler.plan_llm import Api, Endpoint
from tests.e2e.llm_gateway import Gateway, gateway, model, plan, provider
from tests.e2e.llm_upstream import Answer, Upstream, anthropic_stream, chat_chunk, sse, upstream
from tests.e2e.test_llm_tls import ROOTS, secure, tls_front

STREAM = "text/event-stream"
PATHS = {
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
}


def responses_events() -> list[bytes]:
    """The events of an answer of OpenAI's Responses."""
    response = {"id": "resp_1", "object": "response", "model": "served-2024", "output": []}
    part = {"item_id": "m", "output_index": 0, "content_index": 0}
    usage = {
        "input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 8},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 27,
    }
    text = 'he said "usage": {} [DONE]'
    said = [{"type": "message", "content": [{"type": "output_text", "text": text}]}]
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**response, "usage": None}},
        {"type": "response.output_text.delta", **part, "delta": text},
        {"type": "response.output_text.done", **part, "text": text},
        {
            "type": "response.completed",
            "response": {**response, "output": said, "usage": usage, "tools": []},
        },
    ]
    return [
        b"event: %b\ndata: %b\n\n"
        % (one["type"].encode(), json.dumps({**one, "sequence_number": n}).encode())
        for n, one in enumerate(events)
    ]


EVENTS = {
    "chat": sse(
        chat_chunk("hello"), chat_chunk("", finish="stop"), chat_chunk(None, usage={"x": 1})
    ),
    "messages": anthropic_stream(),
    "responses": responses_events(),
}


@dataclass(frozen=True, slots=True)
class Native:
    gateway: Gateway
    upstream: Upstream

    def ask(self, kind: str, chunks: list[bytes]) -> bytes:
        """Answer one stream with these chunks; give what the client saw of it."""
        self.upstream.answer(Answer(content_type=STREAM, chunks=chunks))
        name = "smart" if kind == "messages" else "fast"
        asked = {"model": name, "messages": [], "stream": True, "max_tokens": 5}
        answer = self.gateway.post(
            PATHS[kind], asked, headers={"anthropic-version": "1"} if kind == "messages" else {}
        )
        assert answer.status_code == 200
        return answer.content


@pytest.fixture(scope="module")
def native() -> Iterator[Native]:
    with upstream() as one:
        models = [model("fast", "a/x"), model("smart", "b/y", api=Api.ANTHROPIC)]
        providers = [provider("a", one), provider("b", one, Api.ANTHROPIC)]
        with gateway(plan(providers, models)) as running:
            yield Native(running, one)


@pytest.mark.parametrize("kind", list(PATHS))
def test_a_whole_stream_passes_byte_for_byte(native, kind):
    """Nothing is added to a stream that came to its end."""
    events = EVENTS[kind]
    shown = [event for event in events if b'"usage": {"x"' not in event]
    assert native.ask(kind, events) == b"".join(shown)


@pytest.mark.parametrize("cut", ["between", "inside"])
@pytest.mark.parametrize("kind", list(PATHS))
def test_a_stream_that_stops_gets_an_error_in_the_client_s_words(native, kind, cut):
    """The last event of what the client sees is an error of its own API."""
    whole = EVENTS[kind][:2]
    chunks = whole if cut == "between" else [*whole, EVENTS[kind][2][:20]]
    shown = native.ask(kind, chunks)
    before, _, last = shown.rstrip(b"\n").rpartition(b"data: ")
    assert before.startswith(b"".join(whole))
    told = json.loads(last)
    assert "ended before its answer was complete" in told["error"]["message"]
    if kind == "messages":
        assert told["type"] == "error"
        assert told["error"]["type"] == "api_error"
    if kind == "responses":
        assert (told["type"], told["sequence_number"]) == ("error", 2)


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("chat", b'data: {"error": {"message": "overloaded"}}\n\n'),
        ("messages", b'event: error\ndata: {"type": "error", "error": {"type": "x"}}\n\n'),
        ("responses", b'event: error\ndata: {"type": "error", "message": "x"}\n\n'),
    ],
)
def test_an_error_of_the_provider_s_own_is_enough(native, kind, event):
    """A stream that ends with an error has told its client already."""
    chunks = [*EVENTS[kind][:2], event]
    assert native.ask(kind, chunks) == b"".join(chunks)


def test_a_model_that_writes_of_the_end_has_not_come_to_it(native):
    """What looks like a last event inside a text is none."""
    chunks = sse(chat_chunk("[DONE]"), chat_chunk("\ndata: [DONE]\n"), done=False)
    assert b"ended before" in native.ask("chat", chunks)


def test_the_sdks_raise(native):
    """No official SDK takes a stream that stopped for a whole one."""
    url = str(native.gateway.client.base_url)
    native.upstream.answer(Answer(content_type=STREAM, chunks=EVENTS["chat"][:1]))
    with openai.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0) as client:
        stream = client.chat.completions.create(model="fast", messages=[], stream=True)
        with pytest.raises(openai.APIError, match="ended before"):
            list(stream)
        native.upstream.answer(Answer(content_type=STREAM, chunks=EVENTS["responses"][:2]))
        with pytest.raises(openai.APIError, match="ended before"):
            list(client.responses.create(model="fast", input="x", stream=True))
    native.upstream.answer(Answer(content_type=STREAM, chunks=EVENTS["messages"][:3]))
    with (
        anthropic.Anthropic(api_key="k", base_url=url, max_retries=0) as claude,
        pytest.raises(anthropic.APIError, match="ended before"),
    ):
        list(claude.messages.create(model="smart", max_tokens=5, messages=[], stream=True))


def test_usage_of_responses_is_read_where_a_stream_tells_it(native):
    """Input tokens include the cached ones, and what is said again when it is done counts once."""
    native.ask("responses", EVENTS["responses"])
    line = native.gateway.last_line()
    assert line["gen_ai.usage.input_tokens"] == 20
    assert line["gen_ai.usage.cache_read.input_tokens"] == 8
    assert line["gen_ai.usage.output_tokens"] == 7
    assert line["gen_ai.response.model"] == "served-2024"


@pytest.mark.slow
def test_a_stream_over_http2_may_end_with_its_last_bytes(native):
    """There the last bytes and the end come together, and can still be added to."""
    authority = trustme.CA()
    with upstream() as one, tls_front(one, authority, "h2") as port:
        made = replace(model("fast", "a/x"), endpoints=(Endpoint.CHAT_COMPLETIONS,))
        with gateway(
            plan([secure("a", port)], [made]), {ROOTS: authority.cert_pem.bytes()}
        ) as running:
            body = b"".join(EVENTS["chat"][:1])
            one.answer(Answer(content_type=STREAM, body=body))
            shown = running.chat(stream=True).content
            assert shown.startswith(body)
            assert b"ended before" in shown
