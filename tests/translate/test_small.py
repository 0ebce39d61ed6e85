"""Embeddings, counts, lists of models, limits, and the table of pairs."""

from __future__ import annotations

import base64
import json
import struct

import pytest

from ext_authz.translate.counting import counted
from ext_authz.translate.limits import for_anthropic, for_openai
from ext_authz.translate.models import anthropic_models, openai_models, read_models
from ext_authz.translate.target import traits_of
from ext_authz.translate.thought_ids import join_signature, split_signature
from ext_authz.translate.translator import translate
from tests.translate import sdk
from tests.translate.drive import MOMENT, answer, ask, target
from tests.translate.facts import compact
from tests.translate.wire_formats import SSE
from xds.edge.pairs import ClientApi, Feature, Provider, Way, pair, table

VECTORS = [[0.5, -1.25, 3.0], [1.0, 0.0, -2.0]]
ANSWERS = {
    "gemini": {"embeddings": [{"values": one} for one in VECTORS]},
    "gemini_vertex": {
        "predictions": [
            {"embeddings": {"values": one, "statistics": {"token_count": 2}}} for one in VECTORS
        ]
    },
    "cohere": {"id": "x", "embeddings": {"float": VECTORS},
               "meta": {"billed_units": {"input_tokens": 4}}},
    "mistral": {"data": [{"embedding": one, "index": n} for n, one in enumerate(VECTORS)],
                "usage": {"prompt_tokens": 4, "total_tokens": 4}},
    "bedrock": {"embeddings": {"float": VECTORS}},
}  # fmt: skip
MODELS = {"bedrock": "cohere.embed-english-v3"}


@pytest.mark.parametrize("provider", sorted(ANSWERS))
@pytest.mark.parametrize("form", ["base64", "float", None])
def test_embeddings_of_any_provider_as_the_sdk_reads_them(provider, form):
    request = {"model": "a", "input": ["one", "two"]}
    if form:
        request["encoding_format"] = form
    to = target(provider, model=MODELS.get(provider, "embed"))
    exchange = translate(ClientApi.EMBEDDINGS, to, compact(request).encode(), {}, MOMENT)
    head, out = answer(
        exchange,
        compact(ANSWERS[provider]).encode(),
        headers={"x-amzn-bedrock-input-token-count": "4"},
    )
    told = json.loads(out)["data"][0]["embedding"]
    assert isinstance(told, str) == (form == "base64")
    client = sdk.openai_client(head.status, head.headers, out, strict=False)
    # The SDK decodes base64 by itself where the caller named no format.
    kwargs = {} if form == "base64" else {"encoding_format": "float"}
    got = client.embeddings.create(model="a", input=["one", "two"], **kwargs)
    assert [one.embedding for one in got.data] == VECTORS
    assert got.usage.prompt_tokens == 4


def test_titan_embeds_one_text():
    to = target("bedrock", model="amazon.titan-embed-text-v2:0")
    exchange = translate(ClientApi.EMBEDDINGS, to, b'{"model":"a","input":"x"}', {}, MOMENT)
    _, out = answer(exchange, b'{"embedding":[1,2],"inputTextTokenCount":3}')
    told = json.loads(out)
    assert told["data"] == [{"object": "embedding", "index": 0, "embedding": [1, 2]}]
    assert told["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


def test_a_compatible_server_that_does_not_know_base64_is_helped():
    body = b'{"model":"a","input":"x","encoding_format":"base64"}'
    exchange = translate(ClientApi.EMBEDDINGS, target("llamacpp"), body, {}, MOMENT)
    _, out = answer(exchange, b'{"object":"list","data":[{"embedding":[0.5]}],"model":"m"}')
    raw = base64.b64decode(json.loads(out)["data"][0]["embedding"])
    assert struct.unpack("<f", raw) == (0.5,)


def test_fewer_vectors_than_texts_are_an_error():
    body = b'{"model":"a","input":["x","y"]}'
    exchange = translate(ClientApi.EMBEDDINGS, target("gemini"), body, {}, MOMENT)
    head, _ = answer(exchange, b'{"embeddings":[{"values":[1]}]}')
    assert head.status == 502


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("anthropic", {"input_tokens": 7}),
        ("bedrock", {"inputTokens": 7}),
        ("gemini", {"totalTokens": 7}),
        ("openai", {"object": "response.input_tokens", "input_tokens": 7}),
    ],
)
def test_counts_of_any_provider(provider, body):
    exchange = ask("count_tokens", provider, stream=False)
    head, out = answer(exchange, compact(body).encode())
    client = sdk.anthropic_client(head.status, head.headers, out)
    got = client.messages.count_tokens(model="m", messages=[{"role": "user", "content": "?"}])
    assert got.input_tokens == 7


def test_counts_for_an_openai_client():
    body = b'{"model":"a","input":"?"}'
    exchange = translate(ClientApi.INPUT_TOKENS, target("bedrock"), body, {}, MOMENT)
    head, out = answer(exchange, b'{"inputTokens":7}')
    got = sdk.openai_client(head.status, head.headers, out).responses.input_tokens.count(input="?")
    assert (got.input_tokens, got.object) == (7, "response.input_tokens")


def test_an_estimate_is_told_like_a_count():
    assert json.loads(counted(ClientApi.COUNT_TOKENS, 5)) == {"input_tokens": 5}


@pytest.mark.parametrize(
    "body",
    [
        {"object": "list", "data": [{"id": "a", "created": 5, "owned_by": "o"}, {"id": "b"}]},
        {"data": [{"type": "model", "id": "a", "created_at": "1970-01-01T00:00:05Z"}, {"id": "b"}]},
        {"models": [{"name": "models/a"}, {"name": "models/b", "displayName": "B"}]},
        {"models": [{"name": "a"}, {"name": "b"}, {"x": 1}, 3]},
    ],
)
def test_lists_of_models_for_both_kinds_of_clients(body):
    models = read_models(compact(body).encode())
    json_type = [("content-type", "application/json")]
    listed = sdk.openai_client(200, json_type, openai_models(models)).models.list()
    assert [one.id for one in listed.data] == ["a", "b"]
    page = sdk.anthropic_client(200, json_type, anthropic_models(models)).models.list()
    assert [one.id for one in page.data] == ["a", "b"]
    assert not page.has_more


def test_what_is_no_list_of_models():
    assert read_models(b"[]") is None
    assert read_models(b'{"x":1}') is None


NOW = MOMENT.now


def test_limits_of_anthropic_for_an_openai_client():
    given = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-requests-reset": "2023-11-14T22:14:25Z",
        "anthropic-ratelimit-tokens-remaining": "100",
        "anthropic-ratelimit-tokens-reset": "nonsense",
    }
    assert dict(for_openai(given, NOW)) == {
        "x-ratelimit-limit-requests": "50",
        "x-ratelimit-remaining-requests": "49",
        "x-ratelimit-reset-requests": "1m5s",
        "x-ratelimit-remaining-tokens": "100",
    }


def test_limits_of_openai_for_an_anthropic_client():
    given = {
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "9",
        "x-ratelimit-reset-tokens": "1m5s",
        "x-ratelimit-reset-requests": "120ms",
    }
    assert dict(for_anthropic(given, NOW)) == {
        "anthropic-ratelimit-tokens-limit": "1000",
        "anthropic-ratelimit-tokens-remaining": "9",
        "anthropic-ratelimit-tokens-reset": "2023-11-14T22:14:25Z",
        "anthropic-ratelimit-requests-reset": "2023-11-14T22:13:21Z",
    }


def test_limits_reach_the_client_and_foreign_headers_do_not():
    exchange = ask("chat", "anthropic", stream=True)
    head = exchange.machine.head(
        200,
        {
            "content-type": SSE,
            "anthropic-ratelimit-tokens-limit": "5",
            "anthropic-organization-id": "secret",
            "retry-after": "3",
        },
    )
    assert ("x-ratelimit-limit-tokens", "5") in head.headers
    assert "anthropic-organization-id" in head.without
    assert "retry-after" not in head.without


def test_the_id_of_a_request_is_told_as_the_sdks_look_for_it():
    head, _ = answer(ask("chat", "anthropic", stream=False), b"{}", status=400,
                     headers={"request-id": "req_1"})  # fmt: skip
    assert ("x-request-id", "req_1") in head.headers
    head, _ = answer(ask("messages", "bedrock", stream=False), b"{}", status=400,
                     headers={"x-amzn-requestid": "r2"})  # fmt: skip
    assert ("request-id", "r2") in head.headers


def test_headers_of_the_clients_api_do_not_reach_another_provider():
    sent = {"anthropic-version": "2023-06-01", "anthropic-beta": "x", "content-type": "x"}
    body = b'{"model":"a","max_tokens":1,"messages":[{"role":"user","content":"?"}]}'
    upstream = translate(ClientApi.MESSAGES, target("openai"), body, sent, MOMENT).upstream
    assert set(upstream.without) == {"anthropic-version", "anthropic-beta"}


def test_signatures_ride_on_ids_and_come_off_again():
    for signature in ("+/8=", "", "QUJDREVG" * 200):
        joined = join_signature("call_1", signature)
        assert split_signature(joined) == ("call_1", signature)
        assert all(one.isalnum() or one in "_-" for one in joined)


def test_a_signature_that_is_no_base64_stays_off():
    assert join_signature("call_1", "not base64!") == "call_1"
    assert split_signature("call_1__thought__!!!")[0] == "call_1"


def test_every_chat_client_is_served_by_every_provider():
    for client in (ClientApi.CHAT, ClientApi.MESSAGES, ClientApi.RESPONSES, ClientApi.COMPLETIONS):
        for provider in Provider:
            found = pair(client, provider)
            assert found is not None
            assert Feature.STREAM in found.features


def test_the_table_says_who_passes_on():
    assert pair(ClientApi.CHAT, Provider.VLLM).way is Way.SAME
    assert pair(ClientApi.MESSAGES, Provider.VLLM).way is Way.TRANSLATE
    assert pair(ClientApi.EMBEDDINGS, Provider.ANTHROPIC) is None
    assert len(table()) == len({(client, provider) for client, provider, _ in table()})


@pytest.mark.parametrize(
    ("model", "thinking", "sampling", "json_schema"),
    [
        ("claude-3-5-sonnet-20241022", "none", True, False),
        ("claude-3-haiku-20240307", "none", True, False),
        ("claude-3-7-sonnet-latest", "budget", True, False),
        ("claude-sonnet-4-20250514", "budget", True, False),
        ("claude-sonnet-4@20250514", "budget", True, False),
        ("claude-opus-4-0", "budget", True, False),
        ("claude-opus-4-1-20250805", "budget", True, True),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "budget", True, True),
        ("claude-opus-4-6", "effort", True, True),
        ("claude-opus-4-7", "effort", False, True),
        ("claude-sonnet-5", "effort", False, True),
        ("claude-next", "effort", True, True),
        ("gemini-2.0-flash", "none", True, True),
        ("gemini-2.5-pro", "budget", True, True),
        ("gemini-3-pro-preview", "effort", True, True),
        ("gpt-4o-mini", "none", True, True),
        ("gpt-5-chat-latest", "none", True, True),
        ("gpt-5-mini", "effort", False, True),
        ("o4-mini", "effort", False, True),
        ("openai/o3", "effort", False, True),
        ("qwen3-32b", "effort", True, True),
        ("amazon.nova-pro-v1:0", "none", True, False),
    ],
)
def test_what_models_take(model, thinking, sampling, json_schema):
    traits = traits_of(model)
    assert (traits.thinking, traits.sampling, traits.json_schema) == (
        thinking,
        sampling,
        json_schema,
    )
