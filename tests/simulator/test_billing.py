"""A client that leaves pays for the tokens that were really sent to it."""

from __future__ import annotations

import pytest

from tests.simulator.wire import connection, post, read_until

OPENAI = ("/openai/v1/chat/completions", b'"content":"', "authorization: Bearer k")
ANTHROPIC = ("/claude/v1/messages", b'"text_delta"', "x-api-key: k\r\nanthropic-version: 1")
BODY = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hello"}]}


def leave_after(simulator, tokens, path, marker, headers, body, fault):
    """Read a stream until so many tokens came, then close the connection; the tokens that came."""
    data = b""
    with connection(simulator) as plug:
        plug.sendall(post(path, body, headers, f"x-simulate: {fault}"))
        while data.count(marker) < tokens:
            piece = plug.recv(65536)
            assert piece, "the stream ended before the client left"
            data += piece
    simulator.wait_idle()
    return data.count(marker)


@pytest.mark.parametrize("api", [OPENAI, ANTHROPIC])
def test_a_client_that_leaves_is_billed_for_the_tokens_sent(simulator, api):
    """Not for the whole answer, and never for less than what it has seen."""
    path, marker, headers = api
    body = BODY if api is OPENAI else BODY | {"max_tokens": 1000}
    # The first chunk of OpenAI holds an empty content: one more marker than tokens.
    extra = 1 if api is OPENAI else 0
    seen = leave_after(
        simulator, 5 + extra, path, marker, headers, body, "ok:tokens=500:token_delay=0.02"
    )
    [record] = simulator.requests
    assert record.disconnected
    # At most one more token left before the server saw that nobody listens any more.
    assert seen - extra <= record.billed.output_tokens <= seen - extra + 1
    [bill] = [bill for models in simulator.usage().values() for bill in models.values()]
    assert bill.output_tokens == record.billed.output_tokens
    assert bill.input_tokens == record.billed.input_tokens > 0


def test_a_client_that_leaves_before_the_first_byte_pays_nothing(simulator):
    """The provider had not begun: no prompt and no answer is billed."""
    path, _, headers = OPENAI
    with connection(simulator) as plug:
        plug.sendall(post(path, BODY, headers, "x-simulate: slow"))
        simulator.wait_for(lambda: bool(simulator.requests))
    simulator.wait_idle()
    [record] = simulator.requests
    assert record.disconnected
    assert record.billed.input_tokens == record.billed.output_tokens == 0
    assert simulator.usage() == {}


def test_a_stall_bills_the_tokens_before_it(simulator):
    """Nothing more comes; whoever waits and leaves pays for the three that came."""
    path, marker, headers = OPENAI
    seen = leave_after(simulator, 4, path, marker, headers, BODY, "stall:3")
    [record] = simulator.requests
    assert (seen, record.billed.output_tokens, record.disconnected) == (4, 3, True)


def test_a_cut_by_the_provider_bills_the_tokens_before_it(simulator):
    """The provider broke off, not the client: it bills what it sent."""
    path, _, headers = OPENAI
    with connection(simulator) as plug:
        plug.sendall(post(path, BODY, headers, "x-simulate: cut:4"))
        with pytest.raises(ConnectionResetError):
            read_until(plug, b"[DONE]")
    simulator.wait_idle()
    [record] = simulator.requests
    assert (record.billed.output_tokens, record.disconnected) == (4, False)


def test_an_answer_that_is_read_to_its_end_is_billed_whole(simulator):
    """The sum of the chunks is the usage that the stream itself tells."""
    path, _, headers = OPENAI
    body = BODY | {"stream_options": {"include_usage": True}}
    with connection(simulator) as plug:
        plug.sendall(post(path, body, headers))
        text = read_until(plug, b"[DONE]").decode()
    simulator.wait_idle()
    [record] = simulator.requests
    assert f'"completion_tokens":{record.billed.output_tokens}' in text
    assert not record.disconnected
