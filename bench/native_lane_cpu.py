"""CPU per request of the native lane, as a ratio to a plain Envoy proxy, in one run.

Three Envoys of one worker each: an upstream that answers a chat completion at once, a plain proxy
before it, and the gateway before it. The same 766-byte request goes to the proxy and to the gateway
in turns; CPU is each process's own user and system time.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.load import drive, post
from bench.policies import llm_policy
from compiler.pipeline import compile_path
from compiler.simulated import any_ports
from compiler.standalone import standalone
from tests.e2e.envoy_process import EnvoyProcess, running
from xds.secrets import SecretReader

ROUNDS = 7
REQUESTS = 6_000
CONNECTIONS = 16
BODY_BYTES = 766

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_760_000_000,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "It is sunny. " * 8, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 120, "completion_tokens": 32, "total_tokens": 152},
}


def main() -> None:
    """Print CPU per request of both, and the ratio of each round's pair."""
    body = _body()
    with ExitStack() as stack:
        upstream = stack.enter_context(_envoy(_upstream()))
        plain = stack.enter_context(_envoy(_plain(upstream.port("in"))))
        gateway = stack.enter_context(_gateway(upstream.port("in")))
        request = post("/v1/chat/completions", body)
        for envoy in (plain, gateway):
            _cpu_us(envoy, request, REQUESTS // 4)
        pairs = [
            (_cpu_us(plain, request, REQUESTS), _cpu_us(gateway, request, REQUESTS))
            for _ in range(ROUNDS)
        ]
    ratios = sorted(lane / proxy for proxy, lane in pairs)
    print(f"native lane, {len(body)} B body, one worker, {ROUNDS} rounds of {REQUESTS} requests")
    print(f"  plain Envoy proxy: {statistics.median(p for p, _ in pairs):.0f} us CPU a request")
    print(f"  native lane:       {statistics.median(g for _, g in pairs):.0f} us CPU a request")
    print(f"  ratio: {statistics.median(ratios):.2f} (min {ratios[0]:.2f}, max {ratios[-1]:.2f})")


def _body() -> bytes:
    message = {"model": "fast", "messages": [{"role": "user", "content": ""}], "temperature": 0.2}
    message["messages"][0]["content"] = "x" * (BODY_BYTES - len(json.dumps(message)))  # type: ignore[index]  # a literal of our own, one line above
    return json.dumps(message).encode()


def _cpu_us(envoy: EnvoyProcess, request: bytes, count: int) -> float:
    before = _cpu_seconds(envoy.pid)
    tally = asyncio.run(
        drive(envoy.port("public"), request, connections=CONNECTIONS, requests=count)
    )
    assert tally.statuses == {200: count}, tally
    return (_cpu_seconds(envoy.pid) - before) / count * 1e6


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _envoy(bootstrap: dict[str, Any], **environment: str) -> Iterator[EnvoyProcess]:
    with running(bootstrap, environment=environment, log_level="error") as envoy:
        yield envoy


@contextmanager
def _gateway(upstream: int) -> Iterator[EnvoyProcess]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gateway.yaml"
        path.write_text(llm_policy(port=8080, upstream=upstream), encoding="utf-8")
        compiled = compile_path(path, revise=any_ports)
    assert compiled.ok, compiled.diagnostics
    read = SecretReader(Path(), {"BENCH_KEY": "bench"}).read(compiled.lowered.secrets)
    secrets = {one.name: one.message for one in read.resources}
    with _envoy(standalone(compiled.lowered, secrets)) as envoy:
        yield envoy


def _upstream() -> dict[str, Any]:
    route = {
        "match": {"prefix": "/"},
        "direct_response": {"status": 200, "body": {"inline_string": json.dumps(ANSWER)}},
        "response_headers_to_add": [
            {
                "header": {"key": "content-type", "value": "application/json"},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        ],
    }
    return {"static_resources": {"listeners": [_listener("in", route)]}}


def _plain(upstream: int) -> dict[str, Any]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": upstream}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    cluster = {
        "name": "up",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "up", "endpoints": endpoints},
    }
    route = {"match": {"prefix": "/"}, "route": {"cluster": "up"}}
    return {"static_resources": {"listeners": [_listener("public", route)], "clusters": [cluster]}}


def _listener(name: str, route: dict[str, Any]) -> dict[str, Any]:
    package = "type.googleapis.com/envoy.extensions.filters"
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{package}.http.router.v3.Router"},
    }
    manager = {
        "@type": f"{package}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "route_config": {
            "name": name,
            "virtual_hosts": [{"name": name, "domains": ["*"], "routes": [route]}],
        },
        "http_filters": [router],
    }
    return {
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }
                ]
            }
        ],
    }


if __name__ == "__main__":
    main()
