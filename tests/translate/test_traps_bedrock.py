"""What Bedrock does that its documentation does not say, each as a client then sees it."""

from __future__ import annotations

import json

import pytest

from tests.translate.streams import read, streamed
from tests.translate.wire_formats import AWS, aws, aws_event


def test_text_of_converse_opens_lazily_and_an_empty_start_is_tolerated():
    body = b"".join(
        [
            aws_event("messageStart", {"role": "assistant"}),
            aws_event("contentBlockStart", {"contentBlockIndex": 0, "start": {}}),
            aws_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}}),
            aws_event("contentBlockStop", {"contentBlockIndex": 0}),
            aws_event("somethingNew", {"x": 1}),
            aws_event("messageStop", {"stopReason": "end_turn"}),
            aws_event("metadata", {"usage": {"inputTokens": 3, "outputTokens": 2,
                                             "cacheReadInputTokens": 5}}),
        ]
    )  # fmt: skip
    facts = read("messages", "bedrock", body, kind=AWS)
    assert (facts.text, facts.prompt, facts.cached, facts.completion) == ("Hi", 8, 5, 2)


@pytest.mark.parametrize(
    ("exception", "kind", "name"),
    [
        ("throttlingException", "rate_limited", "rate_limit_error"),
        ("validationException", "invalid", "invalid_request_error"),
        ("modelStreamErrorException", "server", "api_error"),
        ("internalServerException", "server", "api_error"),
        ("serviceUnavailableException", "overloaded", "overloaded_error"),
    ],
)
def test_exceptions_of_converse_inside_a_stream(exception, kind, name):
    failed = aws(b'{"message":"no"}', message_type="exception", exception_type=exception)
    machine, _, out = streamed("messages", "bedrock", failed, kind=AWS)
    assert machine.failure.kind == kind
    event = json.loads(out.decode().split("data: ")[1])
    assert event == {"type": "error", "error": {"type": name, "message": "no"}}


def test_an_error_frame_of_aws_without_a_body():
    failed = aws(b"", message_type="error", error_code="InternalError", error_message="broken")
    machine, _, _ = streamed("chat", "bedrock", failed, kind=AWS)
    assert machine.failure.kind == "server"


def test_a_wrong_checksum_is_an_error():
    body = bytearray(aws_event("messageStart", {"role": "assistant"}))
    body[-1] ^= 1
    machine, _, out = streamed("chat", "bedrock", bytes(body), kind=AWS)
    assert machine.failure is not None
    assert b'"error"' in out
