"""What the gateway tells of each request: counters by the plan's names, and one line of log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.plan import Api, Model, Trigger
from tests.e2e.llm_gateway import gateway, model, plan, provider, serve
from tests.e2e.llm_upstream import Answer, chat, message, openai_error, upstream


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
