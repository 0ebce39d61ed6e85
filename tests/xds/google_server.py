"""A token server, where Google's would stand: it verifies assertions and counts its tokens."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

ACCOUNT = "gateway@project-1.iam.gserviceaccount.com"
AUDIENCE = "https://oauth2.googleapis.com/token"
"""What google-auth writes, whatever the key file's `token_uri` is."""
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


@dataclass(slots=True, eq=False)
class TokenServer:
    """The server, and the key of one account that it knows."""

    port: int
    private: str
    public: str
    lasts: int = 3600
    refuse: str = ""
    """The error that it answers with, if any."""
    raw: tuple[int, bytes] | None = None
    """The status and the bytes that it answers with, if any."""
    speaks: threading.Event = field(default_factory=threading.Event)
    """It answers as long as this is set."""
    asked: int = 0
    assertions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def key_file(self) -> str:
        """The account's key file, as Google's console gives it."""
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "project-1",
                "private_key_id": "1",
                "private_key": self.private,
                "client_email": ACCOUNT,
                "token_uri": f"http://127.0.0.1:{self.port}/token",
            }
        )


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        known = cast("_Server", self.server).known
        known.asked += 1
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        known.speaks.wait(30)
        if known.raw is not None:
            self._say(*known.raw)
            return
        if known.refuse:
            self._answer(400, {"error": known.refuse, "error_description": "no, and no again"})
            return
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        claims = jwt.decode(
            form["assertion"][0], known.public, ["RS256"],
            audience=AUDIENCE,
        )  # fmt: skip
        assert claims["iss"] == ACCOUNT
        assert claims["scope"] == SCOPE
        known.assertions.append(claims)
        token = f"ya29.canary-token-{len(known.assertions)}"
        self._answer(
            200, {"access_token": token, "expires_in": known.lasts, "token_type": "Bearer"}
        )

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        self._say(status, json.dumps(body).encode())

    def _say(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    known: TokenServer


@contextmanager
def token_server(lasts: int = 3600) -> Iterator[TokenServer]:
    """Run it until the block ends."""
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.known = TokenServer(server.server_port, private, public.decode(), lasts)
    server.known.speaks.set()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.known
    finally:
        server.known.speaks.set()
        server.shutdown()
        thread.join()
        server.server_close()
