"""The folder of one run of `up`: its sockets lie in it, whose paths may not be long."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from xds.edge.paths import worker_socket

LONGEST: Final = 103
"""Bytes of a Unix socket's path at the most: 107 on Linux, 103 on macOS."""


def run_folder() -> Path:
    """Make it, for its owner alone: secrets pass through a socket in it.

    It lies where temporary files do, or in `/tmp` where that is too deep for sockets.
    """
    folder = Path(tempfile.mkdtemp(prefix="gatewright-"))
    if len(str(folder / "edge" / worker_socket(999)).encode()) <= LONGEST:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="gatewright-", dir="/tmp"))
