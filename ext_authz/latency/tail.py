"""New lines of a log that somebody else writes, gives back to the disk and rotates.

It only ever reads, and begins a little before the end of what is there. Where it falls behind, it
leaves out what is old: nobody needs all lines, but recent ones.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

MOST: Final = 1 << 18
"""The most bytes that are read at once; what is further behind is left out."""


class Tail:
    """A reader of one log. `read` raises OSError where the log cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._at = 0

    def read(self) -> list[bytes]:
        """Give the whole lines that have come since the last time, without their ends."""
        if self._file is None and not self._open():
            return []
        found = self._lines()
        if not found and self._rotated():
            # What was written before Envoy went over to the new file is there by now.
            found = self._lines()
            self.close()
            if self._open():
                found += self._lines()
        return found

    def close(self) -> None:
        """Let go of the file; the next one is read from its start."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> bool:
        try:
            self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        self._at = 0
        return True

    def _lines(self) -> list[bytes]:
        assert self._file is not None  # noqa: S101 - `read` has opened it
        size = os.fstat(self._file).st_size
        if size < self._at:  # emptied
            self._at = 0
        if size == self._at:
            return []
        behind = size - self._at > MOST
        if behind:
            self._at = size - MOST
        data = os.pread(self._file, MOST, self._at)
        stop = data.rfind(b"\n") + 1
        # Without a line end: half a line, or one that is longer than any line is.
        self._at += stop or (len(data) if len(data) == MOST else 0)
        lines = data[:stop].split(b"\n")[:-1]
        if behind:
            del lines[:1]  # its beginning was left out
        return [line.strip(b"\0\r ") for line in lines]

    def _rotated(self) -> bool:
        """Whether another file has taken the log's place, and has something in it."""
        assert self._file is not None  # noqa: S101 - `read` has opened it
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        return bool(there.st_size) and not os.path.samestat(there, os.fstat(self._file))
