"""Finds processes that outlived the one that started them, by a mark in their environment.

Children inherit the environment whatever session or group they move to, so the mark finds an
Envoy whose parents are long gone. Linux (`/proc`) only.
"""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

MARK = "GATEWRIGHT_TEST_MARK"


def marked() -> dict[str, str]:
    """An environment like this one, with a mark that no other process has."""
    return {**os.environ, MARK: uuid.uuid4().hex}


def left_over(environment: dict[str, str], *, seconds: float = 10.0) -> list[str]:
    """The command lines of processes that still carry the mark after at most so many seconds."""
    mark = f"{MARK}={environment[MARK]}".encode()
    end = time.monotonic() + seconds
    while (found := _carrying(mark)) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def _carrying(mark: bytes) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                words = (process / "cmdline").read_bytes().split(b"\0")
                found.append(b" ".join(words).decode(errors="replace").strip())
        except OSError:  # it ended, or it is somebody else's
            continue
    return found
