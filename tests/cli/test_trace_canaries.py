"""No credential shows: neither a client's, nor one that a policy wrongly holds."""

import json

import pytest

from cli.main import main
from cli.replay import CHANGED
from tests.canaries import Canaries

POLICY = """\
gatewright: v1
name: edge
listeners: {{ local: {{ port: 8080, address: 127.0.0.1 }} }}
services: {{ orders: {{ endpoints: ["orders.internal:8080"] }} }}
routes:
  - name: orders
    match: /orders
    service: orders
    headers: {{ request: {{ set: {{ authorization: Bearer {key}, x-api-key: {word} }} }} }}
tests:
  - name: who asks
    request: {{ path: "/orders?api_key={word}", headers: {{ authorization: Bearer {key} }} }}
    cases:
      - request: {{ headers: {{ x-api-key: {word} }} }}
        expect: {{ status: 500, headers: {{ authorization: Bearer x, x-api-key: {key} }} }}
      - request: {{ path: "/{key}" }}
        expect: {{ status: 500, headers: {{ x-api-key: {word}{word} }} }}
"""
AWAY = "rewrite: { regex: { match: '^.*$', to: /x } }"


@pytest.fixture
def canaries():
    made = Canaries()
    made.plant("acme/ci")
    made.plant("a house with plain words", "correct-horse-battery-staple")
    return made


@pytest.fixture
def policy(canaries, tmp_path):
    path = tmp_path / "gateway.yaml"
    key, word = canaries.keys.values()
    path.write_text(POLICY.format(key=key, word=word))
    return path


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_explain_shows_none(canaries, policy, capsys, form):
    """Whether it stands in a header, a query, curl's words or the policy."""
    key, word = canaries.keys.values()
    curl = ["curl", f"http://me:{word}@localhost/orders?key={word}", "-u", f"me:{word}"]
    for words in (
        ["/orders", "-H", f"authorization: Bearer {key}"],
        [*curl, "-H", f"x-api-key: {key}", "-b", word],
        ["/orders", "-H", f"Bearer {key}"],
        ["curl", "http://localhost/orders", "-H", f"Bearer {key}"],
        ["resource", "route/local", "request_headers_to_add"],
    ):
        main(["explain", *form, "--policy", str(policy), *words])
        assert canaries.leaks({" ".join(words[:2]): "".join(capsys.readouterr())}) == []


def test_tests_show_none(canaries, policy, tmp_path, capsys):
    """Not in names that rows get, in what was expected and got, in traces, in reports."""
    main(["test", "-v", "--junit", str(tmp_path / "report.xml"), str(policy)])
    texts = {"text": "".join(capsys.readouterr()), "JUnit": tmp_path / "report.xml"}
    main(["test", "--json", str(policy)])
    texts["JSON"] = "".join(capsys.readouterr())
    assert "headers.x-api-key" in texts["text"]
    assert canaries.leaks(texts) == []


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_replay_shows_none(canaries, policy, tmp_path, capsys, form):
    """Not where a key stands in the path that a change is about."""
    after = tmp_path / "after.yaml"
    log = tmp_path / "access.log"
    path = f"/orders/{canaries.keys['acme/ci']}"
    log.write_text(json.dumps({"method": "GET", "path": path, "status": 200}))
    after.write_text(policy.read_text().replace("    headers:", f"    {AWAY}\n    headers:"))
    assert main(["replay", *form, str(log), str(policy), str(after)]) == CHANGED
    text = "".join(capsys.readouterr())
    assert "path /orders/***" in text
    assert canaries.leaks({"replay": text}) == []
