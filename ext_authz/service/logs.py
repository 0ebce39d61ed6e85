"""The log of an edge's processes: lines on stderr, each with the process that says it."""

from __future__ import annotations

import logging
import sys


def log_to_stderr(who: str) -> None:
    """Log warnings, and what an operator wants to know, of this program and of nothing else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"%(levelname)s {who}: %(message)s"))
    root = logging.getLogger("gatewright")
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    root.propagate = False
