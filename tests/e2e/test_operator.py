"""What an operator sees of a real `serve` with a real Envoy: status, metrics, no secrets."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.request import urlopen

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from cli.operating import Operating
from tests.e2e.envoy_process import running, until
from tests.e2e.load import load
from tests.e2e.named_upstream import named_upstream
from tests.e2e.plane_thread import running_plane
from tests.e2e.serve_process import REPOSITORY, bootstrap, serving
from tests.ports import free_port
from tests.xds.hand_made import listener
from xds.bootstrap import Address
from xds.csds import SERVICE
from xds.identity import Trust
from xds.schema import envoy as api

KEYS = {"CANARY_ONE": "sk-canary-operator-environment-5b1"}
QUARANTINED = (("group", "default"), ("state", "quarantined"))
FILE_KEY = "sk-canary-operator-file-9c2"


def policy(folder: Path, *, extra: str = "", upstream: int = 1, rollout: str = "") -> Path:
    path = folder / "gateway.yaml"
    path.write_text(f"""\
gatewright: v1
name: operated
listeners:
  public: {{ address: 127.0.0.1, port: {PORT} }}
{extra}services:
  api: {{ endpoints: ["127.0.0.1:{upstream}"] }}
{rollout}routes:
  - {{ match: /, service: api, listeners: [public] }}
""")
    return path


PORT = 0


@pytest.fixture(autouse=True)
def port(monkeypatch):
    monkeypatch.setattr("tests.e2e.test_operator.PORT", free_port())


@contextmanager
def failing_upstream() -> Iterator[int]:
    """Answer every request with 500."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(500)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def operator_of(serve):
    return serve.next("operator")["address"]


def get(operator, path):
    with urlopen(f"http://{operator}{path}", timeout=10) as answer:
        return answer.read().decode()


def status(operator):
    return json.loads(get(operator, "/status"))


def samples(operator):
    """Every sample of /metrics by name and labels, as Prometheus's own parser reads it."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(get(operator, "/metrics"))
        for sample in family.samples
    }


def cli(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_node_is_told_from_its_first_ack_to_its_end(tmp_path):
    """SYNCED with a version of each type, an exit code of 0, and GONE when it has left."""
    path = policy(tmp_path)
    with serving(path, "--operator", "127.0.0.1:0") as serve:
        operator = operator_of(serve)
        published = serve.next("published")
        with running(bootstrap("--ads", serve.address, "--node-id", "edge-1")):
            until(lambda: synced(operator), "the node is not synced")
            told = status(operator)
            [node] = told["nodes"]
            assert told["version"] == published["version"]
            assert set(node["types"]) >= {"cluster", "endpoint", "listener", "route"}
            assert (node["id"], node["group"], node["agent"]) == (
                "edge-1",
                "default",
                node["agent"],
            )
            assert node["agent"].startswith("envoy 1.")
            done = cli("status", "--operator", operator)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "edge-1" in done.stdout
            found = samples(operator)
            info = {"group": "default", "version": published["version"], "revision": ""}
            assert found["gatewright_served_info", tuple(sorted(info.items()))] == 1
            assert {one["state"] for one in node["types"].values()} == {"SYNCED"}
            acks = (("group", "default"), ("type", "listener"))
            assert found["gatewright_xds_acks_total", acks] == 1
            nodes = (("group", "default"), ("state", "SYNCED"))
            assert found["gatewright_nodes", nodes] == 1
        until(lambda: not status(operator)["nodes"][0]["connected"], "it is still connected")
        assert "GONE" in cli("status", "--operator", operator).stdout


def synced(operator):
    nodes = [one for one in status(operator)["nodes"] if one["connected"]]
    return bool(nodes) and all(
        one["state"] == "SYNCED" and "route" in one["types"] for one in nodes
    )


def test_a_refusal_is_shown_with_the_line_of_the_policy(tmp_path):
    """A port in use: NACKED, the place, an exit code of 1; mended, all is well again."""
    path = policy(tmp_path)
    with socket.socket() as taken, serving(path, "--operator", "127.0.0.1:0") as serve:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        operator = operator_of(serve)
        with running(bootstrap("--ads", serve.address, "--node-id", "edge-1")):
            until(lambda: synced(operator), "the node is not synced")
            second = f"  second: {{ address: 127.0.0.1, port: {taken.getsockname()[1]} }}\n"
            policy(tmp_path, extra=second)
            serve.next("diagnostic", code="envoy-refused")
            told = status(operator)
            [node] = told["nodes"]
            assert node["state"] == "NACKED"
            [refused] = node["types"]["listener"]["refused"]
            assert refused["resource"] == "second"
            assert "gateway.yaml:5:" in refused["place"]
            assert not told["complete"]
            assert told["groups"][0]["refused"][0]["place"] == refused["place"]
            done = cli("status", "--operator", operator)
            assert done.returncode == 1
            assert refused["place"] in done.stdout
            assert "NACKED" in done.stdout
            nacks = (("group", "default"), ("type", "listener"))
            assert samples(operator)["gatewright_xds_nacks_total", nacks] == 1
            policy(tmp_path)
            until(lambda: synced(operator), "the node is not synced again")
            assert cli("status", "--operator", operator).returncode == 0


def test_nobody_answers_where_there_is_no_operator():
    """The exit code says so, and the hint what to start."""
    done = cli("status", "--operator", f"127.0.0.1:{free_port()}")
    assert done.returncode == 3
    assert "gatewright serve --operator" in done.stderr


def test_an_address_that_others_reach_has_to_be_meant(tmp_path):
    """Names of routes and nodes are not for everybody."""
    done = cli("serve", str(policy(tmp_path)), "--operator", "0.0.0.0:0")
    assert done.returncode == 2
    assert "--operator-insecure" in done.stderr


def test_it_is_ready_with_its_first_snapshot():
    """503 and the reason before, 200 from then on."""
    made = []

    def prepare(plane):
        operating = Operating(plane, Trust.MACHINE)
        made.append((operating, operating.start(Address("127.0.0.1", 0))))

    with running_plane(prepare=prepare) as plane:
        [(operating, at)] = made
        assert get(at, "/healthz") == "ok\n"
        with pytest.raises(HTTPError, match="503") as early:
            get(at, "/readyz")
        assert early.value.read() == b"no policy has been compiled yet\n"
        plane.publish(listener())
        assert get(at, "/readyz") == "ok\n"
        plane.do(operating.stop())


def test_no_secret_is_shown_to_an_operator(tmp_path):
    """Keys from the environment and from a file: in no answer, and named where they lie."""
    (tmp_path / "two.key").write_text(FILE_KEY)
    path = tmp_path / "gateway.yaml"
    path.write_text(f"""\
gatewright: v1
name: canary
listeners: {{ public: {{ address: 127.0.0.1, port: {PORT} }} }}
providers:
  one: {{ api: openai, url: "http://127.0.0.1:1/v1", key: env:CANARY_ONE }}
  two: {{ api: openai, url: "http://127.0.0.1:1/v1", key: file:two.key }}
  three: {{ api: openai, url: "http://127.0.0.1:1/v1", key: env:CANARY_MISSING }}
models:
  fast: {{ targets: [one/gpt-4o-mini, two/gpt-4o-mini] }}
  slow: {{ targets: [three/gpt-4o-mini] }}
routes:
  - {{ match: /v1, serve: llm, auth: none }}
""")
    with serving(path, "--operator", "127.0.0.1:0", environment=KEYS) as serve:
        operator = operator_of(serve)
        with running(
            bootstrap("--ads", serve.address, "--node-id", "edge-1"), wait_ready=False
        ) as envoy:
            until(lambda: "secret" in types_of(operator), "no secret was asked for", envoy)
            texts = [get(operator, page) for page in ("/status", "/metrics", "/rollout")]
            texts += [cli("status", "--operator", operator).stdout]
            texts += [cli("status", "--operator", operator, "--json").stdout]
            answer = csds(serve.address)
            names = [one.name for config in answer.config for one in config.generic_xds_configs]
        texts += [answer.SerializeToString().decode("latin-1"), *serve.said]
    assert "env:CANARY_MISSING" in texts[0]
    assert any("CANARY_ONE" in name for name in names), names
    assert "[redacted]" in answer.SerializeToString().decode("latin-1")
    for key in (*KEYS.values(), FILE_KEY):
        assert not [text for text in texts if key in text]


def types_of(operator):
    return {word for node in status(operator)["nodes"] for word in node["types"]}


def csds(address):
    message = api.service.status.v3
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(
            f"/{SERVICE}/FetchClientStatus",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=message.ClientStatusResponse.FromString,
        )
        return call(message.ClientStatusRequest(), timeout=10)


@pytest.mark.slow
def test_failing_requests_are_counted_and_roll_a_change_back(tmp_path):
    """An Envoy reports that its upstream fails: metrics tell, and the wave goes back to the old."""
    rollout = "rollout: { canary: 50%, then: [100%], hold: 40s, max_errors: 5%, deadline: 2m }\n"
    with (
        named_upstream("good") as good,
        failing_upstream() as bad,
        serving(policy(tmp_path, upstream=good, rollout=rollout), "--operator", "127.0.0.1:0") as s,
    ):
        operator = operator_of(s)
        with running(bootstrap("--ads", s.address, "--node-id", "edge-1")) as envoy:
            until(lambda: synced(operator), "the node is not synced")
            with load(envoy.url("public")) as requests:
                requests.wait_for("good")
                policy(tmp_path, upstream=bad, rollout=rollout)
                told = s.next("rollout", within=90, kind="rolled_back")
                requests.wait_for("good")
        assert "requests failed" in told["reason"]
        failed = (("cluster", "service/api"), ("outcome", "error"))
        found = samples(operator)
        assert found["gatewright_upstream_requests_total", failed] > 0
        assert found["gatewright_rollout_state", QUARANTINED] == 1
        assert cli("status", "--operator", operator).returncode == 1
