"""Notices that a policy's files, or the files its secrets lie in, are not what they were.

The kernel's notifications only say "look again". What decides is a fingerprint of the files, which
is also taken every few seconds without a notification: network folders and some container mounts
never send one, and nothing is lost between a compilation and the start of watching.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from compiler.read import COMPILED

QUIET_MS: Final = 100
"""An editor or a `git checkout` writes many files: wait until nothing changed for so long."""
AT_MOST_MS: Final = 10_000
"""But not longer than this."""
LOOK_MS: Final = 2_000

Fingerprint = frozenset[tuple[str, int, int, int]]

_SUFFIXES: Final = (".yaml", ".yml", "jwks.json")
_ENDPOINTS: Final = "endpoints"


def policy_fingerprint(path: Path) -> Fingerprint:
    """Name, inode, size and time of every file that `compiler.read` would read."""
    if path.is_dir():
        return _fingerprint(_below(path))
    beside = path.parent.glob("*jwks.json")
    return _fingerprint([path, *beside, *_below(path.parent / _ENDPOINTS)])


def files_fingerprint(files: Iterable[Path]) -> Fingerprint:
    """The same of some files; one that is not there is left out."""
    return _fingerprint(files)


def policy_folders(path: Path) -> frozenset[Path]:
    """Every folder whose entries matter to the policy at ``path``."""
    if path.is_dir():
        return frozenset(Path(parent) for parent, _ in _walk(path))
    return frozenset({path.parent, path.parent / _ENDPOINTS})


async def stirred(
    folders: Callable[[], frozenset[Path]], stop: asyncio.Event
) -> AsyncIterator[None]:
    """Yield whenever it is time to look, until ``stop`` is set.

    ``folders`` gives those whose entries matter by now; some of them may not be there.
    """
    from watchfiles import awatch

    while not stop.is_set():
        watched = _there(folders())
        if not watched:
            await _wait(stop)
            yield
            continue
        try:
            async for _ in awatch(
                *sorted(watched),
                watch_filter=None,
                debounce=AT_MOST_MS,
                step=QUIET_MS,
                stop_event=stop,
                rust_timeout=LOOK_MS,
                yield_on_timeout=True,
                # Each folder by itself: that of a secret, or of a single file, may be /etc or a
                # home, with a million files below.
                recursive=False,
            ):
                yield
                if _there(folders()) != watched:
                    break
        except OSError:
            # A folder went away. It may come back; until then looking is all there is.
            await _wait(stop)
            yield


async def _wait(stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), LOOK_MS / 1000)


def _there(folders: Iterable[Path]) -> frozenset[Path]:
    return frozenset(folder for folder in folders if folder.is_dir())


def _walk(folder: Path) -> Iterator[tuple[str, list[str]]]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name != COMPILED]
        yield parent, names


def _below(folder: Path) -> list[Path]:
    return [
        Path(parent, name)
        for parent, names in _walk(folder)
        for name in names
        if name.endswith(_SUFFIXES) and not name.startswith(".")
    ]


def _fingerprint(files: Iterable[Path]) -> Fingerprint:
    seen: set[tuple[str, int, int, int]] = set()
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            continue
        seen.add((str(file), stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return frozenset(seen)
