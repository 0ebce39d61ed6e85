"""A tenant's redaction has no way around it: whatever is sent, no provider sees a value.

A real Envoy with its edge, and a client that tries. What a request does with its value may be an
answer or a refusal; what it may not do is reach a provider as it is.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.edges import digest_of, gateway, key_of

MAIL = "ada.lovelace@example.com"
CARD = "4111111111111111"
TOLD = f"Write to {MAIL}, she pays with {CARD}"
KEY = key_of("acme")
POLICY = f"""\
gatewright: v1
name: private
edge: {{ folder: edge, workers: 1 }}
providers:
  openai: {{ api: openai, url: "{{simulator}}/openai/v1", key: env:PROVIDER_KEY }}
  claude: {{ api: anthropic, url: "{{simulator}}/claude/v1", key: env:PROVIDER_KEY }}
models:
  fast: {{ targets: [openai/gpt-4o-mini], aliases: [quick] }}
  haiku: {{ targets: [claude/claude-haiku-4-5] }}
  either:
    targets: [openai/gpt-4o-mini, claude/claude-haiku-4-5]
    fallback: {{ on: [rate_limited], attempt_timeout: 5s }}
  vectors: {{ targets: [openai/text-embedding-3-small], apis: embeddings }}
  words: {{ targets: [openai/gpt-3.5-turbo-instruct], apis: completions }}
  pictures: {{ targets: [openai/dall-e-3], apis: images }}
  voice: {{ targets: [openai/tts-1], apis: speech }}
redactions:
  personal: {{ detect: [email, credit_card] }}
routes:
  - {{ name: llm, match: /v1, serve: llm, auth: keys }}
  - {{ name: other, match: /other/v1, serve: llm, auth: keys }}
tenants:
  acme: {{ keys: {{ ci: {digest_of("acme")} }}, redact: personal }}
  open: {{ keys: {{ ci: {digest_of("open")} }} }}
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with gateway(tmp_path_factory.mktemp("attacks"), POLICY, edges=1) as started:
        yield started


@pytest.fixture(scope="module")
def http(running):
    with httpx.Client(base_url=running.urls()[0], timeout=30, verify=False) as client:
        yield client


@pytest.fixture
def send(running, http):
    """Send a body as the tenant; then no provider has seen a value. Gives answer and bodies."""
    simulator = running.simulator
    simulator.reset()

    def post(path, body, headers=()):
        raw = json.dumps(body).encode() if isinstance(body, dict) else body
        given = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        merged = httpx.Headers(given)
        merged.update(dict(headers))
        answer = http.post(path, content=raw, headers=merged)
        simulator.wait_idle()
        assert leaks(simulator) == []
        return answer, [record.body for record in simulator.requests]

    return post


def leaks(simulator):
    """What providers saw of the values, in any part of a request and by any way to write them."""
    found = []
    for record in simulator.requests:
        seen = (
            record.target.encode(),
            str(record.headers).encode(),
            record.body,
            read(record.body),
        )
        found += [part for part in seen if MAIL.encode() in part or CARD.encode() in part]
    return found


def read(body):
    """The body's text as a model reads it, without JSON's escapes."""
    try:
        return json.dumps(json.loads(body), ensure_ascii=False).encode()
    except ValueError:
        return b""


def chat(model="fast", said=TOLD):
    return {"model": model, "messages": [{"role": "user", "content": said}]}


def test_the_values_are_seen_where_nothing_is_redacted(running):
    """The other tenant's, so that the tests below are no idle words."""
    running.simulator.reset()
    headers = {"authorization": f"Bearer {key_of('open')}"}
    httpx.post(f"{running.urls()[0]}/v1/chat/completions", json=chat(), headers=headers)
    assert leaks(running.simulator) != []


@pytest.mark.parametrize("route", ["", "/other"])
@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("chat/completions", chat()),
        ("chat/completions", chat("quick")),
        ("chat/completions", chat("haiku")),
        ("messages", {**chat("haiku"), "max_tokens": 50}),
        ("messages", {**chat("fast"), "max_tokens": 50, "system": TOLD}),
        ("responses", {"model": "fast", "input": TOLD, "instructions": TOLD}),
        ("responses", {"model": "haiku", "input": [{"role": "user", "content": TOLD}]}),
        ("completions", {"model": "words", "prompt": TOLD}),
        ("completions", {"model": "haiku", "prompt": TOLD}),
        ("embeddings", {"model": "vectors", "input": [TOLD]}),
        ("images/generations", {"model": "pictures", "prompt": TOLD}),
        ("audio/speech", {"model": "voice", "voice": "alloy", "input": TOLD}),
        ("messages/count_tokens", chat("haiku")),
        ("responses/input_tokens", {"model": "fast", "input": TOLD}),
    ],
    ids=lambda value: value if isinstance(value, str) else value["model"],
)
def test_no_route_operation_or_name_of_a_model_is_a_way_around(send, route, operation, body):
    answer, seen = send(f"{route}/v1/{operation}", body)
    assert answer.status_code == 200, answer.text
    assert len(seen) == 1


def test_each_attempt_of_a_chain_is_redacted(send):
    answer, seen = send("/v1/chat/completions", chat("either"), {"x-simulate": "openai=429"})
    assert answer.status_code == 200
    assert TOLD in answer.json()["choices"][0]["message"]["content"]
    assert len(seen) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"x-gatewright-tenant": "open", "x-gatewright-key": "ci"},
        {"x-gatewright-upstream": "open", "x-gatewright-first": "1", "x-gatewright-retry": "x"},
        {"x-gatewright-redact": "none", "x-envoy-original-path": "/other"},
        {"X-GATEWRIGHT-TENANT": "open", "X-Gatewright-Target": "claude/claude-haiku-4-5"},
        {"x-http-method-override": "GET", "x-forwarded-prefix": "/other"},
        {"Content-Type": "APPLICATION/JSON; charset=utf-8"},
        {"CONTENT-TYPE": "application/json;charset=utf-16"},
        {"content-type": "text/plain"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"Authorization": f"bEARER {KEY}"},
        {"X-Api-Key": KEY},
        {"content-encoding": "identity"},
        {"CONTENT-ENCODING": "gzip"},
        {"content-encoding": "x-unknown"},
        {"expect": "100-continue"},
    ],
    ids=str,
)
@pytest.mark.parametrize("body", [chat(), chat("haiku")], ids=["passed", "translated"])
def test_no_header_is_a_way_around(send, headers, body):
    send("/v1/chat/completions", body, headers)


@pytest.mark.parametrize(
    "name", ["x-openwebui-user-email", "user-agent", "from", "x-note", "anthropic-beta"]
)
@pytest.mark.parametrize("model", ["fast", "haiku"])
def test_headers_bring_nothing_either(send, name, model):
    answer, seen = send("/v1/chat/completions", chat(model), {name: MAIL})
    assert answer.status_code == 200
    assert len(seen) == 1


def test_nor_does_the_address(send):
    send(f"/v1/chat/completions?beta=true&user={MAIL}", chat())
    send(f"/v1/chat/completions/{MAIL}", chat())
    send(f"/v1/messages?beta={MAIL}", {**chat("haiku"), "max_tokens": 50})
    send(f"//v1/chat/completions?{MAIL}", chat())
    send("/v1/x/../chat/completions", chat())
    send("/v1/chat%2fcompletions", chat())
    send("/V1/CHAT/COMPLETIONS", chat())


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "GZIP", "gzip, identity", "br"])
def test_nothing_is_read_compressed_so_nothing_goes_on(send, encoding):
    packed = zlib.compress if "deflate" in encoding else gzip.compress
    raw = packed(json.dumps(chat()).encode())
    answer, seen = send("/v1/chat/completions", raw, {"content-encoding": encoding})
    assert answer.status_code >= 400
    assert seen == []


def escaped(text):
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


CONTENT = b'{"model":"%b","messages":[{"role":"user","content":%b}]%b}'


@pytest.mark.parametrize("model", [b"fast", b"haiku"])
@pytest.mark.parametrize(
    ("content", "more"),
    [
        (b'"Hi"', b',"messages":[{"role":"user","content":"%b"}]' % TOLD.encode()),
        (b'"%b"' % TOLD.encode(), b',"messages":[{"role":"user","content":"Hi"}]'),
        (b'"Hi","content":"%b"' % TOLD.encode(), b""),
        (b'"%b","content":"Hi"' % TOLD.encode(), b""),
        (b'"Hi"', b',"mess\\u0061ges":[{"role":"user","content":"%b"}]' % TOLD.encode()),
        (b'"Hi"', b',"Messages":[{"role":"user","content":"%b"}]' % TOLD.encode()),
        (b'"Hi"', b',"user":"%b"' % MAIL.encode()),
        (b'"Hi"', b',"metadata":{"%b":"%b"}' % (MAIL.encode(), CARD.encode())),
        (b'"Hi"', b',"metadata":{"card":%b}' % CARD.encode()),
        (b'"Hi"', b',"a member of tomorrow":["%b"]' % MAIL.encode()),
        (b'"Hi"', b',"%b":1' % MAIL.encode()),
        (b'"%b"' % escaped(TOLD).encode(), b""),
        (b'"%b"' % escaped(TOLD).upper().replace("\\U", "\\u").encode(), b""),
        (b'"ada.lovelace\\u0040example.com \\u0034111111111111111"', b""),
        (json.dumps(json.dumps({"to": escaped(MAIL)})).encode(), b""),
        (json.dumps("Hi " + escaped(MAIL)).encode(), b""),
        (b'[{"type":"text","text":"%b"}]' % escaped(MAIL).encode(), b""),
    ],
)
def test_no_way_to_write_json_is_a_way_around(send, model, content, more):
    """Names given twice, either way round; names and values in escapes; values as names."""
    send("/v1/chat/completions", CONTENT % (model, content, more))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_no_alphabet_is_a_way_around(send, encoding):
    send("/v1/chat/completions", json.dumps(chat()).encode(encoding))


def test_a_model_given_twice_is_one(send):
    raw = b'{"model":"fast","model":"haiku","messages":[{"role":"user","content":"%b"}]}'
    send("/v1/chat/completions", raw % TOLD.encode())


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("model", ["fast", "haiku"])
def test_a_value_in_pieces_is_one(send, size, model):
    def pieces() -> Iterator[bytes]:
        raw = json.dumps(chat(model)).encode()
        for at in range(0, len(raw), size):
            yield raw[at : at + size]

    answer, seen = send("/v1/chat/completions", pieces())
    assert answer.status_code == 200
    assert TOLD in answer.json()["choices"][0]["message"]["content"]
    assert len(seen) == 1
