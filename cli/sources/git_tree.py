"""Which files of a commit are the policy: a listing in, names and object ids out.

Nothing is ever checked out, so no filter, hook, submodule or link of the repository does anything.
A symbolic link is followed by its text, and only to files of the same folder of the same commit.
Source: git-ls-tree and git-cat-file of Git's manual.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from compiler.read import goes_with, is_policy_file

FOLDER: Final = "040000"
LINK: Final = "120000"
SUBMODULE: Final = "160000"
MOST_HOPS: Final = 8
"""Links that lead to links, before it is taken for a circle."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder of a commit; ``size`` in bytes, 0 for what is no file."""

    name: str
    mode: str
    object_id: str
    size: int

    @property
    def is_folder(self) -> bool:
        """Whether there are entries below it."""
        return self.mode == FOLDER

    @property
    def base(self) -> str:
        """The last part of its name."""
        return posixpath.basename(self.name)


class TreeError(ValueError):
    """The repository's own text cannot be read as what it should be."""


def policy_path(text: str) -> str:
    """Make a path in a repository plain: ``policies``, ``edge/gateway.yaml``, or empty for all.

    Raises ValueError where it leads out, or into ``.git``.
    """
    parts = posixpath.normpath(text).split("/")
    if text.startswith("/") or "\0" in text or parts[0] == ".." or ".git" in parts:
        raise ValueError(f"{text!r} is no path inside of a repository")
    return "" if parts == ["."] else "/".join(parts)


def listing(raw: bytes) -> dict[str, Entry]:
    """Read the output of ``git ls-tree -z -l``."""
    found: dict[str, Entry] = {}
    for record in raw.split(b"\0"):
        if not record:
            continue
        facts, tab, name = record.partition(b"\t")
        words = facts.split()
        if not tab or len(words) != 4:
            raise TreeError("git lists the files of a commit in an unknown way")
        size = int(words[3]) if words[3].isdigit() else 0
        path = os.fsdecode(name)
        found[path] = Entry(path, words[0].decode(), words[2].decode(), size)
    return found


def chosen(tree: Mapping[str, Entry], file: str = "") -> list[str]:
    """Name what the compiler reads of a folder, or of a single policy file in it."""
    if not file:
        return sorted(name for name in tree if is_policy_file(name))
    return sorted(name for name in tree if goes_with(name, file))


def led(name: str, link: bytes) -> str:
    """Say where the text of a link at ``name`` leads; ValueError where that is outside."""
    text = os.fsdecode(link)
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), text))
    if text.startswith("/") or path == ".." or path.startswith("../"):
        raise ValueError("the link leads out of the policy's folder")
    return path


def target(name: str, link: bytes, tree: Mapping[str, Entry]) -> str:
    """Say which file of the same listing a link names; ValueError where there is none."""
    path = led(name, link)
    if path not in tree:
        raise ValueError("the link leads nowhere")
    return path


_HEADER: Final = re.compile(rb"([0-9a-f]{40,64}) ([a-z]+) ([0-9]+)")


def blobs(raw: bytes) -> Iterator[bytes]:
    """Read the output of ``git cat-file --batch``: one content for each object asked for."""
    position = 0
    while position < len(raw):
        end = raw.find(b"\n", position)
        header = _HEADER.fullmatch(raw, position, end) if end >= 0 else None
        if header is None:
            raise TreeError("git does not have an object that it listed")
        size = int(header[3])
        yield raw[end + 1 : end + 1 + size]
        position = end + 1 + size + 1
