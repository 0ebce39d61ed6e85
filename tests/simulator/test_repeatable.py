"""The answer is a function of the seed and the request."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import tokens
from simulator.config import Config, Provider
from simulator.exchange import Exchange
from simulator.message import Answer, Request

PROVIDERS = (Provider("openai", "openai"), Provider("claude", "anthropic"))


def answer(seed, body, path="/openai/v1/chat/completions") -> Answer:
    exchange = Exchange(Config(PROVIDERS, seed=seed))
    headers = ((b"authorization", b"Bearer k"), (b"anthropic-version", b"2023-06-01"))
    request = Request("POST", path, headers, json.dumps(body).encode())
    return exchange.answer(request, exchange.open(request, None, 1))


BODY = {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.parametrize("path", ["/openai/v1/chat/completions", "/claude/v1/messages"])
@pytest.mark.parametrize("stream", [False, True])
def test_the_same_request_gets_the_same_bytes(path, stream):
    """Status, headers and every chunk: from another simulator with the same seed, too."""
    body = BODY | {"stream": stream}
    assert answer(7, body, path) == answer(7, body, path)


def test_another_seed_or_another_question_gets_another_answer():
    """Otherwise nothing would show that caches keep answers apart."""
    one = answer(7, BODY).chunks
    assert one != answer(8, BODY).chunks
    other = BODY | {"messages": [{"role": "user", "content": "hello!"}]}
    assert one != answer(7, other).chunks


def test_a_second_request_to_one_simulator_gets_the_same():
    """What is remembered for speed is what would be made again."""
    exchange = Exchange(Config(PROVIDERS))
    request = Request(
        "POST",
        "/openai/v1/chat/completions",
        ((b"authorization", b"Bearer k"),),
        json.dumps(BODY).encode(),
    )
    answers = [exchange.answer(request, exchange.open(request, None, 1)) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2] == answer(7, BODY)


@given(st.text())
def test_the_pieces_of_a_text_join_to_it(text):
    """What is streamed token by token is the text, whatever characters it has."""
    assert "".join(tokens.pieces(text)) == text


@given(st.text(max_size=200), st.integers(1, 60))
def test_the_tokens_billed_are_the_tokens_sent(content, limit):
    """For any question: a stream's chunks carry just what its usage says, and keep the limit."""
    body = BODY | {"messages": [{"role": "user", "content": content}], "max_tokens": limit}
    for path in ("/openai/v1/chat/completions", "/claude/v1/messages"):
        streamed = answer(7, body | {"stream": True}, path)
        assert streamed.usage is not None
        assert sum(chunk.tokens for chunk in streamed.chunks) == streamed.usage.output_tokens
        assert 1 <= streamed.usage.output_tokens <= limit
