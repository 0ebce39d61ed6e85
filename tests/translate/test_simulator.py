"""The simulated providers take the requests of the corpus, and the SDKs read what they answer."""

from __future__ import annotations

import json

import httpx
import pytest

from ext_authz.translate.translator import translate
from simulator.config import Config, Provider
from simulator.running import start_in_thread
from tests.translate import sdk
from tests.translate.drive import MOMENT, target
from tests.translate.facts import compact, load
from xds.edge.pairs import ClientApi

CASES = [
    case
    for case in load("requests")
    if "error" not in case
    and case["target"]["provider"] in ("openai", "anthropic")
    and case.get("client", "chat") in ("chat", "messages", "responses")
    and not case["name"].startswith("others/")
]


@pytest.fixture(scope="module")
def simulator():
    providers = (Provider("openai", "openai"), Provider("anthropic", "anthropic"))
    with start_in_thread(Config(providers=providers)) as running:
        yield running


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_provider_answers_and_the_client_understands(simulator, case, stream):
    client = case.get("client", "chat")
    request = {**case["request"], "stream": stream}
    if client == "chat" and stream:
        request["stream_options"] = {"include_usage": True}
    if case["target"].get("model", "").startswith("o3"):
        request.pop("temperature", None)
    to = target(**case["target"])
    exchange = translate(ClientApi(client), to, compact(request).encode(), {}, MOMENT)
    upstream, machine = exchange.upstream, exchange.machine
    base = simulator.url(case["target"]["provider"]).removesuffix("/v1")
    keys = {"authorization": "Bearer any", "x-api-key": "any"}
    got = httpx.post(
        f"{base}{upstream.path}", content=upstream.body, headers={**dict(upstream.headers), **keys}
    )
    assert got.status_code == 200, got.text
    head = machine.head(200, {name.lower(): value for name, value in got.headers.items()})
    out = machine.feed(got.content) + machine.end()
    head = head or machine.final
    facts = sdk.read(client, stream=stream, status=head.status, headers=head.headers, body=out)
    assert machine.failure is None
    assert facts.text or facts.calls
    assert facts.prompt
    assert facts.completion
    assert json.loads(upstream.body)["model"] == to.model
