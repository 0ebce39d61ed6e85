"""Ends a process with whoever started it: their end of a pipe is closed, however they ended."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable


def follow_stdin(end: Callable[[], None]) -> None:
    """Call ``end`` in a thread of its own when stdin is at its end."""

    def wait() -> None:
        # Not through sys.stdin: a thread that waits there holds a lock that Python's end wants.
        while os.read(0, 1):
            pass
        end()

    threading.Thread(target=wait, daemon=True, name="lifeline").start()
