"""The simulator's own endpoints, as a person with curl uses them."""

from __future__ import annotations

import httpx
import pytest

from simulator.config import Config, Provider
from simulator.running import start_in_thread

MESSAGE = {
    "model": "claude-haiku-4-5",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hi"}],
}
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def control(simulator):
    with httpx.Client(base_url=simulator.control_url) as client:
        yield client


def status(simulator, name="openai"):
    url = simulator.url(name) + "/chat/completions"
    return httpx.post(url, json=BODY, headers={"authorization": "Bearer k"}).status_code


def test_the_index_shows_what_there_is(simulator, control):
    """Providers with their URLs and scenarios; the root of the shared port shows the same."""
    index = control.get("").json()
    urls = {provider["name"]: provider["url"] for provider in index["providers"]}
    assert urls == simulator.urls()
    assert httpx.get(f"http://127.0.0.1:{simulator.port}/").json() == index


@pytest.mark.parametrize(
    ("content", "statuses"),
    [
        ('["429", "ok"]', [429, 200, 200]),
        ("429", [429, 429, 429]),
        ("503:delay=0.001", [503, 503, 503]),
        ('{"outcomes": [500, "ok"]}', [500, 200, 200]),
        ('{"weights": {"529": 1}}', [529, 529, 529]),
    ],
)
def test_a_scenario_is_put_and_deleted(simulator, control, content, statuses):
    """JSON or bare words; DELETE makes it as it was configured."""
    assert control.put("/openai/scenario", content=content).status_code == 200
    assert [status(simulator) for _ in statuses] == statuses
    assert status(simulator, "backup") == 200
    assert control.delete("/openai/scenario").json() == {"outcomes": ["ok"]}
    assert status(simulator) == 200


def test_a_scenario_can_say_the_words(simulator, control, gpt):
    """`text` replaces the words of each right answer."""
    control.put("/openai/scenario", json={"text": "exactly this"})
    assert control.get("/openai/scenario").json() == {"outcomes": ["ok"], "text": "exactly this"}
    assert gpt.chat.completions.create(**BODY).choices[0].message.content == "exactly this"


def test_a_test_sets_scenarios_without_http(simulator):
    """The same from Python, with data or ready made."""
    simulator.set_scenario("openai", ["503", "ok"])
    assert [status(simulator), status(simulator)] == [503, 200]
    simulator.reset()
    assert status(simulator) == 200
    with pytest.raises(KeyError):
        simulator.set_scenario("nobody", 429)


def test_what_is_wrong_is_explained(control):
    """No such provider, no such outcome, no such method or path."""
    assert control.put("/nobody/scenario", json=429).status_code == 404
    answer = control.put("/openai/scenario", content="cutt")
    assert (answer.status_code, "no outcome" in answer.text) == (400, True)
    assert control.post("/requests").status_code == 405
    assert control.get("/nothing").status_code == 404
    assert control.get("/requests?last=x").status_code == 400


def test_requests_and_usage_can_be_read_and_forgotten(simulator, control, gpt):
    """What came, with its headers as they were, and what it cost."""
    gpt.chat.completions.create(**BODY)
    status(simulator, "backup")
    [seen] = control.get("/requests?provider=openai").json()["requests"]
    assert ["authorization", "Bearer sk-test"] in [[k.lower(), v] for k, v in seen["headers"]]
    assert seen["billed"]["output_tokens"] > 0
    assert len(control.get("/requests").json()["requests"]) == 2
    assert [r["provider"] for r in control.get("/requests?last=1").json()["requests"]] == ["backup"]
    usage = control.get("/usage").json()
    assert usage["openai"]["m"]["requests"] == 1
    control.delete("/requests")
    control.delete("/usage")
    assert control.get("/requests").json() == {"requests": []}
    assert control.get("/usage").json() == {}


def test_a_providers_own_port_serves_the_real_paths(simulator):
    """No prefix there: the path is the provider's, and the control endpoints are at hand."""
    origin = simulator.origin("own")
    assert origin.count("/") == 2
    assert str(simulator.port) not in origin
    answer = httpx.post(
        origin + "/v1/chat/completions", json=BODY, headers={"authorization": "Bearer k"}
    )
    assert answer.headers["x-simulated-by"] == "own"
    assert simulator.requests_to("own")[0].target == "/v1/chat/completions"
    assert httpx.get(origin + "/_simulator/usage").status_code == 200


def test_a_provider_can_be_added_while_it_runs():
    """As `up --simulate` does when a policy file gains one; what is told of others holds on."""
    with start_in_thread(Config((Provider("openai", "openai"),))) as simulator:
        simulator.set_scenario("openai", 503)
        simulator.add(Provider("openai", "openai"))
        simulator.add(Provider("more", "openai"))
        assert (status(simulator, "openai"), status(simulator, "more")) == (503, 200)
        index = httpx.get(simulator.control_url).json()
        assert [provider["url"] for provider in index["providers"]] == [
            simulator.url("openai"),
            simulator.url("more"),
        ]


def test_a_provider_may_change_its_api_while_it_runs():
    """As `up --simulate` has it when a policy file says so."""
    with start_in_thread(Config((Provider("backup", "openai"),))) as simulator:
        simulator.set_scenario("backup", 503)
        assert status(simulator, "backup") == 503
        simulator.add(Provider("backup", "anthropic"))
        headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
        asked = f"{simulator.origin('backup')}/v1/messages"
        assert httpx.post(asked, json=MESSAGE, headers=headers).status_code == 503
        simulator.set_scenario("backup", "ok")
        answer = httpx.post(asked, json=MESSAGE, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (200, "message")
