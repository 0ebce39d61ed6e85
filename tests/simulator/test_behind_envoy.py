"""The simulator behind a real Envoy, over HTTP/1.1 and HTTP/2: its faults arrive as faults."""

from __future__ import annotations

import httpx
import openai
import pytest

from tests.e2e.envoy_process import running

pytestmark = pytest.mark.e2e

QUESTION = [{"role": "user", "content": "Go on."}]
HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
OPTIONS = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def bootstrap(port, protocol):
    """One listener that passes everything on to the simulator."""
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    cluster = {
        "name": "simulator",
        "load_assignment": {
            "cluster_name": "simulator",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "typed_extension_protocol_options": {
            OPTIONS.rpartition("/")[2].replace("type.googleapis.com/", ""): {
                "@type": OPTIONS,
                "explicit_http_config": {protocol: {}},
            }
        },
    }
    route = {"match": {"prefix": "/"}, "route": {"cluster": "simulator", "timeout": "20s"}}
    manager = {
        "@type": f"{HCM}.HttpConnectionManager",
        "stat_prefix": "in",
        "delayed_close_timeout": "0s",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}],
    }
    listener = {
        "name": "in",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}]}],
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


@pytest.fixture(params=["http_protocol_options", "http2_protocol_options"])
def gateway(request, simulator):
    with running(bootstrap(simulator.port, request.param)) as envoy:
        yield f"http://127.0.0.1:{envoy.port('in')}"


def test_answers_and_faults_pass_through_envoy(gateway, simulator):
    """Plain, streamed, an error, a cut after just so many tokens, a missing end, a reset."""
    client = openai.OpenAI(base_url=f"{gateway}/openai/v1", api_key="sk-test", max_retries=0)

    def ask(fault, *, stream=True):
        return client.chat.completions.create(
            model="m", messages=QUESTION, stream=stream, extra_headers={"x-simulate": fault}
        )

    assert "openai" in ask("ok", stream=False).choices[0].message.content
    assert len([c for c in ask("ok:tokens=20") if c.choices[0].delta.content]) == 20
    with pytest.raises(openai.RateLimitError):
        ask("429")
    for fault in ("cut:3", "cut:3:fin"):
        tokens = []
        with pytest.raises(openai.APIConnectionError):
            tokens += (c.choices[0].delta.content for c in ask(fault))
        assert len(list(filter(None, tokens))) == 3
    assert list(ask("no_terminal"))
    with pytest.raises(openai.InternalServerError) as caught:
        ask("reset")
    assert caught.value.status_code == 503
    simulator.wait_idle()
    assert [record.outcome for record in simulator.requests] == [
        "ok", "ok:tokens=20", "429", "cut:3", "cut:3:fin", "no_terminal", "reset",
    ]  # fmt: skip


def test_a_client_that_leaves_envoy_leaves_the_simulator(gateway, simulator):
    """Envoy resets the request behind it, and what was sent until then is what is billed."""
    body = {"model": "m", "messages": QUESTION, "stream": True}
    headers = {"authorization": "Bearer k", "x-simulate": "stall:4"}
    url = f"{gateway}/openai/v1/chat/completions"
    with httpx.stream("POST", url, json=body, headers=headers) as answer:
        lines = answer.iter_lines()
        while "data:" not in next(lines):
            pass
    simulator.wait_idle()
    [record] = simulator.requests
    assert (record.disconnected, record.billed.output_tokens) == (True, 4)
