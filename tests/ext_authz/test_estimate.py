"""What a request will use, as far as its body tells."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ext_authz.admission.estimate import Estimate, estimate, o200k

TEXT = "The quick brown fox jumps over the lazy dog. "
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBOR" * 8_000}}


def of(endpoint="/chat/completions", size=None, cut=None, **body):
    data = json.dumps(body).encode()
    return estimate(data[:cut], size or len(data), 4096, endpoint)


def user(content):
    return [{"role": "user", "content": content}]


def test_a_prompt_is_counted_by_the_tokenizer():
    """And what a message costs around its text."""
    tokens = o200k().count(TEXT)
    assert of(messages=user(TEXT)).input == tokens + 4
    assert of(messages=user([{"type": "text", "text": TEXT}])).input == tokens + 4
    assert of("/completions", prompt=TEXT).input == tokens
    assert of("/messages", system=TEXT, messages=[]).input == tokens
    assert of("/completions", prompt=[1, 2, 3]).input == 3


def test_each_prompt_is_answered_on_its_own():
    """Several in one request; a list of tokens is one."""
    assert of("/completions", prompt=["a", "b", "c"], max_tokens=10, n=2).output == 60
    assert of("/completions", prompt=[1, 2, 3], max_tokens=10).output == 10


def test_text_that_looks_like_base64_is_text():
    """A long word is no picture where nothing says so."""
    body = {"messages": user("aB3" * 100_000)}
    size = len(json.dumps(body))
    assert of(size=size, cut=64 * 1024, **body).input >= 100_000


def test_tools_are_part_of_the_prompt():
    """Their names, descriptions and schemas."""
    tool = {"type": "function", "function": {"name": "look", "description": TEXT * 3}}
    assert of(messages=user("x"), tools=[tool]).input > o200k().count(TEXT * 3)


@pytest.mark.parametrize(
    ("bounds", "output"),
    [
        ({}, 4096),
        ({"max_tokens": 100}, 100),
        ({"max_completion_tokens": 200}, 200),
        ({"max_output_tokens": 300}, 300),
        ({"max_tokens": 100, "max_completion_tokens": 50}, 100),
        ({"max_tokens": 100, "n": 3}, 300),
        ({"n": 2}, 8192),
        ({"max_tokens": 10, "best_of": 4}, 40),
        ({"max_tokens": None}, 4096),
        ({"max_tokens": "9"}, 9),
        ({"max_tokens": 1e3}, 1000),
        ({"max_tokens": 0.5}, 4096),
        ({"max_tokens": "many"}, 4096),
        ({"max_tokens": -1}, 4096),
        ({"max_tokens": True}, 4096),
        ({"max_tokens": 0}, 4096),
    ],
)
def test_the_answer_is_what_the_request_allows(bounds, output):
    """The client's bound or the model's, for each answer asked for."""
    assert of(messages=user("x"), **bounds).output == output


def test_embeddings_have_no_answer():
    """Only input, of each text."""
    found = of("/embeddings", input=[TEXT, TEXT], max_tokens=9)
    assert found.output == 0
    assert found.input >= 2 * (o200k().count(TEXT) - 1)


def test_a_long_text_is_taken_to_be_like_its_beginning():
    """Within a tenth of what is right, for text that is."""
    long = TEXT * 1_000
    right = o200k().count(long)
    assert abs(of(messages=user(long)).input - right) < right / 10


def test_a_body_whose_end_is_not_seen_goes_by_its_size():
    """Not below what is right for prose, nor a multiple; a bound that lowers is not believed."""
    body = {"max_tokens": 77, "messages": user(TEXT * 10_000)}
    size = len(json.dumps(body))
    found = of(size=size, cut=64 * 1024, **body)
    right = o200k().count(TEXT * 10_000)
    assert right <= found.input < 2 * right
    assert found.output == 4096
    body = {**body, "max_tokens": 9_000}
    body = {"n": 2, **body}
    assert of(size=size, cut=64 * 1024, **body).output == 18_000


def test_a_picture_costs_what_a_picture_costs():
    """Whether all of it is seen or not: its bytes are no text."""
    seen = of(messages=user([{"type": "text", "text": "What is it?"}, PICTURE]))
    assert 1_000 <= seen.input < 1_100
    large = {**PICTURE, "image_url": {"url": "data:image/png;base64," + "iVBOR" * 400_000}}
    body = {"messages": user([{"type": "text", "text": "What is it?"}, large])}
    cut = of(size=len(json.dumps(body)), cut=64 * 1024, **body)
    assert 1_000 <= cut.input < 10_000


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 60_000, b'{"a":' * 10_000, b'{"messages": 5}'],
)
def test_any_body_gives_an_estimate(body):
    """What it is worth, a provider will tell."""
    found = estimate(body, len(body), 4096, "/chat/completions")
    assert 0 <= found.input <= len(body)
    assert found.output == 4096


@given(
    st.binary(max_size=300), st.integers(0, 10**12), st.sampled_from(["/messages", "/embeddings"])
)
def test_bytes_of_any_kind_are_estimated(body, more, endpoint):
    """Whole numbers from 0 on, of a bounded size."""
    found = estimate(body, len(body) + more, 4096, endpoint)
    assert isinstance(found, Estimate)
    assert 0 <= found.input <= 10**8
    assert 0 <= found.output <= 10**8


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "content", "name", "role"]), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["messages", "prompt", "n", "max_tokens", "tools"]), trees))
def test_json_of_any_shape_is_estimated(body):
    """Clients send what they like."""
    data = json.dumps(body).encode()
    found = estimate(data, len(data), 4096, "/chat/completions")
    assert found.input >= 0
    assert found.output > 0
