"""Gives the disk back what has been taken of the usage log, while Envoy goes on appending to it.

A hole (fallocate, FALLOC_FL_PUNCH_HOLE) frees blocks in the middle of a file and changes neither
its size nor what another process does with it. Where the file system has none, or the file may not
be written, nothing happens: then the log grows until it is rotated.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

from ext_authz.ledger.bookmark import head_of

_BLOCK: Final = 4096
_LEAST: Final = 16 * _BLOCK
_KEEP_SIZE, _PUNCH_HOLE = 0x01, 0x02


class Holes:
    """Punches behind the slowest of several readers, all of which have to have passed a file."""

    def __init__(self, readers: frozenset[str]) -> None:
        self._readers = readers
        self._passed: dict[tuple[int, int], dict[str, int]] = {}
        self._done: dict[tuple[int, int], int] = {}

    def passed(self, reader: str, descriptor: int, offset: int) -> int:
        """Note how far a reader has come, and free what nobody needs any more.

        Gives the number of bytes that were given back. The blocks of the first line stay.
        """
        status = os.fstat(descriptor)
        file = (status.st_dev, status.st_ino)
        own = self._passed.setdefault(file, {})
        own[reader] = offset
        if own.keys() < self._readers:
            return 0
        start = self._done.get(file, 0)
        stop = min(own.values()) // _BLOCK * _BLOCK
        if stop - start < _LEAST:
            return 0
        start = start or -(-head_of(descriptor)[1] // _BLOCK) * _BLOCK
        if stop <= start or not punch(descriptor, start, stop - start):
            return 0
        self._done[file] = stop
        return stop - start


def punch(descriptor: int, start: int, size: int) -> bool:
    """Free a range of a file; tells whether the file system did."""
    if _FALLOCATE is None:
        return False
    return bool(_FALLOCATE(descriptor, _PUNCH_HOLE | _KEEP_SIZE, start, size) == 0)


def _fallocate() -> ctypes._FuncPointer | None:
    if sys.platform != "linux":
        return None
    function = getattr(ctypes.CDLL(None, use_errno=True), "fallocate64", None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
        function.restype = ctypes.c_int
    found: ctypes._FuncPointer | None = function
    return found


_FALLOCATE = _fallocate()
