"""Raw connections to a simulator, where a test must choose every byte itself."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager


@contextmanager
def connection(simulator, port=None):
    """A TCP connection to the shared port, or to another."""
    with socket.create_connection(("127.0.0.1", port or simulator.port), timeout=10) as plug:
        yield plug


def post(path, body, *lines):
    """The bytes of a POST with a JSON body and header lines as given."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"POST {path} HTTP/1.1", "Host: test", f"Content-Length: {len(content)}", *lines]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + content


def read_until(plug, marker):
    """What comes, up to and including a marker."""
    data = b""
    while marker not in data:
        piece = plug.recv(65536)
        if not piece:
            raise AssertionError(f"the connection ended before {marker!r}: {data[-200:]!r}")
        data += piece
    return data
