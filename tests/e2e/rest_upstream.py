"""A small HTTP/1.1 upstream: says what it was asked, and fails when told to.

Every answer is JSON about the request, unless the upstream has a script: each request takes the
next word of it, a status, ``close`` (break off without an answer) or a number of seconds to wait.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


@dataclass(slots=True, eq=False)
class Upstream:
    """A running upstream: what it was asked so far, what it does next, and how it feels."""

    name: str
    port: int
    requests: list[dict[str, Any]] = field(default_factory=list)
    script: deque[int | float | str] = field(default_factory=deque)
    status: int = 200
    """The status of every request's answer that no script speaks of."""
    healthy: bool = True

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    upstream: Upstream

    def handle_error(self, request, client_address):
        """A client that broke off is part of these tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one_request(self):
        # Every method is answered by the same function.
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self._answer(cast("_Server", self.server).upstream)
        self.wfile.flush()

    def log_message(self, format, *args):  # noqa: A002 - the base class's name
        pass

    def _answer(self, upstream: Upstream) -> None:
        if self.path == "/healthz":
            self._send(200 if upstream.healthy else 503, {})
            return
        if self.headers.get("upgrade") == "websocket":
            self._websocket()
            return
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        asked = {
            "upstream": upstream.name,
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "size": len(body),
        }
        tls = isinstance(self.connection, ssl.SSLSocket)
        asked["client_certificate"] = (self.connection.getpeercert() or None) if tls else None
        upstream.requests.append(asked)
        what = upstream.script.popleft() if upstream.script else upstream.status
        if what == "close":
            self.close_connection = True
            return
        if isinstance(what, float):
            time.sleep(what)
            what = 200
        self._send(int(what), asked)

    def _send(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-upstream", "inside")
        self.end_headers()
        self.wfile.write(body)

    def _websocket(self) -> None:
        """Agree to anything and send back every byte: framing is the client's own business."""
        self.send_response(101)
        self.send_header("connection", "upgrade")
        self.send_header("upgrade", "websocket")
        self.end_headers()
        self.wfile.flush()
        while data := self.rfile.read1(4096):
            self.wfile.write(data)
        self.close_connection = True


@contextmanager
def upstream(name: str = "upstream", tls: ssl.SSLContext | None = None) -> Iterator[Upstream]:
    """Run an upstream on an ephemeral port of this machine until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if tls is not None:
        # Handshakes are made by the connection's own thread, when it first reads.
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    server.upstream = Upstream(name, server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.upstream
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
