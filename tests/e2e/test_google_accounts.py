"""Vertex AI's credentials from the key file to a request: through serve, and by a real Envoy."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from types import SimpleNamespace

import httpx
import pytest

from compiler.diagnostic import Reporter
from compiler.lower import lower
from tests.canaries import Canaries
from tests.e2e.envoy_process import running, until
from tests.e2e.llm_gateway import model, plan, provider
from tests.e2e.llm_upstream import Answer, upstream
from tests.e2e.plane_thread import running_plane
from tests.e2e.serve_process import REPOSITORY, serving
from tests.e2e.test_csds import fetch, operated
from tests.xds.google_server import token_server
from tests.xds.test_google_rotation import ACCOUNT, TOKEN, secret
from tests.xds.test_server import request, stream
from xds.order import SECRET
from xds.secrets import SecretReader
from xds.snapshot import snapshot

POLICY = """\
gatewright: v1
name: vertex
listeners: { public: { port: 8080, address: 127.0.0.1 } }
providers:
  gemini:
    api: gemini
    google: { project: p, location: global, credentials: file:account.json }
models:
  flash: { targets: [gemini/gemini-2.5-flash], apis: chat }
routes:
  - { match: /v1, serve: llm, auth: none }
"""


@pytest.fixture
def server(tmp_path):
    with token_server(lasts=2) as server:  # renewed after three quarters of it
        (tmp_path / "account.json").write_text(server.key_file)
        (tmp_path / "gateway.yaml").write_text(POLICY)
        yield server


@pytest.fixture
def canaries(server):
    planted = Canaries()
    planted.plant("account", server.private.splitlines()[1])
    planted.plant("token", TOKEN)
    return planted


def command(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "cli", *map(str, arguments)],
        cwd=REPOSITORY, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def told_of(serve, word):
    """The next diagnostic of a secret whose message has that word."""
    while word not in (told := serve.next("diagnostic", code="unreadable-secret"))["message"]:
        pass
    return told


def test_an_envoy_sends_each_new_token(server, canaries, tmp_path, caplog):
    """As a bearer token, with nothing restarted; neither dump nor CSDS nor log shows one."""
    caplog.set_level("DEBUG")
    with upstream(Answer(body=b'{"choices":[]}')) as vertex:
        made = plan([provider("a", vertex, key=ACCOUNT)], [model("fast", "a/gemini")])
        lowered = lower(made, Reporter())
        reader = SecretReader(tmp_path, {})
        with running_plane(reader=reader, prepare=operated) as plane:
            plane.do(plane.plane.publish(snapshot(lowered.resources), lowered.secrets))
            with running(plane.bootstrap("delta")) as envoy:

                def sent():
                    body = {"model": "fast", "messages": [{"role": "user", "content": "hi"}]}
                    url = f"{envoy.url('public')}/v1/chat/completions"
                    assert httpx.post(url, json=body).status_code == 200
                    return vertex.requests[-1].headers["authorization"]

                first = sent()
                assert first.startswith(f"Bearer {TOKEN}")
                until(lambda: sent() != first, "the old token is sent still", envoy)
                assert sent().startswith(f"Bearer {TOKEN}")
                shown = {
                    "dump": envoy.get("/config_dump"),
                    "Envoy's log": envoy.log,
                    "CSDS": str(fetch(plane.plane.address)),
                    "log": caplog.text,
                }
                assert ACCOUNT.name in shown["dump"]
                assert canaries.leaks(shown) == []


@pytest.mark.slow
def test_nothing_but_serve_asks_for_tokens(server, tmp_path):
    """A policy is checked and compiled where there is no network, and no key file."""
    policy = tmp_path / "gateway.yaml"
    command("check", policy)
    (tmp_path / "account.json").unlink()
    command("check", policy)
    assert ACCOUNT.name in command("compile", policy, "--emit", "plan")
    assert server.asked == 0


@pytest.mark.slow
def test_serve_tells_of_a_refusal_at_its_line_and_serves_on(server, canaries, tmp_path):
    """While an account is refused its last token stays; a key file that is right ends it."""
    state = tmp_path / "state"
    account = tmp_path / "account.json"
    with serving(tmp_path / "gateway.yaml", "--state", state, "--operator", "127.0.0.1:0") as serve:
        serve.next("published")

        async def follow():
            async with stream(SimpleNamespace(address=serve.address)) as call:
                await call.write(request(SECRET, ACCOUNT.name))
                first, second = [await secret(call) for _ in range(2)]
                assert first != second
                server.refuse = "invalid_grant"
                told = await asyncio.to_thread(told_of, serve, "invalid_grant")
                account.write_text("{ broken")
                await asyncio.to_thread(told_of, serve, "no JSON")
                server.refuse = ""
                account.write_text(server.key_file)
                assert (await secret(call)).startswith(TOKEN)
                return told

        told = asyncio.run(follow())
        assert told["severity"] == "warning"
        assert told["place"].endswith("gateway.yaml:9:22")
        assert "`file:account.json` gives no access token" in told["message"]
        operator = next(one for one in serve.events if one["event"] == "operator")["address"]
        base = f"http://{operator}"
        metrics = httpx.get(f"{base}/metrics").text
        assert "gatewright_google_tokens_total" in metrics
        [failures] = [
            line for line in metrics.splitlines()
            if line.startswith("gatewright_google_token_failures_total ")
        ]  # fmt: skip
        assert float(failures.split()[1]) >= 2
        shown = {"metrics": metrics, "status": httpx.get(f"{base}/status").text}
    shown["serve"] = "".join(serve.said)
    shown["events"] = json.dumps(serve.events)
    for stage in ("plan", "xds"):
        shown[stage] = command("compile", tmp_path / "gateway.yaml", "--emit", stage)
    assert canaries.leaks({**shown, "state": state}) == []
