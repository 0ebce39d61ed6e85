"""Keeps lines of the usage log that are none, beside the log, and never stops for them."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

MOST: Final = 16 << 20
"""Bytes that are kept; what comes after is counted only."""

_log = logging.getLogger("gatewright.ledger")


class Quarantine:
    """A file that garbage is appended to; ``count`` is how much has come since the start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.count = 0

    def put(self, garbage: bytes) -> None:
        """Keep some bytes, if there is room and the disk lets us."""
        self.count += 1
        if self.count == 1:
            _log.warning("a line of the usage log is none; it is kept in %s", self._path)
        try:
            file = os.open(
                self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, mode=0o600
            )
            try:
                if os.fstat(file).st_size + len(garbage) < MOST:
                    os.write(file, garbage + b"\n")
            finally:
                os.close(file)
        except OSError as error:
            _log.warning("%s: %s", self._path, error.strerror)
