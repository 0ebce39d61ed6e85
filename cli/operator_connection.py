"""An HTTP connection to the operator of a running `serve`: over TCP, or over a Unix socket.

A module of its own because `http.client` takes 30 ms to import, and every command would pay.
"""

from __future__ import annotations

import http.client
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from xds.bootstrap import Address

_PATIENCE: Final = 15.0


def connection_to(at: Address) -> http.client.HTTPConnection:
    """Give a connection that is opened by its first request, and waits 15 s for each answer."""
    if at.path:
        return _UnixConnection(at.path)
    return http.client.HTTPConnection(at.host, at.port, timeout=_PATIENCE)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(self._path)
