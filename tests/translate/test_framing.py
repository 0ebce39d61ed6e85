"""Byte framing: what lines and messages may look like, and that memory is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ext_authz.translate.framing.eventstream import EventStreamDecoder
from ext_authz.translate.framing.frame import FrameTooLargeError, FramingError
from ext_authz.translate.framing.sse import SseDecoder
from tests.translate.wire_formats import aws, aws_event


def frames(data, cut=None):
    decoder = SseDecoder()
    pieces = [data] if cut is None else [data[:cut], data[cut:]]
    found = [frame for piece in pieces for frame in decoder.feed(piece)]
    return [(frame.event, frame.data) for frame in found + decoder.end()]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"data: a\n\n", [("", b"a")]),
        (b"data:a\n\n", [("", b"a")]),
        (b"data:  a\n\n", [("", b" a")]),
        (b"data: a\r\n\r\n", [("", b"a")]),
        (b"data: a\r\r", [("", b"a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("", b"a")]),
        (b": comment\n\ndata: a\n\n", [("", b"a")]),
        (b"event: e\ndata: a\ndata: b\n\n", [("e", b"a\nb")]),
        (b"event: e\n\ndata: a\n\n", [("", b"a")]),
        (b"id: 1\nretry: 5\ndata: a\nunknown\n\n", [("", b"a")]),
        (b"data\n\n", [("", b"")]),
        (b"data: a\n\ndata: b", [("", b"a"), ("", b"b")]),
        (b"data: a\r\n\r\nevent: x\rdata: b\r\n\n", [("", b"a"), ("x", b"b")]),
        (b"", []),
        (b"\n\n\n", []),
    ],
)
def test_lines_of_an_event_stream_however_cut(data, expected):
    assert frames(data) == expected
    for cut in range(len(data) + 1):
        assert frames(data, cut) == expected


def test_an_event_that_is_too_large_is_an_error():
    decoder = SseDecoder(limit=100)
    assert not any(decoder.feed(b"x") for _ in range(100))
    with pytest.raises(FrameTooLargeError):
        decoder.feed(b"x")


def test_many_lines_of_data_are_too_large_together():
    decoder = SseDecoder(limit=100)
    assert not any(decoder.feed(b"data: x\n") for _ in range(50))
    with pytest.raises(FrameTooLargeError):
        decoder.feed(b"data: x\n")


def test_many_small_events_are_not_too_large():
    decoder = SseDecoder(limit=100)
    assert sum(len(decoder.feed(b"data: x\n\n")) for _ in range(1000)) == 1000


def test_comments_without_end_take_no_memory():
    decoder = SseDecoder(limit=100)
    assert all(not decoder.feed(b": keep-alive\n") for _ in range(1000))


MESSAGE = aws_event("contentBlockDelta", {"delta": {"text": "Grüße"}})


def test_messages_of_aws_however_cut():
    twice = MESSAGE + MESSAGE
    for cut in range(len(twice) + 1):
        decoder = EventStreamDecoder()
        found = decoder.feed(twice[:cut]) + decoder.feed(twice[cut:]) + decoder.end()
        assert [frame.event for frame in found] == ["contentBlockDelta"] * 2
        assert "Grüße".encode() in found[0].data


def whole(body):
    decoder = EventStreamDecoder()
    return decoder.feed(body) + decoder.end()


@pytest.mark.parametrize("at", range(len(MESSAGE)))
def test_one_wrong_byte_anywhere_is_found(at):
    spoilt = bytearray(MESSAGE)
    spoilt[at] ^= 0x10
    with pytest.raises(FramingError):
        whole(bytes(spoilt))


def test_a_message_that_is_too_large_is_refused_before_it_is_kept():
    decoder = EventStreamDecoder(limit=64)
    with pytest.raises(FrameTooLargeError):
        decoder.feed(MESSAGE[:12])


def test_a_message_that_is_cut_is_an_error():
    decoder = EventStreamDecoder()
    decoder.feed(MESSAGE[:-1])
    with pytest.raises(FramingError):
        decoder.end()


def test_errors_of_aws_have_names():
    (frame,) = EventStreamDecoder().feed(
        aws(b"", message_type="error", error_code="Internal", error_message="no")
    )
    assert (frame.exception, frame.data) == ("Internal", b"no")


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_no_bytes_break_the_decoders(pieces):
    for decoder in (SseDecoder(limit=1000), EventStreamDecoder(limit=1000)):
        try:
            for piece in pieces:
                decoder.feed(piece)
            decoder.end()
        except FramingError:
            pass
