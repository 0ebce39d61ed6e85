"""What the gateway tells of each request: counters by the plan's names, and one line of log."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from compiler.plan import Plan
from compiler.plan_accounts import EMBEDDED, Ledger
from compiler.plan_llm import Api, Model, Trigger
from compiler.standalone import NOWHERE
from ext_authz.ledger.row import usage
from tests.e2e.envoy_process import running, until
from tests.e2e.llm_gateway import Gateway, bootstrap, gateway, model, plan, provider, serve
from tests.e2e.llm_upstream import (
    Answer,
    anthropic_stream,
    chat,
    chat_chunk,
    message,
    openai_error,
    sse,
    upstream,
)


def labels(status: str | None = None, **named: str) -> tuple[tuple[str, str], ...]:
    more = {} if status is None else {"status": status}
    return tuple(sorted({"route": "llm", **named, **more}.items()))


def test_tokens_cost_and_attempts_are_counted_by_route_model_and_target():
    """A chain's tokens are its last target's; cached input is cheaper; statuses are apart."""
    with upstream(openai_error(429, "slow")) as first, upstream() as second:
        fast = model("fast", "a/gpt-x", "b/gpt-y", on=(Trigger.RATE_LIMITED,), aliases=("quick",))
        made = plan([provider("a", first), provider("b", second)], [fast])
        with gateway(made) as running:
            running.chat("fast")
            running.chat("quick")
            first.answer(openai_error(400, "no"))
            running.chat("fast")
            running.chat("made-up-by-a-client")
            a = labels(model="fast", provider="a", upstream_model="gpt-x")
            b = labels(model="fast", provider="b", upstream_model="gpt-y")
            nobody = {"model": "unknown", "provider": "", "upstream_model": ""}
            assert running.metrics("requests") == {
                labels("200", model="fast", provider="b", upstream_model="gpt-y"): 2,
                labels("400", model="fast", provider="a", upstream_model="gpt-x"): 1,
                labels("404", **nobody): 1,
            }
            assert running.metrics("attempts") == {a: 1, b: 4, labels(**nobody): 0}
            assert running.metrics("input_tokens") == {b: 24}
            assert running.metrics("output_tokens") == {b: 10}
            assert running.metrics("cached_input_tokens") == {b: 8}
            assert running.metrics("cost_nano_usd") == {b: 2 * (8 * 150 + 4 * 75 + 5 * 600)}
            page = running.envoy.get("/stats/prometheus")
            assert "made-up-by-a-client" not in page
            assert 'envoy_gatewright_llm_duration_ms_bucket{route="llm",model="fast"' in page
            assert 'envoy_gatewright_llm_first_byte_ms_bucket{route="llm",model="fast"' in page


def test_a_target_without_a_price_counts_tokens_and_no_cost():
    """What nobody knows the price of is not counted as free."""
    with upstream() as one:
        fast = model("fast", "a/x")
        unpriced = replace(fast, groups=(_without_price(fast),))
        with gateway(plan([provider("a", one)], [unpriced])) as running:
            running.chat()
            assert list(running.metrics("input_tokens").values()) == [12]
            assert running.metrics("cost_nano_usd") == {}
            assert "cost_nano_usd" not in running.log_lines(1)[0]


def _without_price(made: Model):
    (group,) = made.groups
    return replace(group, targets=tuple(replace(t, price=None) for t in group.targets))


@pytest.mark.parametrize(
    ("path", "operation", "body"),
    [
        ("/v1/chat/completions", "chat", chat().body),
        ("/v1/completions", "text_completion", chat().body),
        (
            "/v1/embeddings",
            "embeddings",
            b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":['
            + b"0.123456," * 300_000
            + b'1]}],"model":"served-2024","usage":{"prompt_tokens":12,"total_tokens":12}}',
        ),
    ],
)
def test_each_operation_s_line_has_the_gen_ai_attributes(path, operation, body):
    """The line of a request that asked for a model; a long answer passes and is accounted too."""
    with upstream(Answer(body=body)) as one:
        made = plan([provider("a", one)], [model("fast", "a/gpt-x", aliases=("quick",))])
        with gateway(made) as running:
            answer = running.post(f"{path}?key=hidden", {"model": "quick"})
            assert answer.content == body
            (line,) = running.log_lines(1)
            assert line["gen_ai.operation.name"] == operation
            assert line["gen_ai.provider.name"] == "a"
            assert line["gen_ai.request.model"] == "quick"
            assert line["gen_ai.usage.input_tokens"] == 12
            assert line["model"] == "fast"
            assert line["upstream_model"] == "gpt-x"
            assert line["route"] == f"llm{path.removeprefix('/v1')}/fast"
            assert (line["method"], line["path"], line["status"]) == ("POST", path, 200)
            assert (line["attempts"], line["bytes_out"]) == (1, len(body))
            assert {"time", "request_id", "duration_ms", "first_byte_ms", "flags"} <= set(line)
            assert "hidden" not in str(line)


def test_other_requests_have_the_same_line_without_gen_ai():
    """A plain route's line says what was asked of whom, and nothing of models."""
    with (
        upstream() as one,
        gateway(plan([provider("a", one)], [model("fast", "a/x")])) as running,
    ):
        running.client.get("/plain/x?secret=1")
        (line,) = running.log_lines(1)
        assert (line["method"], line["path"], line["status"]) == ("GET", "/plain/x", 200)
        assert line["route"] == "plain"
        assert not [name for name in line if "gen_ai" in name or "model" in name]
        assert "secret" not in str(line)
        assert running.metrics("requests") == {}


def test_two_routes_are_counted_apart():
    """The same model behind two routes has two series."""
    with upstream(message()) as one:
        smart = model("smart", "a/x", api=Api.ANTHROPIC)
        routes = [serve(smart), serve(smart, name="team", prefix="/team/v1")]
        made = plan([provider("a", one, Api.ANTHROPIC)], [smart], routes)
        with gateway(made) as running:
            running.messages()
            running.post("/team/v1/messages", {"model": "smart"})
            running.post("/team/v1/messages", {"model": "smart"})
            found = running.metrics("output_tokens")
            assert {dict(key)["route"]: value for key, value in found.items()} == {
                "llm": 6,
                "team": 12,
            }


@dataclass(slots=True)
class Logged:
    """A gateway that writes a usage log."""

    running: Gateway
    log: Path

    def line(self) -> dict[str, Any]:
        """The one line that it has written."""
        until(lambda: self.log.exists() and self.log.read_bytes().endswith(b"\n"), "no line")
        (line,) = self.log.read_text().splitlines()
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def logged(made: Plan, folder: Path) -> Iterator[Logged]:
    log = folder / "usage.log"
    # What stands alone has nobody to read the log, and writes it nowhere.
    text = json.dumps(bootstrap(replace(made, ledger=Ledger(EMBEDDED))))
    assert text.count(NOWHERE) == 1
    pointed = json.loads(text.replace(NOWHERE, str(log)))
    flush = ("--file-flush-interval-msec", "20")
    with (
        running(pointed, log_level="warning", arguments=flush) as envoy,
        httpx.Client(base_url=envoy.url("public"), timeout=30) as client,
    ):
        yield Logged(Gateway(envoy, client), log)


def one_model(upstream: Any, api: Api = Api.OPENAI) -> Plan:
    return plan([provider("a", upstream, api)], [model("fast", "a/x", api=api)])


def stream(chunks: Any) -> Answer:
    return Answer(content_type="text/event-stream", chunks=chunks)


def cut(chunks: list[bytes]) -> Iterator[bytes]:
    """Say this much, and break the connection."""
    yield from chunks
    raise OSError("cut")


def test_an_answer_s_line_has_all_that_its_provider_told(tmp_path):
    """Reasoning tokens too, with the cost by the cached price; and that it was told."""
    body = json.loads(chat(prompt=1_234_567, completion=987_654).body)
    body["usage"]["completion_tokens_details"] = {"reasoning_tokens": 900_000}
    with upstream(Answer(body=json.dumps(body).encode())) as one:  # noqa: SIM117 - reads as it runs
        with logged(one_model(one), tmp_path) as made:
            made.running.chat()
            line = made.line()
    assert (line["input"], line["output"], line["cached"]) == (1_234_567, 987_654, 4)
    assert (line["reasoning"], line["told"], line["status"]) == (900_000, True, 200)
    assert line["cost"] == 1_234_563 * 150 + 4 * 75 + 987_654 * 600
    assert (line["input_price"], line["output_price"], line["price"]) == (150_000, 600_000, "test")
    assert "seen" not in line


def test_a_stream_that_is_cut_is_counted_as_far_as_it_went(tmp_path):
    """The provider broke off: no usage was told, and what passed is known all the same."""
    events = sse(*(chat_chunk(f" word{n}") for n in range(7)), done=False)
    with upstream() as one, logged(one_model(one), tmp_path) as made:
        one.behave = lambda _: stream(cut(events))
        with pytest.raises(httpx.HTTPError):
            made.running.chat(stream=True)
        line = made.line()
    assert (line["seen"], line["status"]) == (7, 200)
    assert not {"told", "output", "cost"} & set(line)
    used = usage({**line, "estimate": 9})
    assert (used.input, used.output, used.cost) == (9, 7, 9 * 150 + 7 * 600)


def test_a_stream_whose_client_leaves_is_counted_as_far_as_it_went(tmp_path):
    """Envoy tells nobody when a client goes: the count was there before."""
    goes_on = threading.Event()

    def chunks() -> Iterator[bytes]:
        yield from sse(*(chat_chunk(f" word{n}") for n in range(5)), done=False)
        goes_on.wait(10)
        yield from sse(*(chat_chunk(" more") for _ in range(500)))

    with upstream() as one, logged(one_model(one), tmp_path) as made:
        one.behave = lambda _: stream(chunks())
        body = {"model": "fast", "stream": True, "messages": []}
        with made.running.client.stream("POST", "/v1/chat/completions", json=body) as answer:
            seen = b""
            for piece in answer.iter_raw():
                seen += piece
                if seen.count(b"data:") == 5:
                    break
        line = made.line()
        goes_on.set()
    assert line["seen"] == 5
    assert "DC" in line["flags"].split(",")
    assert "told" not in line


def test_an_anthropic_stream_that_is_cut_has_the_input_that_its_start_told(tmp_path):
    """With what it costs; output is what passed."""
    with upstream() as one, logged(one_model(one, Api.ANTHROPIC), tmp_path) as made:
        start, block, delta, *_ = anthropic_stream(fresh=10)
        one.behave = lambda _: stream(cut([start, block, delta, delta, delta]))
        body = {"model": "fast", "stream": True, "max_tokens": 9, "messages": []}
        with pytest.raises(httpx.HTTPError):
            made.running.post("/v1/messages", body)
        line = made.line()
    assert (line["input"], line["cached"], line["output"], line["seen"]) == (13, 3, 1, 3)
    assert "told" not in line
    used = usage(line)
    assert used.cost == 10 * 150 + 3 * 75 + 3 * 600


@pytest.mark.parametrize("api", list(Api))
def test_a_whole_stream_tells_its_usage(api, tmp_path):
    """Told at its end, it is told; what was seen on the way does not matter any more."""
    events = sse(chat_chunk("hi"), chat_chunk(None, usage={"prompt_tokens": 3}))
    path = "/v1/chat/completions"
    if api is Api.ANTHROPIC:
        events, path = anthropic_stream(output=6), "/v1/messages"
    with upstream(stream(events)) as one, logged(one_model(one, api), tmp_path) as made:
        made.running.post(path, {"model": "fast", "stream": True, "messages": []})
        line = made.line()
    assert line["told"] is True
    assert usage(line).told
    assert (line["input"], line["output"]) == ((13, 6) if api is Api.ANTHROPIC else (3, 0))


def test_an_answer_without_usage_is_estimated_by_what_it_says(tmp_path):
    """A server that tells none is not free."""
    body = {"choices": [{"message": {"content": "word " * 20}}]}
    with (
        upstream(Answer(body=json.dumps(body).encode())) as one,
        logged(one_model(one), tmp_path) as made,
    ):
        made.running.chat()
        line = made.line()
    assert line["seen"] == 25
    assert usage(line).estimated


def test_an_error_uses_nothing(tmp_path):
    """Whatever the provider's error says of usage."""
    refusal = Answer(429, b'{"error":{"message":"no"},"usage":{"prompt_tokens":9}}')
    with upstream(refusal) as one, logged(one_model(one), tmp_path) as made:
        made.running.chat()
        line = made.line()
    assert not {"input", "told", "seen", "cost"} & set(line)
    assert usage(line).cost == 0
