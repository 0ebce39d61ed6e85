"""Errors of providers, by table, as the SDKs of both kinds of clients raise them."""

from __future__ import annotations

import json

import anthropic
import openai
import pytest

from ext_authz.translate.errors import RefusedError
from ext_authz.translate.translator import refusal, translate
from tests.translate import sdk
from tests.translate.drive import MOMENT, answer, ask, target
from tests.translate.facts import compact, load
from tests.translate.wire_formats import JSON
from xds.edge.pairs import ClientApi

CASES = load("traps")


def failed(client, case):
    exchange = ask(client, case["provider"], stream=False)
    body = case["body"] if isinstance(case["body"], str) else compact(case["body"])
    headers = {"retry-after": "7", **case.get("headers", {})}
    head, out = answer(
        exchange,
        body.encode(),
        status=case["status"],
        kind=headers.pop("content-type", JSON),
        headers=headers,
    )
    assert exchange.machine.failure.kind == case["kind"]
    return head, out


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_an_openai_client_raises_it(case):
    head, out = failed("chat", case)
    client = sdk.openai_client(head.status, head.headers, out)
    with pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
    status, kind, code = case["openai"]
    error = raised.value
    assert (error.status_code, error.type, error.code) == (status, kind, code)
    assert error.body["message"] == case["says"]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_an_anthropic_client_raises_it(case):
    head, out = failed("messages", case)
    client = sdk.anthropic_client(head.status, head.headers, out)
    with pytest.raises(anthropic.APIStatusError) as raised:
        client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "?"}])
    error = raised.value
    assert [error.status_code, error.body["error"]["type"]] == case["anthropic"]
    assert error.body["error"]["message"] == case["says"]


@pytest.mark.parametrize("client", list(ClientApi))
def test_a_refusal_is_in_the_clients_own_schema(client):
    head, out = refusal(client, RefusedError("No.", param="x").failure, MOMENT)
    assert head.status == 400
    told = json.loads(out)
    assert told["error"]["message"] == "No."
    assert told["error"]["type"] == "invalid_request_error"
    if client in (ClientApi.MESSAGES, ClientApi.COUNT_TOKENS):
        assert told["type"] == "error"
    else:
        assert told["error"]["param"] == "x"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b'{"a":"\xff"}', b'{"model":1}', b"[" * 5000,
     b'{"model":"a","messages":' + b"[" * 200 + b"]" * 200 + b"}"],
)  # fmt: skip
@pytest.mark.parametrize("client", ["chat", "messages", "responses", "completions"])
@pytest.mark.parametrize("provider", ["anthropic", "openai", "gemini", "bedrock", "cohere"])
def test_a_body_that_is_no_request_is_refused(client, provider, body):
    same = (client == "messages") == (provider == "anthropic")
    if body == b'{"model":1}' and same and provider in ("anthropic", "openai"):
        pytest.skip("passed on: the provider says what is wrong")
    with pytest.raises(RefusedError):
        translate(ClientApi(client), target(provider), body, {}, MOMENT)
