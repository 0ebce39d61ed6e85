"""A folder of this process's own, gone when it ends; what a killed one left is removed later."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PREFIX: Final = "gatewright-git-"
_LOCK: Final = "lock"
_YOUNG: Final = 60.0
"""Seconds in which a folder that is not locked may be one that is just being made."""


@contextmanager
def scratch(state: Path | None) -> Iterator[Path]:
    """Give ``<state>/git``, or a temporary folder where that is another process's or none is named.

    The kernel gives up a lock however its holder ends: that is how a folder that was left behind
    by `kill -9` is told from one that is in use.
    """
    lock = None
    folder = Path()
    if state is not None:
        folder = state.absolute() / "git"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _claim(folder)
    if lock is None:
        _sweep(Path(tempfile.gettempdir()))
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = _claim(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _claim(folder: Path) -> int | None:
    """Lock a folder for this process; None where another holds it, or it went away meanwhile."""
    path = folder / _LOCK
    lock = -1
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(path).st_ino == os.fstat(lock).st_ino:  # noqa: PTH116 - beside an fstat
            return lock
    except OSError:
        pass
    if lock >= 0:
        os.close(lock)
    return None


def _sweep(parent: Path) -> None:
    """Remove the temporary folders of our own that nobody holds any more."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            old = time.time() - found.st_mtime > _YOUNG
            if found.st_uid != os.getuid() or folder.is_symlink() or not old:
                continue
            lock = _claim(folder)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)
