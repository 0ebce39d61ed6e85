"""Ports for servers that are told theirs before they bind it, and may bind it more than once."""

from __future__ import annotations

import os
import random
import socket
from itertools import count

# Below the range from which kernels give ports to whoever binds port 0 (32768 on Linux): a port
# from there, once let go, may be another test's server a moment later. Each worker has its own.
_FIRST, _EACH = 12_000, 2_000
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_STEPS = count(random.randrange(_EACH))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has, and that this process does not give twice in a row."""
    for step in _STEPS:
        port = _FIRST + (_WORKER % 10) * _EACH + step % _EACH
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable: the count has no end")
