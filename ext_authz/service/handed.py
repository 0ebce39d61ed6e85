"""Secrets that the supervisor hands to a process that it starts: through a pipe, never a disk.

So a process that was killed is back with all that it needs, also while no control plane is there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec


def hand_secrets(secrets: Mapping[str, str]) -> bytes:
    """Write secrets by their SDS names as the first line of a process' stdin."""
    return msgspec.json.encode({name: _bytes(text) for name, text in secrets.items()}) + b"\n"


def read_secrets() -> dict[str, str]:
    """Read that line, and nothing behind it; stdin is left to whoever waits for its end."""
    line = bytearray()
    while (letter := os.read(0, 1)) not in {b"", b"\n"}:
        line += letter
    if not line:
        return {}
    told = msgspec.json.decode(bytes(line), type=dict[str, bytes])
    return {name: value.decode("utf-8", "surrogateescape") for name, value in told.items()}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
