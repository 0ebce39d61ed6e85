"""Placeholders become values again, however a model writes them and however the text is cut."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ext_authz.redact.audit import Audit
from ext_authz.redact.catalogue import detectors
from ext_authz.redact.redactor import Redactor
from ext_authz.redact.restore import Names, TextRestorer
from ext_authz.redact.rules import Rules
from tests.redact.planted import VALUES

VALUE = 'a "b"\n\\c'
NAMES = Names({"EMAIL_1": "bob@example.com", "EMAIL_12": "eve@example.com", "WORD_3": VALUE})
FORMS = (
    "<EMAIL_1>",
    "< EMAIL_1 >",
    "<email_1>",
    "<Email_1>",
    "&lt;EMAIL_1&gt;",
    r"\<EMAIL\_1\>",
    r"\<EMAIL_1\>",
    r"\u003cEMAIL_1\u003e",
    r"\u003CEMAIL_1\u003E",
)
PIECES = st.sampled_from(
    [
        *(*FORMS, "<EMAIL_12>", "<WORD_3>", "<EMAIL_2>", "<", ">", "&", "&lt;", "\\", "\\u003c"),
        *("_", "EMAIL_1", "EMAIL", "a < b", "text ", '"', "{", "\n", "é😀", "<EMA", "<<", "\\\\"),
    ]
)
REDACTOR = Redactor(Rules(detectors(["pii", "secrets"])))


def restored(text: str, cuts=(), names=NAMES, json=None) -> str:
    restorer = TextRestorer(names, Audit(), json=json)
    at = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in itertools.pairwise(at)]
    return "".join([restorer.feed(piece) for piece in pieces] + [restorer.end()])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("around", ["{}", "**{}**", "`{}`", '"{}"', "<{}>", "x{}y", "[{}](m)"])
def test_a_placeholder_is_restored_however_it_is_written(form, around):
    assert restored(around.format(form)) == around.format("bob@example.com")


@pytest.mark.parametrize(
    "text", ["<EMAIL_2>", "EMAIL_1", "<EMAIL_>", "<EMAIL 1>", "<EMAIL_1", "a<b"]
)
def test_what_is_no_placeholder_stays(text):
    assert restored(text) == text


@given(st.lists(PIECES, max_size=12), st.lists(st.integers(0, 200), max_size=12), st.booleans())
def test_any_cut_gives_the_same_text(pieces, cuts, is_json):
    text = "".join(pieces)
    mode = True if is_json else None
    assert restored(text, cuts, json=mode) == restored(text, json=mode)
    assert restored(text, range(len(text)), json=mode) == restored(text, json=mode)


@given(st.text(), st.lists(st.integers(0, 200), max_size=12))
def test_a_text_without_placeholders_is_the_same(text, cuts):
    assert restored(text, cuts) == text


def test_only_what_may_be_a_placeholder_is_held_back():
    restorer = TextRestorer(NAMES, Audit())
    assert restorer.feed("a <") == "a "
    assert restorer.feed(" b") == "< b"
    assert restorer.feed("<EMA") == ""
    assert restorer.feed("X") == "<EMAX"
    assert restorer.feed("<EMAIL_1") == ""
    assert len(restorer.held) < NAMES.longest
    assert restorer.feed("0") == "<EMAIL_10"


def test_in_json_a_value_is_escaped_as_deep_as_it_stands():
    text = json.dumps({"a": "<WORD_3>", "b": json.dumps({"c": "<WORD_3>"})})
    for step in range(1, 9):
        told = json.loads(restored(text, range(0, len(text), step), json=True))
        assert told["a"] == VALUE
        assert json.loads(told["b"]) == {"c": VALUE}


def test_a_text_that_begins_like_json_is_json():
    assert json.loads(restored('{"a": "<WORD_3>"}')) == {"a": VALUE}
    assert restored("So: <WORD_3>") == f"So: {VALUE}"


def body(text: str) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": text}]}).encode()


def content(data: bytes) -> str:
    return json.loads(data)["messages"][0]["content"]


PLANTED = st.sampled_from([value for values in VALUES.values() for value in values])


@given(st.lists(st.one_of(st.text(max_size=9), PLANTED, PIECES), max_size=6).map(" ".join))
def test_redacting_and_restoring_is_the_identity(text):
    session = REDACTOR.request(body(text))
    answer = session.answer(session.body)
    assert content(answer) == text


def test_the_same_value_has_the_same_placeholder_and_others_have_others():
    told = content(REDACTOR.request(body("a@b.com c@d.com a@b.com")).body)
    assert told == "<EMAIL_1> <EMAIL_2> <EMAIL_1>"


@pytest.mark.parametrize("form", ["<EMAIL_1>", "EMAIL_1", "<email_1>", r"\<EMAIL\_1\>"])
def test_a_placeholder_that_the_client_wrote_is_not_mistaken(form):
    session = REDACTOR.request(body(f"what is {form}? ask bob@example.com"))
    assert content(session.body) == f"what is {form}? ask <EMAIL_2>"
    assert content(session.answer(session.body)) == f"what is {form}? ask bob@example.com"


def test_placeholders_stay_as_a_conversation_grows():
    first = REDACTOR.request(body("a@b.com and c@d.com")).body
    grown = json.loads(body("a@b.com and c@d.com"))
    grown["messages"].append({"role": "user", "content": "and e@f.com and a@b.com"})
    later = json.loads(REDACTOR.request(json.dumps(grown).encode()).body)
    assert later["messages"][0] == json.loads(first)["messages"][0]
    assert later["messages"][1]["content"] == "and <EMAIL_3> and <EMAIL_1>"
