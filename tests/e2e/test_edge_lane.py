"""What the real Envoy asks an edge, and what comes of each answer."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from compiler.plan import Respond
from tests.e2e import llm_gateway as llm
from tests.e2e.account_plans import KEYS, NOBODY, gateway, limit, plan, rest, usage_lines
from tests.e2e.envoy_process import until
from tests.e2e.llm_upstream import chat, upstream
from tests.e2e.recording_edge import denied, edge, ok
from tests.e2e.rest_upstream import upstream as rest_upstream
from xds.edge import usage_line as line

WHO = {"tenant": "acme", "team": "search", "key": "acme/search/ci", "auth": "keys"}
REFUSED = json.dumps({"error": {"message": "no such key", "type": "authentication_error"}})


@pytest.fixture
def provider():
    with upstream(chat()) as started:
        yield started


@pytest.fixture
def service():
    with rest_upstream() as started:
        yield started


@pytest.fixture
def guarded(provider, service):
    """A plan with a route of models, a route to a service, and one that Envoy answers itself."""
    fast = llm.model("fast", "a/gpt-x", aliases=("quick",))
    models = replace(llm.serve(fast), auth=(KEYS,), limits=(limit("1000 tokens/minute"),))
    answers = replace(
        rest(KEYS, name="answers", path="/answers"), action=Respond(200, "inside", "text/plain")
    )
    return plan(
        models,
        rest(KEYS),
        answers,
        rest(NOBODY, name="open", path="/open"),
        port=service.port,
        providers=(llm.provider("a", provider),),
        models=(fast,),
    )


def test_the_edge_is_told_route_endpoint_api_and_model(guarded, tmp_path):
    """Once for each request, also where Envoy would answer itself; and nothing of open routes."""
    with edge(tmp_path / "edge") as asked, gateway(guarded, tmp_path) as running:
        assert running.chat("quick").status_code == 200
        running.client.get("/v1/models")
        running.client.get("/v1/models/quick", headers={"anthropic-version": "2023-06-01"})
        assert running.chat("nobody-has-it").status_code == 404
        assert running.client.get("/orders/7").status_code == 200
        assert running.client.get("/answers").text == "inside"
        assert running.client.get("/open").status_code == 200
        about = {"route": "llm", "api": "openai", "endpoint": "/chat/completions"}
        assert asked.about() == [
            {**about, "model": "fast"},
            {"route": "llm", "api": "openai", "endpoint": "/models", "list": "models"},
            {"route": "llm", "api": "anthropic", "endpoint": "/models", "entry": "quick"},
            about,
            {"route": "orders"},
            {"route": "answers"},
        ]


def test_the_edge_sees_a_body_only_where_tokens_may_be_limited(guarded, tmp_path):
    """The first 64 KiB of it, on a route of a model; all of it goes to the provider."""
    with edge(tmp_path / "edge") as asked, gateway(guarded, tmp_path) as running:
        long = [{"role": "user", "content": "x" * 200_000}]
        assert running.chat("fast", messages=long).status_code == 200
        assert running.client.post("/orders", content=b"a body").json()["size"] == 6
        told, nothing = (one.attributes.request.http for one in asked.checks)
        assert len(told.raw_body) == 64 * 1024
        assert int(told.headers["content-length"]) > 200_000
        assert len(nothing.raw_body) <= 1


def test_a_model_without_limits_on_tokens_keeps_its_bodies_from_the_edge(guarded, tmp_path):
    """A key alone is told by headers."""
    bare = replace(guarded, routes=tuple(replace(one, limits=()) for one in guarded.routes))
    with edge(tmp_path / "edge") as asked, gateway(bare, tmp_path) as running:
        assert running.chat().status_code == 200
        assert len(asked.checks[0].attributes.request.http.raw_body) == 1


def test_services_are_told_who_asks_and_clients_cannot_lie_about_it(guarded, service, tmp_path):
    """What the edge says reaches the service; the client's own words and its key do not."""
    with edge(tmp_path / "edge") as asked, gateway(guarded, tmp_path) as running:
        asked.check = lambda _: ok(
            WHO, {"x-gatewright-tenant": "acme"}, remove=("x-api-key",), answer={"x-ratelimit": "9"}
        )
        lies = {"x-gatewright-tenant": "evil", "X-Gatewright-Admin": "1", "x-api-key": "gw_x"}
        answer = running.client.get("/orders", headers={**lies, "x-request-id": "mine"})
        assert answer.headers["x-ratelimit"] == "9"
        running.client.get("/open", headers=lies)
        guarded_headers, open_headers = (one["headers"] for one in service.requests)
        assert guarded_headers["x-gatewright-tenant"] == "acme"
        assert "x-gatewright-admin" not in guarded_headers
        assert "x-api-key" not in guarded_headers
        assert guarded_headers["x-request-id"] != "mine"
        assert "x-gatewright-tenant" not in open_headers
        told = asked.checks[0].attributes.request.http
        assert "x-gatewright-tenant" not in told.headers
        assert told.headers["x-request-id"] == guarded_headers["x-request-id"]


def test_providers_are_told_nothing_of_who_asks(guarded, provider, tmp_path):
    """Whatever the edge says, and whatever the client sends."""
    with edge(tmp_path / "edge") as asked, gateway(guarded, tmp_path) as running:
        asked.check = lambda _: ok(WHO, {"x-gatewright-tenant": "acme"})
        running.client.headers["authorization"] = "Bearer gw_canary"
        assert running.chat().status_code == 200
        sent = provider.requests[0].headers
        assert not [name for name in sent if name.startswith("x-gatewright")]
        assert sent["authorization"] == "Bearer sk-canary-a"


def test_a_refusal_reaches_the_client_as_the_edge_wrote_it(guarded, provider, tmp_path):
    """Status, body and headers; nothing reaches the provider."""
    with edge(tmp_path / "edge") as asked, gateway(guarded, tmp_path) as running:
        headers = {"content_type": "application/json", "retry_after": "12"}
        for status in (401, 403, 404, 429, 503):
            asked.check = lambda _, status=status: denied(status, REFUSED, **headers)
            answer = running.chat()
            assert (answer.status_code, answer.text) == (status, REFUSED)
            assert answer.headers["retry-after"] == "12"
            assert answer.headers["content-type"] == "application/json"
            assert running.client.get("/orders").text == REFUSED
        assert provider.requests == []


def test_the_edge_may_answer_a_list_of_models_itself(guarded, tmp_path):
    """With 200, in place of the list of all."""
    with edge(tmp_path / "edge") as asked, gateway(guarded, tmp_path) as running:
        asked.check = lambda _: denied(200, '{"data": []}', content_type="application/json")
        answer = running.client.get("/v1/models")
        assert (answer.status_code, answer.json()) == (200, {"data": []})


@pytest.mark.parametrize("api", ["openai", "anthropic", "rest"])
def test_without_an_edge_the_answer_is_503_in_the_clients_schema(guarded, tmp_path, api):
    """Never 401 or 403: nobody knows that the client did anything wrong."""
    with gateway(guarded, tmp_path) as running:
        if api == "rest":
            answer = running.client.get("/orders")
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == 503
        else:
            answer = running.chat() if api == "openai" else running.messages()
            error = answer.json()["error"]
            kind = "server_error" if api == "openai" else "overloaded_error"
            assert error["type"] == kind
            assert "cannot be checked" in error["message"]
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"


def test_the_usage_log_tells_all_of_a_request_for_a_model(guarded, tmp_path):
    """Whose it was, what it used and cost, and by which price; numbers are numbers."""
    with edge(tmp_path / "edge") as asked, gateway(guarded, tmp_path) as running:
        asked.check = lambda _: ok({**WHO, "held": True, "estimate": 11})
        assert running.chat("quick").status_code == 200
        (told,) = usage_lines(tmp_path, 1, running.envoy)
        expected = {
            line.ROUTE: "llm",
            line.ENDPOINT: "/chat/completions",
            line.METHOD: "POST",
            **WHO,
            line.HELD: True,
            line.ESTIMATE: 11,
            line.MODEL: "fast",
            line.SERVED: "gpt-x",
            line.PROVIDER: "a",
            line.PRICE: "test",
            line.INPUT_PRICE: 150_000,
            line.OUTPUT_PRICE: 600_000,
            line.ATTEMPTS: 1,
            line.INPUT: 12,
            line.OUTPUT: 5,
            line.CACHED: 4,
            line.COST: 8 * 150 + 4 * 75 + 5 * 600,
            line.STATUS: 200,
        }
        assert told.items() >= expected.items()
        assert told[line.ID] == asked.checks[0].attributes.request.http.headers["x-request-id"]
        assert told[line.TIME].endswith("Z")
        for key in (line.DURATION, line.FIRST, line.BYTES_IN, line.BYTES_OUT):
            assert isinstance(told[key], int)
        lines = running.log_lines(1)
        assert lines[0].items() >= WHO.items()
        assert [dict(labels)["tenant"] for labels in running.metrics("input_tokens")] == ["acme"]


def test_the_usage_log_has_what_was_refused_and_what_services_answered(guarded, tmp_path):
    """Requests with an identity, and those that named a model; open ones are nobody's."""
    with edge(tmp_path / "edge") as asked, gateway(guarded, tmp_path) as running:
        asked.check = lambda _: ok(WHO)
        running.client.get("/open")
        running.client.get("/orders")
        usage_lines(tmp_path, 1, running.envoy)
        asked.check = lambda _: denied(429, REFUSED, WHO)
        running.chat()
        reports, refused = usage_lines(tmp_path, 2, running.envoy)
        assert reports.items() >= {"route": "orders", "status": 200, **WHO}.items()
        assert "model" not in reports
        assert refused.items() >= {"route": "llm", "model": "fast", "status": 429, **WHO}.items()
        assert "provider" not in refused
        assert "held" not in refused


def wait(statuses: list[int], count: int) -> None:
    until(lambda: len(statuses) >= count, "nobody asks any more")


def test_a_worker_that_goes_away_is_noticed_by_nobody(guarded, tmp_path):
    """Questions go to another worker, while one stops and starts under load."""
    both = replace(guarded, edge=replace(guarded.edge, workers=2))
    with edge(tmp_path / "edge", workers=2) as asked, gateway(both, tmp_path) as running:
        statuses: list[int] = []
        done = threading.Event()

        def load() -> None:
            while not done.is_set():
                statuses.append(running.client.get("/orders").status_code)

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in (0, 1, 0):
            asked.stop(number)
            wait(statuses, len(statuses) + 200)
            asked.start(number)
            wait(statuses, len(statuses) + 200)
        done.set()
        for thread in threads:
            thread.join()
        assert set(statuses) == {200}, [i for i, s in enumerate(statuses) if s != 200]
