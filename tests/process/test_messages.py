"""What is written by hand is what protobuf's own classes write."""

from __future__ import annotations

import pytest

from ext_authz.process import messages
from ext_authz.process.messages import Side
from tests.process.driving import proc_v3

Response = proc_v3.ProcessingResponse
SIZES = (0, 1, 127, 128, 16_383, 16_384, 3_000_000)


def written(message):
    return message.SerializeToString(deterministic=True)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("size", SIZES)
def test_a_body(side, size):
    phase = "request_body" if side is Side.REQUEST else "response_body"
    for end in (True, False):
        wanted = Response()
        streamed = getattr(wanted, phase).response.body_mutation.streamed_response
        streamed.SetInParent()
        streamed.body = b"x" * size
        streamed.end_of_stream = end
        assert messages.body(side, b"x" * size, end=end) == written(wanted)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("size", SIZES)
def test_a_head(side, size):
    phase = "request_headers" if side is Side.REQUEST else "response_headers"
    wanted = Response()
    common = getattr(wanted, phase).response
    for name, value in ((":path", "/" + "a" * size), ("x-a", "\u00e9")):
        option = common.header_mutation.set_headers.add(append_action=2)
        option.header.key = name
        option.header.raw_value = value.encode("latin-1")
    common.header_mutation.remove_headers.append("x-b")
    told = [(":path", "/" + "a" * size), ("x-a", "\u00e9")]
    assert messages.head(side, told, ["x-b"]) == written(wanted)
    common.status = 1
    common.body_mutation.body = b"b"
    assert messages.head(side, told, ["x-b"], body=b"b") == written(wanted)


def test_a_reply():
    wanted = Response()
    told = wanted.immediate_response
    told.status.code = 429
    option = told.headers.set_headers.add(append_action=2)
    option.header.key, option.header.raw_value = "x-a", b"1"
    told.body = b"{}"
    told.details = "gatewright_process"
    assert messages.replied(429, [("x-a", "1")], b"{}", "gatewright_process") == written(wanted)


@pytest.mark.parametrize(
    ("name", "value"),
    [("x-a", "a\r\nx: b"), ("x-a", "a\0"), ("x a", "b"), ("X-A", "b"), ("", "b"), ("x", "\u2028")],
)
def test_no_header_brings_another(name, value):
    with pytest.raises(ValueError, match="no header"):
        messages.head(Side.REQUEST, [(name, value)])
