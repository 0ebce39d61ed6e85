"""How far the usage log has been taken: which file, by its first line, and the offset in it.

A file is known by its first line, which holds a request's id and is never given back to the disk.
Inode numbers would be given again to the next file of that name.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

HEAD: Final = 65_536
"""Bytes of a file in which its first line is looked for; a longer one is known by these."""

_MOSTLY: Final = 2_048
_SIZE: Final = 16


@dataclass(frozen=True, slots=True)
class Bookmark:
    """All bytes before ``offset`` of the file with this ``head`` have been taken.

    ``head`` is empty for a file that had no whole line yet; then the offset is 0. ``done`` are the
    heads of other files that lie there still, and have been taken to their end.
    """

    head: str = ""
    offset: int = 0
    done: tuple[str, ...] = ()

    def further(self, other: Bookmark | None) -> Bookmark:
        """Give the later of two in the same file; of two files, this one."""
        if other is None or other.head != self.head or other.offset <= self.offset:
            return self
        return other


START: Final = Bookmark()


def head_of(descriptor: int) -> tuple[str, int]:
    """Read by what a file is known, and how many bytes that takes; empty and 0 if not yet there."""
    first = os.pread(descriptor, _MOSTLY, 0)
    end = first.find(b"\n") + 1
    if not end:
        first += os.pread(descriptor, HEAD - len(first), len(first))
        end = first.find(b"\n") + 1
    if not end:
        if len(first) < HEAD:
            return "", 0
        end = HEAD
    return blake2b(first[:end], digest_size=_SIZE).hexdigest(), end


def read_bookmark(path: Path) -> Bookmark | None:
    """Read what `write_bookmark` wrote; None where nothing was, or what is there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Bookmark)
    except (OSError, msgspec.MsgspecError):
        return None


def write_bookmark(path: Path, bookmark: Bookmark) -> None:
    """Write a bookmark in the last one's place, in one step; raises OSError.

    It is not forced to the disk: an older one is as good, for what was taken is known again.
    """
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.write_bytes(msgspec.json.encode(bookmark))
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
