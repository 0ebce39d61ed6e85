"""Trimming: what is left is a prompt still, it fits, and no more is gone than had to be."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ext_authz.translate.trimming import trimmed
from xds.edge.pairs import ClientApi


def cost(body: bytes) -> int:
    """A token a byte: exact, and the same wherever a message stands, but for a few brackets."""
    return len(body)


def chat(*messages):
    return json.dumps({"model": "m", "messages": messages}, separators=(",", ":")).encode()


def said(body, name="messages"):
    return [one.get("content", one.get("type")) for one in json.loads(body)[name]]


SYSTEM = {"role": "system", "content": "rules"}
WORD = "x" * 100


def turn(n, role):
    return {"role": role, "content": f"{role[0]}{n}{WORD}"}


def test_what_fits_is_the_same_object():
    """Nothing is read, or written anew."""
    body = chat(SYSTEM, turn(1, "user"))
    assert trimmed(ClientApi.CHAT, body, 10_000, cost).body is body
    assert trimmed(ClientApi.CHAT, body, len(body), cost).body is body


def test_the_oldest_turns_go_and_the_rules_stay():
    """A question goes with its answer."""
    turns = [turn(n, role) for n in range(4) for role in ("user", "assistant")]
    body = chat(SYSTEM, *turns[:-1])
    left = trimmed(ClientApi.CHAT, body, len(body) - 150, cost)
    assert left.dropped == 2
    assert json.loads(left.body)["messages"] == [SYSTEM, *turns[2:-1]]


def test_the_last_question_stays_whatever_it_costs():
    """The provider may know better than an estimate."""
    body = chat(SYSTEM, turn(1, "user"), turn(1, "assistant"), turn(2, "user"))
    left = trimmed(ClientApi.CHAT, body, 10, cost)
    assert json.loads(left.body)["messages"] == [SYSTEM, turn(2, "user")]


def calls(n, *ids):
    asked = [{"id": one, "type": "function", "function": {"name": "f"}} for one in ids]
    return [
        {"role": "assistant", "content": f"c{n}{WORD}", "tool_calls": asked},
        *({"role": "tool", "tool_call_id": one, "content": f"r{one}{WORD}"} for one in ids),
    ]


def test_steps_of_tools_go_one_by_one_with_their_results():
    """Of the last question, all but the step that is to be answered."""
    steps = [calls(1, "a", "b"), calls(2, "c"), calls(3, "d")]
    question = turn(9, "user")
    body = chat(question, *[message for step in steps for message in step])
    one = trimmed(ClientApi.CHAT, body, len(body) - 50, cost)
    assert json.loads(one.body)["messages"] == [question, *steps[1], *steps[2]]
    least = trimmed(ClientApi.CHAT, body, 1, cost)
    assert json.loads(least.body)["messages"] == [question, *steps[2]]


def test_results_in_a_users_turn_are_no_question():
    """Anthropic's results of tools stand in a user's turn, and go with the call."""
    use = {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}],
    }
    result = {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "t", "content": WORD}],
    }
    question, answer, last = turn(1, "user"), turn(1, "assistant"), turn(2, "user")
    body = chat(question, use, result, answer, last)
    left = trimmed(ClientApi.MESSAGES, body, len(body) - 10, cost)
    assert json.loads(left.body)["messages"] == [last]
    body = chat(question, use, result, use, result)
    left = trimmed(ClientApi.MESSAGES, body, len(body) - 10, cost)
    assert json.loads(left.body)["messages"] == [question, use, result]


def test_items_of_responses():
    """Reasoning, calls and their outputs are items of their own."""
    items = [
        {"type": "message", "role": "developer", "content": "rules"},
        {"role": "user", "content": f"u1{WORD}"},
        {"type": "reasoning", "summary": [], "id": "rs"},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": WORD},
        {"type": "message", "role": "assistant", "content": f"a1{WORD}"},
        {"role": "user", "content": f"u2{WORD}"},
    ]
    body = json.dumps({"model": "m", "input": items}).encode()
    left = trimmed(ClientApi.RESPONSES, body, 300, cost)
    assert json.loads(left.body)["input"] == [items[0], items[6]]
    text = json.dumps({"model": "m", "input": WORD}).encode()
    assert trimmed(ClientApi.RESPONSES, text, 10, cost).body is text


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"messages": 1}', b'{"messages": [1]}', b'{"messages": []}', b"\xff"],
)
@pytest.mark.parametrize("client", list(ClientApi))
def test_what_is_no_prompt_is_left_alone(client, body):
    """Whoever reads it next says what is wrong with it."""
    assert trimmed(client, body, 0, cost).body is body


contents = st.text("abc", max_size=30)
steps = st.lists(st.integers(1, 3), max_size=3)


@st.composite
def prompts(draw):
    """Chats as clients send them, that end in a question or in results of tools."""
    messages = [SYSTEM] if draw(st.booleans()) else []
    used = 0
    count = draw(st.integers(1, 4))
    for n in range(count):
        messages += [{"role": "user", "content": draw(contents)}] * draw(st.integers(1, 2))
        for parallel in draw(steps):
            ids = [f"i{used + one}" for one in range(parallel)]
            used += parallel
            messages += calls(n, *ids)
        if n < count - 1:
            messages.append({"role": "assistant", "content": draw(contents)})
    return messages


def check_valid(messages):
    """Calls and results belong together, and a user begins."""
    asked = []
    for message in messages:
        if message["role"] == "tool":
            asked.remove(message["tool_call_id"])
        else:
            assert not asked
            asked += [call["id"] for call in message.get("tool_calls", ())]
    assert not asked
    spoken = [one for one in messages if one["role"] != "system"]
    assert spoken[0]["role"] == "user"


@settings(max_examples=200)
@given(prompts(), st.integers(0, 2500))
def test_what_is_left_is_valid_and_as_much_as_can_be(messages, room):
    """It fits or is the least there is; a second trim changes nothing; order is kept."""
    body = chat(*messages)
    left = trimmed(ClientApi.CHAT, body, room, cost)
    kept = json.loads(left.body)["messages"]
    check_valid(kept)
    assert len(kept) == len(messages) - left.dropped
    places = iter(messages)
    assert all(any(one == other for other in places) for one in kept)
    assert kept[-1] == messages[-1]
    again = trimmed(ClientApi.CHAT, left.body, room, cost)
    assert again.body == left.body
    more = trimmed(ClientApi.CHAT, body, room + 100, cost)
    assert more.dropped <= left.dropped
