"""Lists of tools that have come before: agents declare the same ones with every request.

They are known again by their very bytes, so that what was checked stays checked. What is kept is
bounded in bytes, not in lists. The last two generations are kept: each holds the lists of up to
half of the bytes, and one that is asked for again moves to the younger.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from ext_authz.translate.conversation import Tool

MOST_BYTES: Final = 1 << 20
"""Bytes of JSON that are kept; read, and written for four providers, they take 16 to 25 MiB."""
_LONGEST: Final = MOST_BYTES // 8


class KnownTools:
    """Reads lists of tools with `read`, which gives what can be shared, or raises."""

    def __init__(self, read: Callable[[bytes], tuple[Tool, ...]]) -> None:
        self._read = read
        self._young: dict[bytes, tuple[Tool, ...]] = {}
        self._old: dict[bytes, tuple[Tool, ...]] = {}
        self._size = 0  # of what the young generation is known by, in bytes

    def __call__(self, raw: msgspec.Raw) -> tuple[Tool, ...]:
        """Return the tools of a list, or of null."""
        given = bytes(raw)
        tools = self._young.get(given)
        if tools is None:
            tools = self._old.get(given)
            if tools is None:
                tools = self._read(given)
            self._keep(given, tools)
        return tools

    def _keep(self, given: bytes, tools: tuple[Tool, ...]) -> None:
        if len(given) > _LONGEST:
            return
        if self._size + len(given) > MOST_BYTES // 2:
            self._old, self._young, self._size = self._young, {}, 0
        self._young[given] = tools
        self._size += len(given)
