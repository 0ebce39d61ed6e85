"""Reads whole lines of the usage log from where it was left, over rotation, kills and holes.

Envoy appends to ``usage.log``. Bytes that were taken are given back to the disk, and read as zeros
from then on, so that zeros are passed over wherever reading begins. A file that was moved aside
(``usage.log.1``) is read to its end, then others that have not been, then the one of the name.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ext_authz.ledger.bookmark import START, Bookmark, head_of

BATCH: Final = 1 << 18
"""Bytes that are read at once, and the longest line: what is longer is taken apart, as garbage."""

_PACKED: Final = (".gz", ".xz", ".zst", ".bz2")

_log = logging.getLogger("gatewright.ledger")


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole lines with the offset of each, and where the log stands when they are taken."""

    lines: tuple[tuple[int, bytes], ...]
    end: Bookmark


class Spool:
    """One reader of the log. `read` gives the next lines again and again until `take`.

    Not finding the log, or not being able to read it, raises OSError, but for a log that is not
    there yet.
    """

    def __init__(self, path: Path, bookmark: Bookmark = START) -> None:
        self._path = path
        self._at = bookmark
        self._file: int | None = None
        self._open: Path | None = None

    @property
    def at(self) -> Bookmark:
        """What has been taken."""
        return self._at

    @property
    def descriptor(self) -> int | None:
        """The file that is read, or None before there is one."""
        return self._file

    def read(self) -> Batch | None:
        """Read the next whole lines; None where there are none yet."""
        while self._file is not None or self._find():
            batch = self._read()
            if batch is not None:
                return batch
            if not self._next():
                return None
        return None

    def take(self, batch: Batch) -> None:
        """Go on behind a batch."""
        self._at = batch.end

    def behind(self) -> int:
        """How many bytes of the file that is read have not been taken."""
        return 0 if self._file is None else max(0, os.fstat(self._file).st_size - self._at.offset)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _read(self) -> Batch | None:
        file = self._file
        assert file is not None  # noqa: S101 - `read` has opened it
        head, at = self._at.head, self._at.offset
        size = os.fstat(file).st_size
        if size == at:
            return None
        if size < at or (at and head_of(file)[0] != head):
            _log.warning("%s was emptied; it is read from its start", self._open)
            self._begin(self._at.done)
            at = 0
        while at < size:
            data = os.pread(file, BATCH, at)
            if data.startswith(b"\0"):
                at = _behind_zeros(file, at, data, size)
                continue
            stop = data.rfind(b"\n") + 1
            if not stop:
                if len(data) < BATCH:
                    return None
                stop = len(data)
            head = head_of(file)[0] or head
            end = Bookmark(head, at + stop, self._at.done)
            return Batch(tuple(_lines(data, at, stop)), end)
        return None

    def _find(self) -> bool:
        """Open the file that the bookmark is in, or else one that has not been taken."""
        if self._at.offset:
            for path in (self._path, *self._aside()):
                if self._opened(path):
                    if head_of(self._descriptor())[0] == self._at.head:
                        return True
                    self.close()
        for path in self._aside():
            if self._opened(path):
                if self._is_new():
                    return self._begin(self._at.done)
                self.close()
        if not self._opened(self._path):
            return False
        if self._at.offset:
            _log.warning("the log that was read is gone: %s is read from its start", self._path)
        return self._begin(self._at.done)

    def _next(self) -> bool:
        """At the end of a file: go on to one that has not been taken, the one of the name last."""
        left = self._descriptor()
        own = os.fstat(left)
        if not self._is_left(own):
            return False
        if self._read() is not None:
            return True
        self._file = None
        for path in (*self._aside(), self._path):
            if not self._opened(path):
                continue
            if not os.path.samestat(os.fstat(self._descriptor()), own) and (
                path == self._path or self._is_new()
            ):
                os.close(left)
                there = {head for head, _ in self._heads()}
                done = (*self._at.done, self._at.head)
                return self._begin(tuple(head for head in done if head in there))
            self.close()
        self._file = left
        return False

    def _is_left(self, own: os.stat_result) -> bool:
        """Tell whether Envoy has gone over from a file to one that has bytes.

        What it wrote before is there by then. The newer one may have been moved aside as well.
        """
        current = _status(self._path)
        if current is None or os.path.samestat(current, own):
            return False
        if current.st_size:
            return True
        aside = [status for path in self._aside() if (status := _status(path)) is not None]
        places = [n for n, status in enumerate(aside) if os.path.samestat(status, own)]
        return any(status.st_size for n in places for status in aside[n + 1 :])

    def _begin(self, done: tuple[str, ...]) -> bool:
        self._at = Bookmark(done=done)
        return True

    def _is_new(self) -> bool:
        """Tell whether the file that is open has lines, and has not been taken to its end."""
        head = head_of(self._descriptor())[0]
        return bool(head) and head != self._at.head and head not in self._at.done

    def _heads(self) -> Iterator[tuple[str, Path]]:
        for path in self._aside():
            with suppress(OSError), path.open("rb") as file:
                yield head_of(file.fileno())[0], path

    def _aside(self) -> list[Path]:
        """Files that were moved aside, roughly the oldest first; packed ones cannot be read."""
        found = [
            (status.st_mtime_ns, path)
            for path in self._path.parent.glob(f"{self._path.name}[.-]*")
            if path.suffix not in _PACKED and (status := _status(path)) is not None
        ]
        return [path for _, path in sorted(found)]

    def _opened(self, path: Path) -> bool:
        try:
            try:
                self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            except PermissionError:
                self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                _log.warning("%s may not be written: what was taken stays on the disk", path)
        except FileNotFoundError:
            return False
        self._open = path
        return True

    def _descriptor(self) -> int:
        assert self._file is not None  # noqa: S101 - only asked of an open file
        return self._file


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _lines(data: bytes, at: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """Cut bytes at line ends; a line keeps none, and an empty one is none."""
    start = 0
    while start < stop:
        end = data.find(b"\n", start, stop)
        if end < 0:
            end = stop
        line = data[start:end].strip(b"\0\r ")
        if line:
            yield at + start, line
        start = end + 1


def _behind_zeros(file: int, at: int, data: bytes, size: int) -> int:
    """Find where bytes begin again: over a hole in one step, and over zeros that are written."""
    zeros = len(data) - len(data.lstrip(b"\0"))
    if zeros < len(data):
        return at + zeros
    try:
        return max(os.lseek(file, at, os.SEEK_DATA), at + zeros)
    except OSError:  # ENXIO: nothing but a hole up to the end
        return size
