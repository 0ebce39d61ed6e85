"""Canary keys are planted everywhere a secret may stand, and looked for in all that is written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from cli.compile import EMITS
from simulator.config import Config, Provider
from simulator.running import start_in_thread
from tests.e2e.authority import Authority, replace
from tests.e2e.envoy_process import EnvoyProcess, running, until
from tests.e2e.up_process import REPOSITORY
from tests.ports import free_port

CANARIES = {
    "provider, from the environment": "sk-canary-environment-7f3a91",
    "provider, from a file": "sk-canary-file-55d0c2",
    "client": "sk-canary-client-e81b44",
    "cookie": "canary-cookie-0a9d17",
    "control plane, by a file that is no key": "canary-broken-key-6b2f90",
}
DEADLINE = 30.0


@pytest.fixture
def simulator():
    providers = (
        Provider("one", "openai", key=CANARIES["provider, from the environment"]),
        Provider("two", "openai", key=CANARIES["provider, from a file"]),
    )
    with start_in_thread(Config(providers=providers)) as simulated:
        yield simulated


def policy(folder: Path, port: int) -> Path:
    (folder / "two.key").write_text(CANARIES["provider, from a file"])
    path = folder / "gateway.yaml"
    path.write_text(f"""\
gatewright: v1
name: canary
listeners:
  public: {{ address: 127.0.0.1, port: {free_port()} }}
providers:
  one: {{ api: openai, url: "http://127.0.0.1:{port}/one/v1", key: env:CANARY_ONE }}
  two: {{ api: openai, url: "http://127.0.0.1:{port}/two/v1", key: file:two.key }}
models:
  fast:
    targets: [one/gpt-4o-mini, two/gpt-4o-mini]
    fallback: {{ on: [rate_limited] }}
services:
  plain: {{ endpoints: ["127.0.0.1:{port}"] }}
routes:
  - {{ match: /v1, serve: llm, auth: none }}
  - {{ match: /plain, service: plain }}
groups:
  all: {{ nodes: {{}}, identity: ["spiffe://corp/edge/**"] }}
""")
    return path


def environment() -> dict[str, str]:
    return {**os.environ, "CANARY_ONE": CANARIES["provider, from the environment"]}


def leaks(texts: dict[str, str], canaries: dict[str, str] | None = None) -> list[str]:
    return [
        f"{name} shows the key of the {whose}"
        for name, text in texts.items()
        for whose, canary in (canaries or CANARIES).items()
        if canary in text
    ]


def certificates(folder: Path) -> dict[str, str]:
    """Make those of the control plane and of an Envoy; give a line of each key as a canary."""
    folder.mkdir()
    authority = Authority()
    replace(folder / "ca.pem", authority.pem)
    authority.write(folder, "plane", "127.0.0.1")
    authority.write(folder, "edge", "spiffe://corp/edge/1")
    return {
        whose: (folder / f"{name}.key").read_text().splitlines()[1]
        for whose, name in (("control plane's TLS", "plane"), ("Envoy's TLS", "edge"))
    }


def test_the_search_finds_a_leak():
    """The test itself can fail."""
    assert leaks({"log": f"x {CANARIES['client']} y"}) == ["log shows the key of the client"]


def test_no_output_of_a_whole_run_holds_a_secret(tmp_path, simulator):
    """Control plane, Envoy, access log, dumps, state, and the compiler's own prints."""
    home = tmp_path / "policy"
    home.mkdir()
    path = policy(home, simulator.port)
    state = tmp_path / "state"
    log = tmp_path / "serve.log"
    texts: dict[str, str] = {}
    tls = tmp_path / "tls"
    canaries = {**CANARIES, **certificates(tls)}
    serve = [sys.executable, "-m", "cli", "serve", str(path), "--json", "--state", str(state)]
    serve += [f"--tls-certificate={tls / 'plane.pem'}", f"--tls-key={tls / 'plane.key'}"]
    serve += [f"--client-ca={tls / 'ca.pem'}", "--max-age=1"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*serve, "--listen", "127.0.0.1:0"],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
            env={**environment(), "GATEWRIGHT_DEBUG": "1"},
        )
        try:
            address = _event(log, "listening")["address"]
            _event(log, "published")
            flush = ("--file-flush-interval-msec", "50")
            with running(_bootstrap(address, tls), arguments=flush, log_level="debug") as envoy:
                _requests(envoy.url("public"))
                path.write_text(path.read_text() + "  - { match: /bad, service: nobody }\n")
                _event(log, "wrong")
                replace(
                    tls / "plane.key", CANARIES["control plane, by a file that is no key"].encode()
                )
                _event(log, "certificates")
                texts["Envoy's config dump"] = envoy.get("/config_dump?include_eds")
                texts["Envoy's stats"] = envoy.get("/stats")
                texts["Envoy's clusters"] = envoy.get("/clusters")
                until(
                    lambda: _access_log(envoy).count("gen_ai.request.model") >= 3, "no log", envoy
                )
                texts["Envoy's access log"] = _access_log(envoy)
                own = {whose: key for whose, key in canaries.items() if whose not in CANARIES}
                assert leaks({"Envoy's log": envoy.log}, own) == []
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE)
    assert simulator.requests_to("two"), "the key from the file was used"
    texts["serve's output"] = log.read_text()
    for file in (*tls.glob("*.json"), *tls.glob("*.yaml")):
        texts[file.name] = file.read_text()
    for file in state.rglob("*"):
        if file.is_file():
            texts[f"state: {file.name}"] = file.read_bytes().decode("latin-1")
    assert any(name.startswith("state") for name in texts)
    path.write_text(path.read_text().rpartition("  - {")[0])
    for stage in EMITS:
        texts[f"compile --emit {stage}"] = _cli("compile", str(path), "--emit", stage)
    assert leaks(texts, canaries) == []


@pytest.mark.parametrize("style", ["text", "json", "github", "gitlab", "sarif", "markdown"])
def test_an_inline_key_is_refused_without_being_shown(tmp_path, style):
    """The diagnostic's source line is masked in every format."""
    key = "sk-proj-canaryInline0123456789abcdefghijkl"
    path = tmp_path / "gateway.yaml"
    path.write_text(f"""\
gatewright: v1
name: canary
listeners: {{ public: {{ address: 127.0.0.1, port: 8080 }} }}
providers:
  one: {{ api: openai, key: {key} }}
""")
    text = _cli("check", str(path), "--format", style, code=1)
    assert "inline-secret" in text
    assert key not in text


def _requests(url: str) -> None:
    secret = {
        "authorization": f"Bearer {CANARIES['client']}",
        "cookie": f"session={CANARIES['cookie']}",
    }
    body = {"model": "fast", "messages": [{"role": "user", "content": "hi"}]}
    chat = f"{url}/v1/chat/completions"
    for headers in ({}, {"x-simulate": "one=429"}, {"x-simulate": "one=500"}):
        httpx.post(chat, json=body, headers={**secret, **headers})
    httpx.post(chat, json={**body, "model": "none"}, headers=secret)
    httpx.post(chat, content=b"{", headers={**secret, "content-type": "application/json"})
    httpx.get(f"{url}/plain/x", headers=secret)
    httpx.get(f"{url}/nowhere", headers=secret)


def _access_log(envoy: EnvoyProcess) -> str:
    return "\n".join(line for line in envoy.log.splitlines() if line.startswith("{"))


def _bootstrap(address: str, tls: Path) -> dict[str, object]:
    _cli(
        *("bootstrap", "--ads", address, "--node-id", "canary", "--admin", "none", "--json"),
        *(f"--tls-ca={tls / 'ca.pem'}", f"--tls-certificate={tls / 'edge.pem'}"),
        *(f"--tls-key={tls / 'edge.key'}", f"--output={tls}"),
    )
    loaded: dict[str, object] = json.loads((tls / "envoy.json").read_text())
    return loaded


def _cli(*arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def _event(log: Path, name: str) -> dict[str, str]:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        for line in log.read_text().splitlines():
            if line.startswith("{") and (event := json.loads(line))["event"] == name:
                return event
        time.sleep(0.02)
    raise AssertionError(f"no event {name!r}: {log.read_text()}")
