"""Redaction on the way of an attempt: whose it is, several as one, and closed when it fails."""

from __future__ import annotations

import json
import logging

import pytest

from ext_authz.process.processor import processor
from tests.process.driving import SSE, Stream, prepared
from tests.redact.answers import chat, messages, read
from xds.edge.processing import Pattern, Redaction, Scope

MAIL = Redaction(detect=("email",))
NAME = Redaction(patterns=(Pattern(name="project", words=("Bluebird",)),))
BOTH = {"mail": MAIL, "name": NAME}
SAID = "Bluebird is bob@example.com's"


def asked(client="chat", text=SAID, *, stream=False):
    body = {"model": "m", "max_tokens": 9, "stream": stream}
    body["input" if client == "responses" else "messages"] = [{"role": "user", "content": text}]
    return body


def claude(text):
    return json.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "c",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
    ).encode()


def gpt(text):
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "c", "choices": [choice]}).encode()


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_several_redactions_are_one(provider):
    """In order on the way out, in reverse on the way back, in either lane."""
    made = prepared("chat", provider, redactions=BOTH, about={"redact": ("name", "mail")})
    stream = Stream(made).ask(asked())
    assert b"bob@" not in stream.request.body
    assert b"Bluebird" not in stream.request.body
    said = "about <PROJECT_1>: <EMAIL_1>"
    stream.answer_head().answer_body(claude(said) if provider == "anthropic" else gpt(said))
    content = stream.json["choices"][0]["message"]["content"]
    assert content == "about Bluebird: bob@example.com"
    assert stream.metadata["redacted"] == {
        "found": {"project": 1, "email": 1},
        "restored": {"project": 1, "email": 1},
    }
    assert stream.attempt.outcome.redacted == {"project": 1, "email": 1}


def test_a_stream_of_the_same_api_is_restored_however_it_is_cut():
    made = prepared("chat", "vllm", redactions=BOTH, about={"redact": ("mail", "name")})
    body = chat(["to <EM", "AIL_1", "> of <PROJECT_", "1>", "!"])
    for size in (1, 7, 64, len(body)):
        stream = Stream(made).ask(asked(stream=True)).answer_head(headers=SSE)
        stream.answer_body(*[body[at : at + size] for at in range(0, len(body), size)])
        assert read(stream.answer.body)[0] == "to bob@example.com of Bluebird!"


def test_a_translated_stream_is_restored():
    made = prepared("chat", "anthropic", redactions=BOTH, about={"redact": ("mail", "name")})
    body = messages(["to <EM", "AIL_1", "> of <PROJECT_", "1>", "!"])
    stream = Stream(made).ask(asked(stream=True)).answer_head(headers=SSE).answer_body(body)
    assert read(stream.answer.body)[0] == "to bob@example.com of Bluebird!"
    assert stream.answer.ended


@pytest.mark.parametrize(
    ("external", "scope", "redacted"),
    [(True, Scope.EXTERNAL, True), (False, Scope.EXTERNAL, False), (False, Scope.ALL, True)],
)
def test_a_tenant_s_redaction_is_for_those_outside(external, scope, redacted):
    """And for the tenant alone."""
    mine = Redaction(detect=("email",), scope=scope)
    made = prepared(
        redactions={"mine": mine}, tenants={"acme": ("mine",)}, at={"external": external}
    )
    stream = Stream(made, tenant="acme").ask(asked())
    assert (b"bob@" not in stream.request.body) == redacted
    for other in ("", "globex"):
        assert b"bob@" in Stream(made, tenant=other).ask(asked()).request.body


def test_what_must_not_leave_is_a_clear_400():
    block = Redaction(detect=("email",), action="block")
    for client, kind in (("chat", "error"), ("messages", "type")):
        made = prepared(client, "openai", redactions={"b": block}, about={"redact": ("b",)})
        stream = Stream(made).ask(asked(client))
        assert stream.replied.status.code == 400
        assert kind in json.loads(stream.replied.body)
        assert b"bob@" not in stream.replied.body
        assert stream.request.heads == 0


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("provider", ["vllm", "anthropic"])
def test_an_answer_that_must_not_be_said_is_cut(provider, streams):
    block = Redaction(detect=("email",), action="mask", answers="block")
    made = prepared("chat", provider, redactions={"b": block}, about={"redact": ("b",)})
    stream = Stream(made).ask(asked(text="hi", stream=streams))
    pieces = ["well then, it is ", "x@example.org, I ", "think"]
    if streams:
        body = chat(pieces) if provider == "vllm" else messages(pieces)
        stream.answer_head(headers=SSE).answer_body(body)
    else:
        text = "".join(pieces)
        stream.answer_head().answer_body(gpt(text) if provider == "vllm" else claude(text))
    assert b"x@example" not in stream.answer.body
    assert b"redaction_blocked" in stream.answer.body
    assert stream.answer.ended


@pytest.mark.parametrize(
    "redaction",
    [
        Redaction(detect=("email",), entities=("PERSON",)),
        Redaction(detect=("email",), action="hash", hash_key="key"),
        Redaction(patterns=(Pattern(name="p", pattern="("),)),
        Redaction(detect=("tomorrow",)),
    ],
)
def test_a_redaction_that_cannot_be_used_lets_nothing_out(redaction, caplog):
    """A model that is not installed, a key that is not there: a line of the log, and 503."""
    caplog.set_level(logging.ERROR, "gatewright.edge")
    made = prepared("messages", "openai", redactions={"r": redaction}, about={"redact": ("r",)})
    assert "redaction r cannot be used" in caplog.text
    stream = Stream(made).ask(asked("messages"))
    assert stream.replied.status.code == 503
    assert json.loads(stream.replied.body)["type"] == "error"
    assert stream.request.heads == 0


def test_a_hash_has_the_key_of_the_secret():
    redaction = Redaction(detect=("email",), action="hash", hash_key="key")
    bodies = set()
    for key in ("k" * 32, "k" * 32, "l" * 32):
        made = prepared(redactions={"r": redaction}, about={"redact": ("r",)}, secrets={"key": key})
        bodies.add(Stream(made).ask(asked()).request.body)
    assert len(bodies) == 2
    assert b"<EMAIL:" in bodies.pop()


def test_what_is_not_changed_is_not_compiled_again():
    first = prepared(redactions=BOTH)
    again = processor(first.processing, first.secret, first)
    assert again.redactors["mail"] is first.redactors["mail"]
