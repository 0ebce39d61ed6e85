"""Trimming: what is left is a prompt still, it fits, and no more is gone than had to be."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ext_authz.admission.estimate import estimate
from ext_authz.translate.errors import TooLongError
from ext_authz.translate.translator import refusal
from ext_authz.translate.trimming import trimmed
from tests.translate.drive import MOMENT
from tests.translate.prompts import LISTS, body_of, check_alternates, check_valid, prompts, spoken
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
AROUND = len('{"messages":[]}')  # what each message costs besides, counted alone


def turn(n, role):
    return {"role": role, "content": f"{role[0]}{n}{WORD}"}


def test_what_fits_is_the_same_object():
    """Nothing is read, or written anew."""
    body = chat(SYSTEM, turn(1, "user"))
    assert trimmed(ClientApi.CHAT, body, 10_000, 0, cost).body is body
    assert trimmed(ClientApi.CHAT, body, len(body), 0, cost).body is body


def test_the_oldest_turns_go_and_the_rules_stay():
    """A question goes with its answer."""
    turns = [turn(n, role) for n in range(4) for role in ("user", "assistant")]
    body = chat(SYSTEM, *turns[:-1])
    left = trimmed(ClientApi.CHAT, body, len(body) - 150, 0, cost)
    assert left.dropped == 2
    assert json.loads(left.body)["messages"] == [SYSTEM, *turns[2:-1]]


def test_the_last_question_stays_or_nothing_does():
    """What does not fit without anything before it is refused, in the words of the client's API."""
    body = chat(SYSTEM, turn(1, "user"), turn(1, "assistant"), turn(2, "user"))
    least = len(chat(SYSTEM, turn(2, "user"))) + 2 * AROUND
    left = trimmed(ClientApi.CHAT, body, least, 0, cost)
    assert json.loads(left.body)["messages"] == [SYSTEM, turn(2, "user")]
    with pytest.raises(TooLongError) as refused:
        trimmed(ClientApi.CHAT, body, 10, 0, cost)
    for client in (ClientApi.CHAT, ClientApi.RESPONSES):
        head, told = refusal(client, refused.value.failure, MOMENT)
        assert (head.status, json.loads(told)["error"]["code"]) == (400, "context_length_exceeded")
    head, told = refusal(ClientApi.MESSAGES, refused.value.failure, MOMENT)
    assert head.status == 400
    assert json.loads(told)["error"]["type"] == "invalid_request_error"
    assert "prompt is too long" in json.loads(told)["error"]["message"].lower()


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
    one = trimmed(ClientApi.CHAT, body, len(body) - 50, 0, cost)
    assert json.loads(one.body)["messages"] == [question, *steps[1], *steps[2]]
    least = trimmed(ClientApi.CHAT, body, len(chat(question, *steps[2])) + 4 * AROUND, 0, cost)
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
    left = trimmed(ClientApi.MESSAGES, body, len(body) - 10, 0, cost)
    assert json.loads(left.body)["messages"] == [last]
    body = chat(question, use, result, use, result)
    left = trimmed(ClientApi.MESSAGES, body, len(body) - 10, 0, cost)
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
    left = trimmed(ClientApi.RESPONSES, body, 300, 0, cost)
    assert json.loads(left.body)["input"] == [items[0], items[6]]
    text = json.dumps({"model": "m", "input": WORD}).encode()
    assert trimmed(ClientApi.RESPONSES, text, len(text), 0, cost).body is text
    with pytest.raises(TooLongError):
        trimmed(ClientApi.RESPONSES, text, 10, 0, cost)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"messages": 1}', b'{"messages": [1]}', b'{"messages": []}', b"\xff"],
)
@pytest.mark.parametrize("client", list(ClientApi))
def test_what_is_no_prompt_is_left_alone(client, body):
    """Whoever reads it next says what is wrong with it."""
    assert trimmed(client, body, 0, 0, cost).body is body


@pytest.mark.parametrize("client", ["chat", "messages", "responses"])
def test_what_a_result_stands_beside_is_no_beginning(client):
    """Words beside results, or before them, leave no result without its call."""
    write = {"chat": [], "messages": [], "responses": []}
    result = {"type": "tool_result", "tool_use_id": "t", "content": WORD}
    write["messages"] = [
        turn(1, "user"),
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f"}]},
        {"role": "user", "content": [result, {"type": "text", "text": "and this"}]},
        turn(1, "assistant"),
        turn(2, "user"),
    ]
    write["chat"] = [turn(1, "user"), *calls(1, "t"), turn(1, "assistant"), turn(2, "user")]
    write["responses"] = [
        turn(1, "user"),
        {"type": "function_call", "call_id": "t", "name": "f", "arguments": "{}"},
        turn(1, "user"),
        {"type": "function_call_output", "call_id": "t", "output": WORD},
        turn(1, "assistant"),
        turn(2, "user"),
    ]
    body = body_of(client, write[client])
    left = trimmed(ClientApi(client), body, len(body) - 10, 0, cost)
    assert json.loads(left.body)[LISTS[client]] == [turn(2, "user")]


def test_ids_that_are_used_again_tie_only_neighbours():
    """Some servers number the calls of each answer from zero."""
    steps = [calls(n, "call_0") for n in range(3)]
    body = chat(turn(1, "user"), *[message for step in steps for message in step])
    left = trimmed(ClientApi.CHAT, body, len(body) - 20, 0, cost)
    assert json.loads(left.body)["messages"] == [turn(1, "user"), *steps[1], *steps[2]]


def test_pictures_cost_more_than_their_names():
    """A body of few bytes may still be too long."""
    shown = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    asked = [{"role": role, "content": [shown]} for role in ("user", "assistant", "user")]
    left = trimmed(ClientApi.CHAT, chat(*asked), 2_500, 500, tokens)
    assert json.loads(left.body)["messages"] == asked[2:]


def test_room_is_what_the_output_leaves():
    """The window holds the answer too."""
    body = chat(turn(1, "user"), turn(1, "assistant"), turn(2, "user"))
    assert trimmed(ClientApi.CHAT, body, len(body) + 50, 50, cost).body is body
    assert trimmed(ClientApi.CHAT, body, len(body) + 50, 60, cost).dropped == 2


@pytest.mark.parametrize("client", ["chat", "messages", "responses"])
def test_each_message_is_counted_once(client):
    """And what is dropped anyway not at all, once it is known to be."""
    counted = []

    def counting(body):
        counted.append(body)
        return len(body)

    body = body_of(client, [turn(n // 2, ("user", "assistant")[n % 2]) for n in range(41)])
    trimmed(ClientApi(client), body, len(body) // 2, 0, counting)
    single = counted[1:]
    assert len(single) == len(set(single))
    assert len(single) < 30


def tokens(body: bytes) -> int:
    return estimate(body, len(body), 0, "").input


@pytest.mark.parametrize("client", ["chat", "messages", "responses"])
@pytest.mark.parametrize("count", [cost, tokens])
@settings(max_examples=80)
@given(data=st.data())
def test_what_is_left_is_valid_and_as_much_as_can_be(client, count, data):
    """It fits or nothing could; a second trim changes nothing; more room drops no more."""
    items = data.draw(prompts(client))
    check_valid(items)
    room = data.draw(st.integers(0, 2500 if count is cost else 400))
    body, api, name = body_of(client, items), ClientApi(client), LISTS[client]
    least = least_of(api, body, count)
    if room < least:
        if len(body) <= room or 4 * count(body) <= 3 * room:
            # As a whole it is known to fit, though its messages cost more one by one.
            assert trimmed(api, body, room, 0, count).body is body
        else:
            with pytest.raises(TooLongError):
                trimmed(api, body, room, 0, count)
        return
    left = trimmed(api, body, room, 0, count)
    kept = json.loads(left.body)[name]
    check_valid(kept)
    assert len(kept) == len(items) - left.dropped
    assert (left.body is body) == (left.dropped == 0)
    places = iter(items)
    assert all(any(one == other for other in places) for one in kept)
    # Words of a user that came last, and what is to be answered.
    assert items[spoken(items)[-1]] in kept
    assert kept[-1] == items[-1]
    if client == "messages":
        check_alternates(kept)
    assert trimmed(api, left.body, room, 0, count).body is left.body
    more = trimmed(api, body, room + 100, 0, count)
    assert more.dropped <= left.dropped
    if left.dropped:
        # With one turn more it would not have fitted: no room below its own cost keeps as much.
        assert cost_of(api, body, left, count) > room


def least_of(api, body, count):
    """The smallest room in which a prompt can be kept, told by the refusal."""
    try:
        trimmed(api, body, 0, 0, count)
    except TooLongError as error:
        return int(re.search(r"(\d+) tokens", str(error))[1])
    return 0


def cost_of(api, body, left, count):
    """The smallest room in which fewer messages are dropped."""
    low, high = 0, 10_000
    while low < high:
        middle = (low + high) // 2
        try:
            fits = trimmed(api, body, middle, 0, count).dropped < left.dropped
        except TooLongError:
            fits = False
        low, high = (low, middle) if fits else (middle + 1, high)
    return low
