"""Three bounds on time: on a request, on an attempt's first byte, on an attempt at a target."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import httpx
import pytest

from compiler.plan_llm import Api, Trigger
from tests.e2e.llm_gateway import gateway, model, plan, provider, target
from tests.e2e.llm_upstream import Answer, Hang, chat_chunk, sse, upstream

SHORT = timedelta(milliseconds=300)


def test_a_target_s_timeout_goes_on_when_nothing_was_sent():
    """A target that says nothing within its own bound is left for the next one."""
    with upstream(Hang) as slow, upstream() as good:
        chained = model("fast", target("a/x", timeout=SHORT), "b/y", on=(Trigger.TIMEOUT,))
        with gateway(plan([provider("a", slow), provider("b", good)], [chained])) as running:
            answer = running.chat()
            assert (answer.status_code, answer.headers["x-gatewright-attempts"]) == (200, "2")


@pytest.mark.parametrize("api", list(Api))
def test_a_target_s_timeout_is_a_gateway_timeout_in_the_client_s_schema(api):
    """Where the chain does not go on, a late target is 504, not Envoy's 408 or plain text."""
    with upstream(Hang) as slow:
        bounded = model("fast", target("a/x", timeout=SHORT), api=api)
        with gateway(plan([provider("a", slow, api)], [bounded])) as running:
            answer = running.chat() if api is Api.OPENAI else running.messages("fast")
            assert answer.status_code == 504
            assert answer.headers["content-type"] == "application/json"
            error = answer.json()["error"]
            assert error["type"] == ("server_error" if api is Api.OPENAI else "timeout_error")


def test_a_target_s_timeout_bounds_the_whole_answer():
    """A stream that goes on past the target's bound is cut: what was sent cannot be taken back."""
    go_on = threading.Event()

    def chunks():
        yield from sse(chat_chunk("a"), done=False)
        go_on.wait(5)
        yield from sse(chat_chunk("b"))

    with upstream(Answer(content_type="text/event-stream", chunks=chunks())) as slow:
        bounded = model("fast", target("a/x", timeout=SHORT), "a/y", on=(Trigger.TIMEOUT,))
        with gateway(plan([provider("a", slow)], [bounded])) as running:
            seen = bytearray()

            def read() -> None:
                body = {"model": "fast", "stream": True, "messages": []}
                with running.client.stream("POST", "/v1/chat/completions", json=body) as answer:
                    for chunk in answer.iter_raw():
                        seen.extend(chunk)

            with pytest.raises(httpx.RemoteProtocolError):
                read()
            go_on.set()
            assert b'"content": "a"' in seen
            assert len(slow.requests) == 1


def test_the_attempt_s_timeout_ends_with_the_first_byte():
    """A stream that began in time may go on for longer than `attempt_timeout`."""

    def chunks():
        yield from sse(chat_chunk("a"), done=False)
        time.sleep(2 * SHORT.total_seconds())  # the provider's own pause, beyond the timeout
        yield from sse(chat_chunk("b"))

    with upstream(Answer(content_type="text/event-stream", chunks=chunks())) as slow:
        chained = model("fast", "a/x", "a/y", on=(Trigger.TIMEOUT,), attempt_timeout=SHORT)
        with gateway(plan([provider("a", slow)], [chained])) as running:
            answer = running.chat(stream=True)
            assert answer.status_code == 200
            assert answer.text.endswith("data: [DONE]\n\n")
            assert answer.headers["x-gatewright-attempts"] == "1"


def test_a_model_s_timeout_bounds_all_attempts_together():
    """The whole request is over at the model's bound, whichever attempt it is in."""
    with upstream(Hang) as first, upstream(Hang) as second:
        chained = model(
            "fast", "a/x", "b/y", on=(Trigger.TIMEOUT,), attempt_timeout=SHORT, timeout=2 * SHORT
        )
        with gateway(plan([provider("a", first), provider("b", second)], [chained])) as running:
            begun = time.monotonic()
            answer = running.chat()
            assert answer.status_code == 504
            assert time.monotonic() - begun < 10 * SHORT.total_seconds()
            assert answer.json()["error"]["code"] == "timeout"
