"""Whatever Envoy, a client or a provider sends: nothing raises, and answers keep to ext_proc."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ext_authz.process.attempt import Attempt
from tests.process.driving import GATE, MOMENT, WHOLE, Stream, prepared, proc_v3
from xds.edge.processing import Redaction

REDACTIONS = {"all": Redaction(detect=("pii", "secrets"), answers="mask")}
PROCESSORS = [
    prepared(
        client,
        provider,
        redactions=REDACTIONS,
        about={"redact": redact},
        body_limit=5_000,
    )
    for client, provider in (
        ("chat", "anthropic"),
        ("chat", "vllm"),
        ("messages", "gemini"),
        ("responses", "bedrock"),
        ("completions", "cohere"),
        ("embeddings", "gemini"),
        ("count_tokens", "openai"),
        ("speech", "openai"),
        ("images", "gemini"),
        ("models", "openai"),
    )
    for redact in ((), ("all",))
]
NAMES = ("content-type", "content-encoding", "content-length", ":status", ":path", "x-a")
VALUES = (
    "application/json",
    "text/event-stream",
    "application/vnd.amazon.eventstream",
    "gzip",
    "200",
    "429",
    "999999999999999999999999",
    "-1",
    "",
)
HEADERS = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from(VALUES) | st.text(max_size=5), max_size=4
)
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
WORDS = st.sampled_from(
    ("messages", "role", "user", "content", "text", "type", "choices", "delta", "stream", "error",
     "input", "tools", "function", "name", "candidates", "parts", "message_start", "index",
     "output", "message", "finish_reason", "content_block_delta", "a@example.com")
)  # fmt: skip
TREE = st.recursive(
    LEAF | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
DEEP = st.integers(1, 900).map(lambda depth: b'{"messages":' + b"[" * depth + b"]" * depth + b"}")
TOLD = TREE.map(lambda tree: json.dumps(tree).encode())
BODY = (
    st.binary(max_size=200)
    | TOLD
    | DEEP
    | TOLD.map(lambda told: b"data: " + told + b"\n\n")
    | st.sampled_from((b"data: [DONE]\n\n", b"event: error\n", b"\n\n", b""))
)


@st.composite
def messages(draw):
    """One message, of any phase, in any order."""
    message = proc_v3.ProcessingRequest()
    phase = draw(
        st.sampled_from(
            ("request_headers", "request_body", "request_trailers", "response_headers")
            + ("response_body",) * 3
            + ("response_trailers",)
        )
    )
    told = getattr(message, phase)
    told.SetInParent()
    if phase.endswith("headers"):
        for name, value in draw(HEADERS).items():
            told.headers.headers.add(key=name, raw_value=value.encode())
    elif phase.endswith("body"):
        told.body = draw(BODY)
    if not phase.endswith("trailers"):
        told.end_of_stream = draw(st.booleans())
    return message


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(PROCESSORS), st.sampled_from((WHOLE, GATE)), st.lists(messages(), max_size=8)
)
def test_no_message_raises(processor, mode, said):
    """Envoy would not send most of this; whatever it is, what is said is a message."""
    attempt = Attempt("up", MOMENT)
    for number, message in enumerate(said):
        if number == 0:
            message.protocol_config.response_body_mode = mode
            message.attributes["x"].update({"xds.route_name": "route"})
        for answer in attempt.take(message.SerializeToString(), processor) or ():
            proc_v3.ProcessingResponse.FromString(answer)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(PROCESSORS), TOLD | DEEP, st.sampled_from((200, 400, 500)), BODY, BODY)
def test_an_exchange_of_anything_ends(processor, asked, status, first, last):
    """In whatever order bodies make sense or not, each side ends once, and is JSON or a stream."""
    stream = Stream(processor).ask(asked)
    if stream.replied is not None:
        assert json.loads(stream.replied.body)
        return
    assert stream.request.ended
    assert stream.request.headers["content-length"] == str(len(stream.request.body))
    kind = "text/event-stream" if first.startswith(b"data") else "application/json"
    stream.answer_head(status, {"content-type": kind}).answer_body(first, last)
    assert stream.answer.ended
    if "content-length" in stream.answer.headers:
        assert stream.answer.headers["content-length"] == str(len(stream.answer.body))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4))
def test_bytes_that_are_no_message_end_the_stream(pieces):
    attempt = Attempt("up", MOMENT)
    for piece in pieces:
        attempt.take(piece, PROCESSORS[0])
