"""`gatewright test --envoy`: the tests of policies through the real Envoy, and its log replayed."""

import asyncio
import json
import shutil
from http.client import HTTPConnection
from pathlib import Path

import pytest

from cli import exits, test_envoy
from cli.envoy import find_envoy
from cli.main import main
from cli.rehearsal import rehearsal
from compiler.pipeline import compile_path
from tests.conftest import REPOSITORY
from tests.e2e.envoy_process import until

pytestmark = pytest.mark.e2e

TENANTS = REPOSITORY / "examples" / "tenants"


@pytest.mark.slow
@pytest.mark.parametrize("example", ["quickstart", "one-api", "inhouse-first", "tenants"])
def test_envoy_does_what_the_examples_expect(example, capsys):
    """Nothing differs; what cannot be had on one machine is passed over, and why."""
    code = main(["test", str(REPOSITORY / "examples" / example), "--envoy", "-v"])
    out, _ = capsys.readouterr()
    assert code == exits.OK, out
    assert "PASSED" in out
    if example == "tenants":
        assert "SKIPPED (`given.used` cannot be had)" in out
        assert "SKIPPED (`request.at` is not now)" in out


def test_an_envoy_that_ends_at_once_is_said(tmp_path, capfd):
    """With what it said, and the code for a machine that is not as it should be."""
    envoy = tmp_path / "envoy"
    envoy.write_text("#!/bin/sh\necho it is broken >&2\nexit 1\n")
    envoy.chmod(0o755)
    words = ["test", str(REPOSITORY / "examples" / "quickstart"), "--envoy-path", str(envoy)]
    assert main(words) == exits.ENVIRONMENT
    err = capfd.readouterr().err
    assert "it is broken" in err
    assert "Envoy ended at its start with code 1" in err


POLICY = """\
gatewright: v1
name: held
listeners: { local: { address: 127.0.0.1, port: 8080 } }
services: { orders: { endpoints: ["127.0.0.1:9"] } }
routes:
  - { name: orders, match: /orders, service: orders, rewrite: { prefix: /v2 } }
tests:
  - name: orders
    request: { path: "/orders/7?x=1" }
    expect: { route: orders, path: "/v2/7?x=1" }
    cases: [{ expect: { status: 200 } }, { given: { orders: 503 }, expect: { status: 503 } }]
"""


TOKENS = """\
gatewright: v1
name: tokens
listeners: { local: { address: 127.0.0.1, port: 8080 } }
services: { orders: { endpoints: ["127.0.0.1:9"] } }
issuers:
  corp:
    issuer: https://login.corp.example
    audiences: [gateway]
    jwks: https://login.corp.example/keys
    claims: { tenant: org, user: sub }
tenants: { acme: { claims: [acme-inc] } }
routes:
  - { name: orders, match: /orders, service: orders, auth: { jwt: corp } }
ledger: { store: none }
tests:
  - name: tokens
    request: { path: /orders/7 }
    cases:
      - request: { claims: { org: acme-inc, sub: ana } }
        expect: { status: 200, identity: { tenant: acme, user: ana, by: jwt } }
      - { request: { claims: { org: other } }, expect: { status: 401 } }
      - { name: nobody, expect: { status: 401 } }
"""


def test_tokens_are_signed_for_the_run(tmp_path, capsys):
    """By a key that stands for the issuer's own, whose claims are as the test says."""
    policy = tmp_path / "gateway.yaml"
    policy.write_text(TOKENS)
    code = main(["test", str(policy), "--envoy", "-v"])
    out, err = capsys.readouterr()
    assert code == exits.OK, out + err
    assert "3 passed in" in out


def test_a_difference_is_an_error_of_ours(tmp_path, capsys, monkeypatch):
    """Were the evaluator wrong about Envoy, it would be told, with another exit code."""
    policy = tmp_path / "gateway.yaml"
    policy.write_text(POLICY)
    real = test_envoy._expected

    def wrong(trace, case):
        return {**real(trace, case), "path": "/v3/7?key=canary"}

    monkeypatch.setattr(test_envoy, "_expected", wrong)
    report = tmp_path / "report.xml"
    assert main(["test", str(policy), "--envoy", "--junit", str(report)]) == exits.BUG
    out = capsys.readouterr().out
    assert "EE\n" in out
    assert "path: gatewright says /v3/7?key=******, Envoy /v2/7?x=1" in out
    assert "2 error in " in out
    assert '<error message="path: gatewright says' in report.read_text()


ODD = """\
  - name: odd
    expect: { status: 4xx }
    cases:
      - { name: a space, request: { path: /a b } }
      - { name: letters, request: { path: /, headers: { x-a: \u65e5 } } }
      - { name: no name, request: { path: /orders, headers: { x a: "1" } } }
      - { name: all, request: { method: OPTIONS, path: "*" } }
"""


def test_what_nobody_can_send_is_passed_over(tmp_path, capsys):
    """It is no error of the evaluator's; what is odd and can be sent is held to Envoy."""
    policy = tmp_path / "gateway.yaml"
    policy.write_text(POLICY.partition("  - name: orders\n    request")[0] + ODD)
    assert main(["test", str(policy), "--envoy", "-v"]) == exits.OK
    out = capsys.readouterr().out
    assert out.count("SKIPPED (HTTP has no way to write this request)") == 2
    assert out.count("PASSED") == 2


def test_a_recorded_log_is_decided_as_it_was(tmp_path, capsys):
    """What Envoy logs is read, and comes to the same route, identity, status and target again."""
    log = tmp_path / "access.log"
    asyncio.run(_record(log))
    recorded = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(recorded) == 6
    assert main(["replay", str(log), str(TENANTS), str(TENANTS)]) == exits.OK
    assert capsys.readouterr().out == "6 requests, 0 change (0.0 %)\n"
    assert main(["explain", "--json", "--log", str(log), str(TENANTS)]) == exits.OK
    decided = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for line, trace in zip(recorded, decided, strict=True):
        assert trace["status"] == line["status"]
        assert (trace["route"] or "") in line.get("route", "")
        assert (trace["identity"] or {}).get("key", "") == line.get("key", "")
        provider = line.get("gen_ai.provider.name")
        target = (
            None
            if provider is None or not line.get("attempts")
            else f"{provider}/{line['upstream_model']}"
        )
        assert trace["served_by"] == target


async def _record(to: Path) -> None:
    compiled = compile_path(TENANTS)
    async with rehearsal(compiled.sources, compiled.plan, TENANTS, find_envoy(None)) as running:
        chat = "/v1/chat/completions"
        await asyncio.to_thread(_ask, running, "GET", "/healthz")
        await asyncio.to_thread(_ask, running, "GET", "/reports/1?x=1", key="acme/ci")
        await asyncio.to_thread(_ask, running, "GET", "/reports/1")
        await asyncio.to_thread(_ask, running, "POST", chat, key="acme/ci", model="fast")
        await asyncio.to_thread(_ask, running, "POST", chat, key="hobby/laptop", model="smart")
        running.simulator.set_scenario("openai", "429")
        await asyncio.to_thread(_ask, running, "POST", chat, key="acme/ci", model="smart")
        await asyncio.to_thread(until, lambda: running.log.read_bytes().count(b"\n") == 6, "lines")
        shutil.copy(running.log, to)


def _ask(running, method, path, *, key=None, model=None):
    connection = HTTPConnection("127.0.0.1", running.ports["local"], timeout=20)
    headers = {} if key is None else {"authorization": f"Bearer {running.keys[key]}"}
    body = None
    if model is not None:
        headers["content-type"] = "application/json"
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hello"}]})
    connection.request(method, path, body, headers)
    connection.getresponse().read()
    connection.close()
