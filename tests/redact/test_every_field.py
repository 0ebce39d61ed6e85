"""A value in any field of any API does not leave, however it is escaped, and comes back."""

from __future__ import annotations

import base64
import json

import pytest

from ext_authz.redact.catalogue import BUILT_IN, detectors
from ext_authz.redact.redactor import Redactor
from ext_authz.redact.rules import Rules
from tests.redact.bodies import BIG, fields
from tests.redact.planted import VALUES, said

ALL = Redactor(Rules(tuple(BUILT_IN.values())))
# Those whose values go through a sentence unchanged in every field.
SAMPLED = ("email", "phone", "credit_card", "iban", "us_ssn", "private_key", "jwt", "aws_key")


def plain(body):
    return json.dumps(body, ensure_ascii=False).encode()


def ascii_only(body):
    return json.dumps(body, ensure_ascii=True, indent=1).encode()


def all_escaped(body):
    r"""Every letter of every string as `\u`, those outside the first plane as pairs."""

    def escaped(text):
        units = text.encode("utf-16-be")
        return (
            '"'
            + "".join(f"\\u{units[i]:02x}{units[i + 1]:02X}" for i in range(0, len(units), 2))
            + '"'
        )

    def written(value):
        if isinstance(value, str):
            return escaped(value)
        if isinstance(value, list):
            return "[" + ",".join(written(one) for one in value) + "]"
        if isinstance(value, dict):
            # Names of members are known by their letters, however they are written.
            return "{" + ",".join(f"{escaped(k)}:{written(v)}" for k, v in value.items()) + "}"
        return json.dumps(value)

    return written(body).encode()


def meant(value):
    """What a body says: the JSON in its strings however it is written."""
    if isinstance(value, dict):
        return {meant(name): meant(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [meant(inner) for inner in value]
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.dumps(meant(json.loads(value)))
        except ValueError:
            return value
    return value


def all_of(value):
    """Every string in a body, and in the JSON and the text files inside of its strings."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from all_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from all_of(inner)
    elif isinstance(value, str):
        yield value
        if value.startswith("data:") and ";base64," in value:
            yield from all_of(base64.b64decode(value.partition(";base64,")[2]).decode())
        try:
            inner = json.loads(value)
        except ValueError:
            return
        yield from all_of(inner)


@pytest.mark.parametrize("written", [plain, ascii_only, all_escaped])
@pytest.mark.parametrize("name", SAMPLED)
def test_no_field_lets_a_value_through(name, written):
    for value in VALUES[name]:
        for field, body in fields(said(name, f"{value} 😀")):
            session = ALL.request(written(body))
            told = list(all_of(json.loads(session.body)))
            assert not any(value in text for text in told), field
            assert value.encode() not in session.body, field
            assert session.audit.found, field


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_detector_lets_its_values_through(name):
    redactor = Redactor(Rules(detectors([name])))
    for value in VALUES[name]:
        for field, body in fields(said(name, value)):
            session = redactor.request(ascii_only(body))
            assert not any(value in text for text in all_of(json.loads(session.body))), field


@pytest.mark.parametrize("written", [plain, ascii_only, all_escaped])
def test_what_was_redacted_comes_back_the_same(written):
    for name in SAMPLED:
        for value in VALUES[name]:
            for field, body in fields(said(name, value)):
                session = ALL.request(written(body))
                if "file" in field or field.endswith("name"):
                    continue  # a provider answers no files, and no names of members
                if "broken" in field and not value.isascii():
                    continue  # what is cut can be written in two ways
                restored = json.loads(session.answer(session.body))
                assert meant(restored) == meant(body), field


def test_numbers_in_arguments_are_values_too():
    call = {"function": {"name": "pay", "arguments": '{"card": 4111111111111111, "n": 12}'}}
    body = plain({"messages": [{"role": "assistant", "tool_calls": [call]}]})
    arguments = json.loads(ALL.request(body).body)["messages"][0]["tool_calls"][0]["function"]
    assert json.loads(arguments["arguments"]) == {"card": "<CREDIT_CARD_1>", "n": 12}


def test_a_member_that_is_given_twice_hides_nothing():
    body = b'{"messages":[{"content":"bob@example.com","content":"nothing"}]}'
    assert b"bob@" not in ALL.request(body).body


def test_only_the_string_with_a_value_changes():
    body = plain({"messages": [{"role": "user", "content": "a \u00e9 bob@example.com"}]})
    spaced = body.replace(b'{"role"', b'{ "n" : %d.0e-7,\n\t"x":"\\u00e9\\/", "role"' % BIG)
    redacted = ALL.request(spaced).body
    assert redacted == spaced.replace(b"bob@example.com", b"<EMAIL_1>")


def test_a_body_without_values_is_the_very_same():
    body = b' {"messages" : [ {"content": "caf\\u00e9 \\n a\\/b", "n": 1.10} ] } '
    assert ALL.request(body).body is body


def test_structural_members_are_left_alone():
    rules = Rules(detectors(["email", "aws_key"]))
    key = VALUES["aws_key"][0]
    body = plain({"model": key, "messages": [{"role": "tool", "tool_call_id": key, "id": key}]})
    assert Redactor(rules).request(body).body == body


def test_names_of_tools_stay_names_and_come_back():
    key = VALUES["aws_key"][0]
    function = {"name": f"call-{key}-now", "parameters": {"type": "object"}}
    session = ALL.request(plain({"tools": [{"type": "function", "function": function}]}))
    named = json.loads(session.body)["tools"][0]["function"]["name"]
    assert named == "call-AWS_KEY_1-now"
    answer = plain({"choices": [{"message": {"tool_calls": [{"function": {"name": named}}]}}]})
    assert key.encode() in session.answer(answer)


def test_images_are_not_read():
    image = base64.b64encode(bytes(range(256)) * 40).decode() + "4111111111111111"
    url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}}
    body = plain({"messages": [{"role": "user", "content": [url]}]})
    assert ALL.request(body).body == body
