"""The Lua around attempts, run by LuaJIT as in Envoy, against Python's own json."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lupa.luajit21 import LuaRuntime  # type: ignore[import-untyped]  # the package has no types

from compiler.lower.llm import lua

runtime = LuaRuntime(encoding=None)
PROBES = """
return {
  boundary_of = boundary_of,
  form_values = function(s, boundary, name)
    local found = {}
    for i, at in ipairs(form_values(s, boundary, name)) do found[i] = sub(s, at[1], at[2]) end
    return unpack(found)
  end,
  with_value = with_value,
  retry_after = function(headers, now)
    return retry_after(function(name) return headers[name] end, now)
  end,
  stream_end = function(endpoint, parts)
    local watch, missing = end_watch(endpoint)
    local read, rest = line_reader({}, watch, endpoint == '/responses')
    local all = table.concat(parts)
    for _, part in ipairs(parts) do read(part) end
    return missing(rest(), sub(all, -3))
  end,
  rewritten = rewritten, context_exceeded = context_exceeded, refused = refused,
  json_usage = function(parts)
    local tokens = {}
    local feed, finish = json_reader(tokens)
    for _, part in ipairs(parts) do feed(part) end
    if not finish() then return nil end
    local input, output, cached = totals(tokens)
    return input, output, cached, tokens.model
  end,
  json_more = function(parts)
    local tokens = {}
    local feed, finish = json_reader(tokens)
    for _, part in ipairs(parts) do feed(part) end
    finish()
    local _, _, _, reasoning = totals(tokens)
    return reasoning, tokens.said
  end,
  stream_more = function(parts)
    local tokens = {}
    local read = line_reader(tokens)
    for _, part in ipairs(parts) do read(part) end
    local input, output = totals(tokens)
    return tokens.told == true, tokens.said, input, output
  end,
  stream_usage = function(parts)
    local tokens = {}
    local read = line_reader(tokens)
    for _, part in ipairs(parts) do read(part) end
    if not tokens.seen then return nil end
    local input, output, cached = totals(tokens)
    return input, output, cached, tokens.model
  end,
  hidden = function(parts)
    local feed = usage_hider()
    local out = {}
    for _, part in ipairs(parts) do out[#out + 1] = feed(part) end
    out[#out + 1] = feed('')
    return table.concat(out)
  end,
}
"""
functions = runtime.execute((lua.library() + PROBES).encode())


def rewritten(body: bytes, model: str = "new", *, usage: bool = True) -> tuple[bytes, bool]:
    changed, injected = functions[b"rewritten"](body, lua.json_string(model).encode(), usage)
    return bytes(changed), bool(injected)


def called(name: str, parts: list[bytes]) -> Any:
    return functions[name.encode()](runtime.table(*parts))


KEYS = st.one_of(
    st.sampled_from(
        ["model", "stream", "stream_options", "include_usage", 'a"model', "mo\\del", "usage", ""]
    ),
    st.text(max_size=6),
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=20),
        st.sampled_from(['"', "\\", '\\"', '"model": "x"', "{", "}", "]", ",", '{"model":"x"}']),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=20,
)


Draw = Callable[[st.SearchStrategy[Any]], Any]


def written(draw: Draw, members: list[tuple[str, Any]]) -> str:
    """Write an object whose keys may repeat, with spaces and escapes where JSON allows them."""
    space = st.sampled_from(["", " ", "\n", "\t ", "\r\n"])
    ascii_only = draw(st.booleans())

    def text(one: Any) -> str:
        return json.dumps(one, ensure_ascii=ascii_only)

    def key(name: str) -> str:
        if name and draw(st.integers(0, 9)) == 0:  # every character as an escape
            units = name.encode("utf-16-be", "surrogatepass")
            return (
                '"'
                + "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
                + '"'
            )
        return text(name)

    parts = [
        f"{draw(space)}{key(name)}{draw(space)}:{draw(space)}{text(one)}{draw(space)}"
        for name, one in members
    ]
    return f"{draw(space)}{{{','.join(parts) or draw(space)}}}{draw(space)}"


@st.composite
def bodies(draw: Any) -> tuple[str, list[tuple[str, Any]]]:
    """A request's text and its top-level members, in order and with repetitions."""
    options = st.one_of(
        st.none(),
        st.dictionaries(
            st.sampled_from(["include_usage", "include_obfuscation", "x"]),
            st.one_of(st.booleans(), st.none()),
        ),
    )
    member = st.one_of(
        st.tuples(st.just("model"), st.one_of(st.just("old"), VALUES)),
        st.tuples(st.just("stream"), st.booleans()),
        st.tuples(st.just("stream_options"), options),
        st.tuples(KEYS.filter(lambda k: k != "stream_options"), VALUES),
    )
    members = draw(st.lists(member, max_size=7))
    return written(draw, members), members


@settings(max_examples=250, deadline=None)
@given(bodies())
def test_only_the_model_and_the_wish_for_usage_change(drawn):
    """All members keep their order and value; each top-level model is the new one."""
    text, members = drawn
    before = json.loads(text, object_pairs_hook=list)
    changed, injected = rewritten(text.encode("utf-8", "surrogatepass"))
    after = json.loads(changed.decode("utf-8", "surrogatepass"), object_pairs_hook=list)
    assert [key for key, _ in before] == [key for key, _ in members]

    streams = ([v for k, v in members if k == "stream"] or [False])[-1] is True
    last_options = ([v for k, v in members if k == "stream_options"] or [None])[-1]
    asked = isinstance(last_options, dict) and last_options.get("include_usage") is True
    assert injected == (streams and not asked)
    if injected and "stream_options" not in dict(members):
        assert after[0] == ("stream_options", [("include_usage", True)])
        after = after[1:]
    assert [key for key, _ in after] == [key for key, _ in before]
    for (key, old), (_, new) in zip(before, after, strict=True):
        if key == "model":
            assert new == "new"
        elif key == "stream_options" and injected:
            assert dict(new or [])["include_usage"] is True
            without = [pair for pair in new if pair[0] != "include_usage"]
            assert without == [pair for pair in (old or []) if pair[0] != "include_usage"]
        else:
            assert new == old


@settings(max_examples=150, deadline=None)
@given(bodies())
def test_a_body_that_is_right_already_stays_byte_for_byte(drawn):
    """Rewriting twice is rewriting once, and without a wish for usage only models change."""
    text, _ = drawn
    body = text.encode("utf-8", "surrogatepass")
    once, _ = rewritten(body)
    assert rewritten(once)[0] == once
    plain, injected = rewritten(body, usage=False)
    assert not injected
    if json.loads(text).get("model") is None and '"model' not in text and "\\u006d" not in text:
        assert plain == body


@pytest.mark.parametrize("size", [1 << 20, 20 << 20])
def test_huge_bodies_are_rewritten(size):
    """Megabytes of text full of quotes, backslashes and braces pass through in one walk."""
    content = ('\\"{[model":' * (size // 10))[:size]
    body = json.dumps({"messages": [{"content": content, "model": "x"}], "model": "old"})
    changed, _ = rewritten(body.encode())
    assert json.loads(changed) == {
        "messages": [{"content": content, "model": "x"}],
        "model": "new",
    }


def test_a_model_s_name_may_hold_any_character():
    """Quotes, backslashes and other scripts in the provider's name arrive as they are."""
    name = 'a"\\/\u00e9\U0001f600\n'
    changed, _ = rewritten(b'{"model":"x"}', name)
    assert json.loads(changed) == {"model": name}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(KEYS.filter(lambda k: k not in {"usage", "model", "message"}), VALUES)),
    st.integers(0, 8),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
    st.lists(st.integers(1, 60), max_size=6),
)
def test_usage_of_a_json_answer_is_found_wherever_it_stands(others, place, prompt, output, cuts):
    """Only the document's own usage counts, however the answer's bytes are cut."""
    usage = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": 1}
    members = [("model", "m"), *others]
    members.insert(1 + place % (len(members)), ("usage", usage))
    text = "{" + ", ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in members) + "}"
    assert called("json_usage", cut(text.encode(), cuts)) == (prompt, output, 0, b"m")


def cut(whole: bytes, sizes: list[int]) -> list[bytes]:
    parts, at = [], 0
    for size in sizes:
        parts.append(whole[at : at + size])
        at += size
    return [*parts, whole[at:]]


def test_usage_at_the_end_of_a_very_long_answer():
    """Of more than a mebibyte only the end is kept, and usage stands there."""
    whole = b'{"data":[' + b"0.25," * 500_000 + b'0],"usage":{"prompt_tokens":3}}'
    parts = [whole[i : i + 16_384] for i in range(0, len(whole), 16_384)]
    assert called("json_usage", parts)[:2] == (3, 0)


@pytest.mark.parametrize("function", ["stream_usage", "hidden"])
@pytest.mark.parametrize("byte", [b"x", b"\\", b'"', b"\r", b"{", b'"usage"', b"\n", b"data: {"])
def test_a_stream_without_line_ends_takes_no_time(function, byte):
    """A worker of Envoy's runs this for all its connections: 4 MB of anything take no second."""
    piece = byte * (16384 // len(byte))
    began = time.process_time()
    called(function, [b"data: ", *[piece] * 256, b"\n\n"])
    assert time.process_time() - began < 2.0


def test_an_answer_without_usage_tells_nothing():
    """No usage, null, or a text that only mentions it: nothing is counted."""
    for body in (b"{}", b'{"usage":null}', b'{"a":"\\"usage\\":{\\"prompt_tokens\\":3}"}', b""):
        assert called("json_usage", [body]) is None


USAGE_EVENT = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}'
EVENTS = st.sampled_from(
    [
        b'data: {"choices":[{"delta":{"content":"a"}}],"usage":null}',
        b'data: {"choices":[{"delta":{"content":"\\"choices\\":[],\\"usage\\":{"}}]}',
        b'data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":7,"completion_tokens":2}}',
        b'data: {"choices":[],"prompt_filter_results":[]}',
        b": keep-alive",
        b"event: x\nid: 7\ndata: {}",
        USAGE_EVENT,
        b'data:{ "usage" : { "completion_tokens":2, "prompt_tokens":7 } , "choices" : [ ] }',
        b"data: [DONE]",
    ]
)
HIDDEN = {
    USAGE_EVENT,
    b'data:{ "usage" : { "completion_tokens":2, "prompt_tokens":7 } , "choices" : [ ] }',
}


@settings(max_examples=500, deadline=None)
@given(
    st.lists(EVENTS, max_size=8),
    st.sampled_from([b"\n\n", b"\r\n\r\n"]),
    st.lists(st.integers(1, 40), max_size=20),
)
def test_the_hider_takes_out_usage_only_events_and_nothing_else(events, end, cuts):
    """However the stream is cut, what is left is the other events byte for byte."""
    whole = b"".join(event + end for event in events)
    wanted = b"".join(event + end for event in events if event not in HIDDEN)
    assert called("hidden", [part for part in cut(whole, cuts) if part]) == wanted


@settings(max_examples=500, deadline=None)
@given(st.lists(EVENTS, max_size=8), st.lists(st.integers(1, 40), max_size=20))
def test_usage_of_a_stream_is_read_however_it_is_cut(events, cuts):
    """Usage with content, alone, or spelled with spaces: the last one counts."""
    whole = b"".join(event + b"\n\n" for event in events)
    told = any(b'"prompt_tokens"' in event for event in events)
    found = called("stream_usage", cut(whole, cuts))
    assert (found[:2] if found else None) == ((7, 2) if told else None)


CHAT = b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}],"usage":null}'
DELTA = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%s"}}'
START = (
    b'data: {"type":"message_start","message":{"content":[],"usage":{"input_tokens":9,'
    b'"cache_read_input_tokens":2,"output_tokens":1}}}'
)
TOOL = (
    b'data: {"choices":[{"delta":{"content":null,"tool_calls":[{"index":0,"function":'
    b'{"arguments":"{\\"a\\":"}}]}}]}'
)
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
PIECES = [
    (CHAT % b" word", 1),
    (CHAT % b"", 0),
    (CHAT % b' \\"content\\":\\"x', 4),  # what a model says about itself is one piece of text
    (CHAT % (b"a bundle of tokens. " * 3), 15),
    (TOOL, 1),
    (b'data: {"choices":[{"delta":{"reasoning_content":" so","reasoning":" so"}}]}', 1),
    (b'data: {"choices":[{"delta":{"reasoning":" so"}}]}', 1),
    (b'data: {"choices":[{"text":" word","index":0}]}', 1),
    (STOP, 0),
    (b"event: content_block_delta", 0),
    (DELTA % b" word", 1),
    (DELTA.replace(b'"text"', b'"thinking"') % b"so", 1),
    (DELTA.replace(b'"text"', b'"partial_json"') % b'{\\"q\\"', 1),
    (b'data: {"type":"content_block_start","content_block":{"type":"text","text":""}}', 0),
    (START, 0),
    (b": keep-alive", 0),
    (b"data: [DONE]", 0),
]


@pytest.mark.parametrize(("event", "tokens"), PIECES)
def test_what_a_model_says_is_counted_as_it_passes(event, tokens):
    """A piece is a token, a bundle as many as its length; what is not said is none."""
    assert called("stream_more", [event + b"\n\n"])[1] == tokens


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=12),
    st.lists(st.integers(1, 300), max_size=20),
    st.sampled_from([b"\n\n", b"\r\n\r\n"]),
)
def test_what_is_said_is_counted_however_it_is_cut(pieces, cuts, end):
    """Pieces that come together count as those that come one by one."""
    # Two names for one thing: beside other words, `reasoning` is taken for their double.
    pieces = [one for one in pieces if b'"reasoning":' not in one[0]]
    parts = cut(b"".join(event + end for event, _ in pieces), cuts)
    told, said, *_ = called("stream_more", parts)
    assert said == sum(tokens for _, tokens in pieces)
    assert not told


USAGE = b'"usage":{"prompt_tokens":7,"completion_tokens":2}'


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([CHAT % b"a", USAGE_EVENT], True),
        ([(CHAT % b"a").replace(b'"usage":null', USAGE)], False),  # on the way, from some servers
        ([STOP[:-1] + b"," + USAGE + b"}"], True),
        ([(CHAT % b"a").replace(b'"usage":null', USAGE).replace(b":null}", b':"stop"}')], True),
        ([START], False),
        ([START, DELTA % b"a"], False),
        ([START, b'data: {"type":"message_delta","delta":{},"usage":{"output_tokens":5}}'], True),
    ],
)
def test_usage_is_told_when_a_stream_says_it_at_its_end(events, told):
    """A count on the way is not the end's, though it is known."""
    found, _, tokens_in, _ = called("stream_more", [b"\n\n".join(events) + b"\n\n"])
    assert found is told
    assert tokens_in > 0


def test_what_comes_behind_the_final_usage_is_not_counted():
    """The provider has told it all."""
    assert called("stream_more", [USAGE_EVENT + b"\n\n", CHAT % b"a" + b"\n\n"])[1] == 0


@pytest.mark.parametrize("details", ["completion_tokens_details", "output_tokens_details"])
def test_reasoning_tokens_are_told_and_are_output(details):
    """Never more than the output that they are part of."""
    body = {"usage": {"completion_tokens": 9, details: {"reasoning_tokens": 5, "audio_tokens": 1}}}
    assert called("json_more", [json.dumps(body).encode()])[0] == 5
    body["usage"]["completion_tokens"] = 3
    assert called("json_more", [json.dumps(body).encode()])[0] == 3


def test_an_answer_that_tells_no_usage_is_estimated_by_what_it_says():
    """Some servers of one's own tell none."""
    body = {"choices": [{"message": {"role": "assistant", "content": "four by" * 8}}]}
    assert called("json_more", [json.dumps(body).encode()])[1] == 14


@pytest.mark.parametrize("byte", [b"x", b"\\", b'"', b'"content":"', b'"content"   ', b"\n"])
def test_counting_what_is_said_takes_no_time(byte):
    """4 MB of anything that looks like it, in lines that end, take no second."""
    piece = byte * (16384 // len(byte)) + b"\n"
    began = time.process_time()
    called("stream_more", [b"data: ", *[piece] * 256, b"\n\n"])
    assert time.process_time() - began < 2.0


@pytest.mark.parametrize(
    ("body", "exceeded"),
    [
        (b'{"error":{"code":"context_length_exceeded","message":"..."}}', True),
        (b'{"error":{"message":"This model\'s maximum context length is 8192 tokens"}}', True),
        (b'{"error":{"message":"prompt is too long: 9 tokens > 8 maximum"}}', True),
        (b'{"error":{"message":"input length and `max_tokens` exceed context limit: 1"}}', True),
        (b'{"error":{"type":"exceed_context_size_error"}}', True),
        (b'{"error":{"message":"Invalid value for temperature"}}', False),
        (b'{"error":{"message":"max_tokens is too large"}}', False),
        (b"", False),
    ],
)
def test_prompts_that_are_too_long_are_told_from_other_refusals(body, exceeded):
    """The real error texts of both APIs and of common compatible servers."""
    assert functions[b"context_exceeded"](body) is exceeded


@settings(deadline=None)
@given(st.text())
def test_constants_arrive_in_lua_as_they_are(text):
    """Any text written as a Lua literal is that text."""
    value = runtime.eval(lua.literal(text.encode("utf-8", "replace").decode()).encode())
    assert value == text.encode("utf-8", "replace")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"x-ratelimit-reset": "3"}, 3),
        ({"x-ratelimit-reset": "1700000004"}, 4),
        ({"x-ratelimit-reset-requests": "6m0s"}, None),  # there are some left
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0"}, 360),
        ({"x-ratelimit-reset-tokens": "20ms", "x-ratelimit-remaining-tokens": "0"}, 0.02),
        ({"x-ratelimit-reset-tokens": "soon", "x-ratelimit-remaining-tokens": "0"}, None),
    ],
)
def test_how_long_a_provider_wants_to_be_left_alone(headers, seconds):
    """In seconds, from what providers say of it in their different ways."""
    table = runtime.table_from({k.encode(): v.encode() for k, v in headers.items()})
    told = functions[b"retry_after"](table, 1_700_000_000)
    assert told == (None if seconds is None else pytest.approx(seconds))


ENDS = {
    "/chat/completions": b"data: [DONE]\n\n",
    "/completions": b"data: [DONE]\n\n",
    "/messages": b'event: message_stop\ndata: {"type": "message_stop"}\n\n',
    "/responses": b'data: {"type":"response.incomplete","response":{}}\n\n',
}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(ENDS)), st.text(), st.integers(1, 40), st.booleans())
def test_a_stream_is_over_at_its_last_event_however_it_is_cut(endpoint, text, size, whole):
    """No text of a model's own ends a stream, and the last event does, wherever it is cut."""
    said = {"type": "x", "choices": [{"delta": {"content": text + ENDS[endpoint].decode()}}]}
    stream = b"data: " + json.dumps(said, ensure_ascii=False).encode("utf-8", "replace") + b"\n\n"
    if whole:
        stream += ENDS[endpoint]
    parts = [stream[i : i + size] for i in range(0, len(stream), size)]
    added = bytes(functions[b"stream_end"](endpoint.encode(), runtime.table(*parts)))
    assert (added == b"") == whole


def test_other_streams_have_no_end_that_anybody_knows():
    """Of speech and images nothing is missed."""
    assert functions[b"stream_end"](b"/audio/speech", runtime.table(b"data: {}\n\n")) == b""


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", "abc"),
        ('multipart/form-data; Boundary="a b;c"; x=1', "a b;c"),
        ("multipart/form-data;boundary=abc;charset=utf-8", "abc"),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
    ],
)
def test_the_boundary_of_a_form(content_type, boundary):
    """With quotes or without, among other parameters."""
    found = functions[b"boundary_of"](content_type.encode())
    assert found == (None if boundary is None else boundary.encode())


VALUE = st.binary(max_size=40).filter(lambda b: b"\r\n--b0" not in b)


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["model", "file", "x-model"]), VALUE), max_size=5))
def test_fields_of_a_form_are_found_and_changed(fields):
    """Whatever the values are, those of one name alone, and every other byte stays."""

    def form(changed: list[tuple[str, bytes]]) -> bytes:
        parts = [
            b'--b0\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (n.encode(), v)
            for n, v in changed
        ]
        return b"".join(parts) + b"--b0--\r\n"

    found = functions[b"form_values"](form(fields), b"b0", b"model")
    expected = [value for name, value in fields if name == "model"]
    if len(expected) < 2:
        assert found == (expected[0] if expected else None)
    else:
        assert list(found) == expected
    changed = [(name, b"new" if name == "model" else value) for name, value in fields]
    assert functions[b"with_value"](form(fields), b"b0", b"model", b"new") == form(changed)
