"""Lists of tools that have come before."""

import msgspec
import pytest

from ext_authz.translate.clients.chat_request import read_chat
from ext_authz.translate.clients.known_tools import MOST_BYTES, KnownTools
from ext_authz.translate.conversation import Tool
from ext_authz.translate.errors import RefusedError
from ext_authz.translate.wire import encode


class _Reader:
    def __init__(self):
        self.read = 0

    def __call__(self, given):
        self.read += 1
        return (Tool("f", "", {"of": len(given)}),)


def _raw(number, size=100):
    return msgspec.Raw(b"%d".ljust(size, b" ") % number)


def test_a_list_is_read_once_and_known_by_its_bytes_alone():
    """Equal bytes give the same tools, others are read."""
    reader = _Reader()
    known = KnownTools(reader)
    assert known(_raw(1)) is known(_raw(1))
    known(_raw(2))
    assert reader.read == 2


def test_what_is_kept_is_bounded_in_bytes():
    """Many lists push each other out, and one that is too long is not kept at all."""
    reader = _Reader()
    known = KnownTools(reader)
    size = MOST_BYTES // 10
    for number in range(100):
        known(_raw(number, size))
    kept = [given for generation in (known._young, known._old) for given in generation]
    assert sum(map(len, kept)) <= MOST_BYTES
    for _ in range(2):
        known(_raw(7, MOST_BYTES))
    assert reader.read == 102


def test_a_list_in_use_outlives_those_that_come_once():
    """What is asked for again moves to the younger generation."""
    reader = _Reader()
    known = KnownTools(reader)
    for number in range(1, 100):
        known(_raw(0))
        known(_raw(number, MOST_BYTES // 20))
    assert reader.read == 100


def test_a_wrong_list_is_refused_each_time_at_its_place():
    """Nothing wrong is kept, and the refusal names the member."""
    asked = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    for tools, param in (([{"function": {}}], "tools[0].function"), ("all", "tools")):
        for _ in range(2):
            with pytest.raises(RefusedError) as caught:
                read_chat(encode({**asked, "tools": tools}))
            assert caught.value.failure.param == param
