"""Nothing that a client or a provider sends makes a reader raise what it must not."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ext_authz.translate.errors import RefusedError
from ext_authz.translate.translator import translate
from tests.translate.drive import MOMENT, answer, ask, question, target
from tests.translate.facts import compact, load, scenarios
from tests.translate.wire_formats import AWS, JSON, SSE, WIRES, aws_event, sse
from xds.edge.pairs import ClientApi, Provider, pair

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
REQUESTS = [case for case in load("requests") if "error" not in case]
ANSWERS = scenarios()
CLIENTS = ("chat", "messages", "responses", "completions")


def places(value, path=()):
    """All paths into a JSON value."""
    yield path
    if isinstance(value, (dict, list)):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, below in inner:
            yield from places(below, (*path, key))


def changed(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


def mutated(data, value):
    """The value with one to three of its places changed to anything."""
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(value))))
        value = changed(value, path, data.draw(VALUES))
    return value


@pytest.mark.parametrize("provider", list(Provider))
@SETTINGS
@given(data=st.data())
def test_no_request_breaks_a_translation(provider, data):
    case = data.draw(st.sampled_from(REQUESTS))
    client = ClientApi(case.get("client", "chat"))
    if pair(client, provider) is None:
        return
    body = compact(mutated(data, case["request"])).encode("utf-8", "replace")
    try:
        upstream = translate(client, target(provider), body, {}, MOMENT).upstream
    except RefusedError:
        return
    json.loads(upstream.body)
    assert "\n" not in upstream.path
    assert " " not in upstream.path


def encoders(provider):
    if provider == "bedrock":
        return AWS, lambda fields, kind: aws_event(kind, fields)
    return SSE, lambda fields, kind: sse(
        fields, kind if provider in ("anthropic", "cohere") else ""
    )


def events_of(provider, body):
    """The JSON of each event of a stream, with its name."""
    if provider == "bedrock":
        from ext_authz.translate.framing.eventstream import EventStreamDecoder

        return [(frame.event, json.loads(frame.data)) for frame in EventStreamDecoder().feed(body)]
    from ext_authz.translate.framing.sse import SseDecoder

    found = SseDecoder().feed(body)
    return [(one.event, json.loads(one.data)) for one in found if one.data != b"[DONE]"]


@pytest.mark.parametrize(
    "provider", ["openai", "mistral", "anthropic", "gemini", "bedrock", "cohere"]
)
@SETTINGS
@given(data=st.data())
def test_no_stream_breaks_a_reader(provider, data):
    name = data.draw(st.sampled_from(sorted(ANSWERS)))
    client = data.draw(st.sampled_from(CLIENTS))
    kind, encode = encoders(provider)
    events = events_of(provider, WIRES[provider].stream(ANSWERS[name]))
    at = data.draw(st.integers(0, len(events) - 1))
    events[at] = (events[at][0], mutated(data, events[at][1]))
    if data.draw(st.booleans()):
        events.insert(at, events[data.draw(st.integers(0, len(events) - 1))])
    body = b""
    for event, fields in events:
        body += encode(fields, event)
    head, out = answer(ask(client, provider, stream=True), body, kind=kind)
    assert head.status
    assert out


@pytest.mark.parametrize("provider", sorted(WIRES))
@SETTINGS
@given(data=st.data())
def test_no_whole_answer_breaks_a_reader(provider, data):
    name = data.draw(st.sampled_from(sorted(ANSWERS)))
    client = data.draw(st.sampled_from(CLIENTS))
    body = mutated(data, json.loads(WIRES[provider].whole(ANSWERS[name])))
    sent = compact(body).encode("utf-8", "replace")
    head, out = answer(ask(client, provider, stream=False), sent, kind=JSON)
    assert head.status in (200, *range(400, 600))
    json.loads(out)


@pytest.mark.parametrize("provider", sorted(WIRES))
@SETTINGS
@given(status=st.integers(300, 599), body=st.binary(max_size=60) | VALUES)
def test_no_error_breaks_a_reader(provider, status, body):
    sent = body if isinstance(body, bytes) else compact(body).encode("utf-8", "replace")
    for client in ("chat", "messages"):
        head, out = answer(ask(client, provider, stream=False), sent, status=status)
        assert head.status >= 400
        assert json.loads(out)["error"]


@pytest.mark.parametrize("provider", sorted(WIRES))
@SETTINGS
@given(body=st.binary(max_size=200))
def test_no_bytes_break_a_stream(provider, body):
    for kind in (SSE, AWS, JSON):
        answer(ask("chat", provider, stream=True), body, kind=kind)


def test_references_that_fan_out_are_bounded():
    schema = {f"D{n}": {"anyOf": [{"$ref": f"#/$defs/D{n + 1}"}] * 2} for n in range(40)}
    tool = {"name": "f", "parameters": {"$ref": "#/$defs/D0", "$defs": schema}}
    body = question("chat", stream=False, tools=[{"type": "function", "function": tool}])
    with pytest.raises(RefusedError):
        translate(ClientApi.CHAT, target("gemini", model="gemini-2.0-flash"), body, {}, MOMENT)


def test_schemas_that_merge_themselves_end():
    schema = {"A": {"allOf": [{"$ref": "#/$defs/A"}]}}
    tool = {"name": "f", "parameters": {"allOf": [{"$ref": "#/$defs/A"}], "$defs": schema}}
    body = question("chat", stream=False, tools=[{"type": "function", "function": tool}])
    translate(ClientApi.CHAT, target("gemini", model="gemini-2.0-flash"), body, {}, MOMENT)
