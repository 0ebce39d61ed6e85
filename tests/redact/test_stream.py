"""Streams are restored and scanned, cut anywhere; no event is added, and none changes in vain."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ext_authz.redact.catalogue import detectors
from ext_authz.redact.errors import MalformedError
from ext_authz.redact.redactor import Redactor
from ext_authz.redact.rules import Action, Rules
from ext_authz.translate.events import Ended, Finish, Started, TextDelta, ToolArgs, ToolStart
from tests.redact.answers import chat, event, messages, read, responses

APIS = (chat, messages, responses)
PEM = "-----BEGIN PRIVATE KEY-----\n" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=\n" * 3
PEM += "-----END PRIVATE KEY-----"
SAID = f"bob@example.com paid with 4111 1111 1111 1111, key:\n{PEM}"
SESSION = Redactor(Rules(detectors(["pii", "secrets"]))).request(
    json.dumps({"messages": [{"role": "user", "content": SAID}]}).encode()
)
TEXT = "I told <EMAIL_1> (a < b && c) that <credit_card_1> is **<EMAIL_1>**'s; <EMAIL_9> <EMA"
MEANT = (
    "I told bob@example.com (a < b && c) that 4111 1111 1111 1111 is **bob@example.com**'s; "
    "<EMAIL_9> <EMA"
)
ARGUMENTS = json.dumps({"to": "<EMAIL_1>", "key": "<PRIVATE_KEY_1>", "n": 1.50})
CUTS = st.lists(st.integers(0, 400), max_size=25)


def cut(text, cuts):
    at = [0, *sorted(one % (len(text) + 1) for one in cuts), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(at)]


def through(stream, data, cuts=()):
    return b"".join([stream.feed(piece) for piece in cut(data, cuts)] + [stream.end()])


@pytest.mark.parametrize("api", APIS)
@given(text_cuts=CUTS, argument_cuts=CUTS, byte_cuts=st.lists(st.integers(0, 9999), max_size=25))
def test_any_cut_of_texts_and_bytes_restores_the_same(api, text_cuts, argument_cuts, byte_cuts):
    data = api(cut(TEXT, text_cuts), cut(ARGUMENTS, argument_cuts))
    told = through(SESSION.stream(), data, byte_cuts)
    text, arguments, whole = read(told)
    assert text == MEANT
    assert json.loads(arguments) == {"to": "bob@example.com", "key": PEM, "n": 1.5}
    assert set(whole) <= {text, arguments}
    assert told.count(b"data:") == data.count(b"data:")


@pytest.mark.parametrize("api", APIS)
def test_a_letter_an_event_restores_the_same(api):
    text, arguments, _ = read(through(SESSION.stream(), api(TEXT, ARGUMENTS)))
    assert text == MEANT
    assert json.loads(arguments)["key"] == PEM


@pytest.mark.parametrize("api", APIS)
def test_a_stream_without_placeholders_keeps_every_byte(api):
    data = api(["a < b", " & c \\ \u00e9", "<!DOCTYPE html>"], ['{"a": 1.00 }'])
    data = b": comment\r\n\r\n" + data.replace(b"\n", b"\r\n") + b"id: 7\nretry: 10\n\n"
    assert through(SESSION.stream(), data, range(0, len(data), 7)) == data


def test_a_byte_at_a_time_restores_the_same():
    data = chat(cut(TEXT, range(0, 90, 5)), [ARGUMENTS])
    assert through(SESSION.stream(), data, range(len(data))) == through(SESSION.stream(), data)


def test_an_idle_session_passes_the_very_bytes():
    session = Redactor(Rules(detectors(["email"]))).request(b'{"messages": []}')
    piece = b"data: <EMAIL_1>"
    assert not session.reads_answers
    assert session.stream().feed(piece) is piece


def test_text_goes_on_as_soon_as_it_is_certain():
    stream = SESSION.stream()
    pieces = [one + b"\n\n" for one in chat(["Hello ", "<b>you</b> ", "a"]).split(b"\n\n")[:4]]
    assert [stream.feed(piece) for piece in pieces] == pieces


def test_two_choices_that_alternate_are_two_texts():
    def chunk(index, text):
        return event({"choices": [{"index": index, "delta": {"content": text}}]})

    data = b"".join(
        chunk(0, first) + chunk(1, second)
        for first, second in zip("a <EMAIL_1> b", "<CREDIT_CARD1", strict=True)
    )
    texts = {0: "", 1: ""}
    for line in through(SESSION.stream(), data).decode().split("\n\n")[:-1]:
        choice = json.loads(line.removeprefix("data: "))["choices"][0]
        texts[choice["index"]] += choice["delta"]["content"]
    assert texts == {0: "a bob@example.com b", 1: "<CREDIT_CARD1"}


def test_a_choice_that_says_no_more_does_not_stop_the_others():
    stream = SESSION.stream()
    stream.feed(event({"choices": [{"index": 0, "delta": {"content": "a <"}}]}))
    other = event({"choices": [{"index": 1, "delta": {"content": "b"}}]})
    assert any(stream.feed(other) for _ in range(300))


def test_data_in_several_lines_is_one_payload():
    data = b'data: {"choices": [{"index": 0,\ndata: "delta": {"content": "<EMAIL_1>"}}]}\n\n'
    assert read(through(SESSION.stream(), data))[0] == "bob@example.com"


def test_half_a_pair_of_surrogates_does_not_stop_a_stream():
    data = b'data: {"choices": [{"index": 0, "delta": {"content": "\\ud83d <EMAIL_1>"}}]}\n\n'
    assert read(through(SESSION.stream(), data))[0] == "\ufffd bob@example.com"


def test_an_event_without_end_is_refused():
    stream = SESSION.stream()
    stream.feed(b"x" * (8 << 20))
    with pytest.raises(MalformedError):
        stream.feed(b"x")


def test_translated_events_are_restored_too():
    events = [Started(), *(TextDelta(letter) for letter in TEXT), ToolStart(0, "t", "f")]
    events += [ToolArgs(0, letter) for letter in ARGUMENTS] + [Finish("stop"), Ended()]
    flow = SESSION.events()
    told = [one for given in events for one in flow.feed(given)] + flow.end()
    assert "".join(one.text for one in told if isinstance(one, TextDelta)) == MEANT
    arguments = "".join(one.text for one in told if isinstance(one, ToolArgs))
    assert json.loads(arguments) == {"to": "bob@example.com", "key": PEM, "n": 1.5}
    kinds = [type(one) for one in told]
    assert kinds.index(ToolStart) > max(i for i, kind in enumerate(kinds) if kind is TextDelta)
    assert kinds[-2:] == [Finish, Ended]


SPOKEN = (
    "Write to alice@example.org, not to <EMAIL_1>. Call (415) 555-2671 or +49 30 1234567; "
    f"her card is 5555 5555 5555 4444.\n{PEM.replace('QUJD', 'RERE')}\n"
    "The end is near, AKIAIOSFODNN7EXAMPLE"
)
HIDDEN = ("alice@example.org", "555-2671", "1234567", "5555 4444", "RERE", "AKIA")


@pytest.mark.parametrize("api", APIS)
@given(text_cuts=CUTS, byte_cuts=st.lists(st.integers(0, 9999), max_size=25))
def test_what_a_model_says_is_redacted_however_it_is_cut(api, text_cuts, byte_cuts):
    rules = Rules(detectors(["pii", "secrets"]), answers=Action.PLACEHOLDER)
    session = Redactor(rules).request(json.dumps({"prompt": SAID}).encode())
    told = through(session.stream(), api(cut(SPOKEN, text_cuts)), byte_cuts)
    text, _, whole = read(told)
    assert not any(hidden in one for hidden in HIDDEN for one in (text, *whole))
    assert text == (
        "Write to <EMAIL>, not to bob@example.com. Call <PHONE> or <PHONE>; "
        "her card is <CREDIT_CARD>.\n<PRIVATE_KEY>\nThe end is near, <AWS_KEY>"
    )
    assert set(whole) <= {text, ""}
