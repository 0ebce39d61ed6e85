"""In front of a provider that speaks the client's own API, the bytes go on."""

from __future__ import annotations

import json

import pytest

from ext_authz.translate.translator import translate
from tests.translate import sdk
from tests.translate.drive import MOMENT, answer, ask, target
from tests.translate.facts import scenarios
from tests.translate.wire_formats import AWS, JSON, SSE, WIRES, sse
from xds.edge.pairs import ClientApi

SCENARIOS = scenarios()
BODY = (
    b'{ "model" : "gpt-4o-mini",\n "messages":[{"role":"user","content":"\\u0048i"}],'
    b' "x": 1.10, "y": 12345678901234567890123 }'
)


def test_a_body_that_needs_no_change_goes_on_byte_for_byte():
    upstream = translate(ClientApi.CHAT, target("openai"), BODY, {}, MOMENT).upstream
    assert upstream.body == BODY


def test_members_keep_their_bytes_when_the_model_changes():
    to = target("openai", model="gpt-4o")
    upstream = translate(ClientApi.CHAT, to, BODY, {}, MOMENT).upstream
    assert b'"messages":[{"role":"user","content":"\\u0048i"}]' in upstream.body
    assert b'"x":1.10' in upstream.body
    assert b'"y":12345678901234567890123' in upstream.body
    assert json.loads(upstream.body)["model"] == "gpt-4o"


def test_of_a_member_given_twice_only_the_last_goes_on():
    body = b'{"model":"a","messages":[],"model":"b"}'
    upstream = translate(ClientApi.CHAT, target("openai", model="c"), body, {}, MOMENT).upstream
    assert upstream.body.count(b'"model"') == 1


def test_only_the_members_own_model_is_changed():
    body = b'{"messages":[{"role":"user","content":"\\"model\\":\\"a\\""}],"model":"a"}'
    upstream = translate(ClientApi.CHAT, target("openai", model="c"), body, {}, MOMENT).upstream
    assert json.loads(upstream.body) == {
        "messages": [{"role": "user", "content": '"model":"a"'}],
        "model": "c",
    }


@pytest.mark.parametrize(
    ("client", "provider"), [("chat", "openai"), ("chat", "azure"), ("messages", "anthropic")]
)
@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_whole_answers_go_on_byte_for_byte(client, provider, name):
    body = WIRES[provider].whole(SCENARIOS[name])
    head, out = answer(ask(client, provider, stream=False), body, kind=JSON)
    assert out == body
    assert head.status == 200


@pytest.mark.parametrize(("client", "provider"), [("chat", "openai"), ("messages", "anthropic")])
@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_streams_go_on_byte_for_byte(client, provider, name):
    body = WIRES[provider].stream(SCENARIOS[name])
    _, out = answer(ask(client, provider, stream=True), body, kind=SSE)
    assert out == body


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_streams_of_claude_on_bedrock_become_events(name):
    body = WIRES["anthropic_bedrock"].stream(SCENARIOS[name])
    head, out = answer(ask("messages", "anthropic_bedrock", stream=True), body, kind=AWS)
    got = sdk.read("messages", stream=True, status=200, headers=head.headers, body=out.replace(
        b'event: ping\ndata: {"type":"ping"}\n\n', b""))  # fmt: skip
    assert got == SCENARIOS[name]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", ["vllm", "mistral"])
@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_dialects_are_put_right_for_openais_sdk(provider, name, stream):
    wire = WIRES[provider]
    body = wire.stream(SCENARIOS[name]) if stream else wire.whole(SCENARIOS[name])
    head, out = answer(ask("chat", provider, stream=stream), body, kind=SSE if stream else JSON)
    client = sdk.openai_client(head.status, head.headers, out)
    told = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
    text, thought, finish = "", "", ""
    if stream:
        for chunk in client.chat.completions.create(**told, stream=True):
            for choice in chunk.choices:
                text += choice.delta.content or ""
                thought += (choice.delta.model_extra or {}).get("reasoning_content") or ""
                finish = choice.finish_reason or finish
    else:
        choice = client.chat.completions.create(**told).choices[0]
        text, finish = choice.message.content or "", choice.finish_reason
        thought = choice.message.model_extra.get("reasoning_content") or ""
    facts = wire.said(SCENARIOS[name])
    finish = {"content_filter": "filtered"}.get(finish, finish)
    assert (text, thought, finish) == (facts.text, facts.reasoning, facts.finish)


@pytest.mark.parametrize(
    ("client", "provider"),
    [
        ("chat", "openai"),
        ("chat", "vllm"),
        ("messages", "anthropic"),
        ("messages", "anthropic_bedrock"),
    ],
)
def test_a_stream_that_is_cut_ends_with_an_error(client, provider):
    wire = WIRES[provider]
    body = wire.stream(SCENARIOS["text"])
    exchange = ask(client, provider, stream=True)
    _, out = answer(exchange, body[: len(body) * 2 // 3], kind=wire.stream_type)
    assert exchange.machine.failure.kind in ("cut", "server")
    last = json.loads(out.decode().rstrip().split("data: ")[-1])
    assert last["error"]["message"]


def test_an_error_inside_a_stream_is_put_into_the_clients_schema():
    body = sse({"object": "error", "message": "boom", "code": 500})
    exchange = ask("chat", "vllm", stream=True)
    _, out = answer(exchange, body, kind=SSE)
    assert json.loads(out.decode().removeprefix("data: "))["error"]["message"] == "boom"
    assert not exchange.machine.begun


def test_an_error_in_the_clients_schema_goes_on_byte_for_byte():
    body = b'{"error": {"message": "no", "type": "tokens", "param": null, "code": "x", "more": 1}}'
    head, out = answer(ask("chat", "openai", stream=False), body, status=429)
    assert (head.status, out) == (429, body)


def numbered(kind, number, **fields):
    return sse({"type": kind, "sequence_number": number, **fields}, kind)


def test_a_response_that_is_cut_ends_with_one_more_numbered_event():
    body = numbered("response.created", 0, response={}) + numbered(
        "response.output_text.delta", 1, delta="Hi"
    )
    exchange = ask("responses", "openai", stream=True)
    _, out = answer(exchange, body, kind=SSE)
    assert out.startswith(body)
    last = json.loads(out[len(body) :].decode().split("data: ")[1])
    assert (last["type"], last["sequence_number"]) == ("error", 2)
    assert exchange.machine.failure.kind == "cut"


def test_a_response_goes_on_byte_for_byte():
    body = numbered("response.created", 0, response={}) + numbered(
        "response.completed", 1, response={"status": "completed", "error": None}
    )
    exchange = ask("responses", "openai", stream=True)
    assert answer(exchange, body, kind=SSE)[1] == body
    assert exchange.machine.failure is None


def test_an_error_event_of_the_clients_own_api_goes_on_byte_for_byte():
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "x"}, "more": 1}
    exchange = ask("messages", "anthropic", stream=True)
    _, out = answer(exchange, sse(error, "error"), kind=SSE)
    assert out == sse(error, "error")
    assert exchange.machine.failure.kind == "overloaded"


def test_what_only_announces_an_answer_waits_for_its_content():
    for client, provider in (("chat", "openai"), ("messages", "anthropic")):
        machine = ask(client, provider, stream=True).machine
        machine.head(200, {"content-type": SSE})
        body = WIRES[provider].stream(SCENARIOS["text"])
        first = body.index(b"Hello")
        assert machine.feed(body[:first]) == b""
        assert not machine.begun
        machine.feed(body[first:])
        assert machine.begun
