"""The operator's HTTP: health, readiness, metrics, status, commands for rollouts and for keys.

A server of its own thread, beside the loop that serves streams: `/healthz` asks that loop, so a
process that hangs is seen. There are no accounts; who may reach the address may read. Commands are
taken from this machine only, and not from a browser's page: they need a header that no page may
send to another site, and a Host that is an address and not a name that somebody pointed here.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from collections.abc import Coroutine, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from xds.bootstrap import Address

PATIENCE: Final = 10.0
"""Seconds that the loop may take to answer, and a client to send its request."""

HEADER: Final = "x-gatewright-operator"
"""The header that a command must carry, with any value."""

_KEY_ID: Final = re.compile(r"[\w.-]{1,100}(/[\w.-]{1,100}){1,2}", re.ASCII)
_BODY_LIMIT: Final = 64 << 10
_JSON: Final = "application/json"

T = TypeVar("T")


class RefusedCommandError(Exception):
    """A command that cannot be obeyed; the text says why, and ``status`` is the HTTP status."""

    def __init__(self, text: str, status: int = HTTPStatus.CONFLICT) -> None:
        super().__init__(text)
        self.status = status


class Desk(Protocol):
    """What an operator sees and may do; called on the loop that serves streams."""

    async def not_ready(self) -> str:
        """Say why nothing is served; empty where something is."""

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        """Give the exposition and its content type."""

    async def status(self) -> Mapping[str, Any]:
        """Give the whole status, as JSON data."""

    async def rollout(self) -> Mapping[str, Any]:
        """Give the state of the rollouts, as JSON data."""

    async def command(self, group: str, verb: str, *, force: bool) -> Mapping[str, Any]:
        """Obey, and give the state after it; raises RefusedCommandError."""

    async def revoke(self, key_id: str, *, undo: bool) -> Mapping[str, Any]:
        """Revoke a key ahead of the policy, or undo that; raises RefusedCommandError."""


class OperatorServer:
    """Serves a desk on an address; `start` and `stop` are called on the loop."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self, at: Address) -> Address:
        """Listen, and give the address that was bound; raises OSError."""
        loop = asyncio.get_running_loop()
        server = _UnixServer(at.path) if at.path else _TcpServer(at)
        server.desk, server.loop = self._desk, loop
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.2}, name="operator", daemon=True
        )
        self._thread.start()
        return at if at.path else Address(host=at.host, port=server.server_address[1])

    async def stop(self) -> None:
        """Stop listening; what is being answered may still be."""
        if self._server is None or self._thread is None:
            return
        server = self._server
        await asyncio.to_thread(server.shutdown)
        self._thread.join()
        server.server_close()
        self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A handler waits for the loop, and the loop for nobody: no thread is joined at the end.
    block_on_close = False
    desk: Desk
    loop: asyncio.AbstractEventLoop
    server_address: Any

    def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop; raises TimeoutError where the loop does not answer."""
        asked = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return asked.result(PATIENCE)
        except TimeoutError:
            asked.cancel()
            raise

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that went away is no event."""


class _TcpServer(_Server):
    def __init__(self, at: Address) -> None:
        if ":" in at.host:
            self.address_family = socket.AF_INET6
        super().__init__((at.host, at.port), _Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's, which looks the host's name up.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]


class _UnixServer(_Server):
    address_family = socket.AF_UNIX

    def __init__(self, path: str) -> None:
        remove_dead_socket(Path(path))
        super().__init__(path, _Handler)  # type: ignore[arg-type]  # an address of its family

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)
        Path(self.server_address).chmod(0o600)
        self.server_name, self.server_port = "localhost", 0

    def server_close(self) -> None:
        super().server_close()
        Path(self.server_address).unlink(missing_ok=True)

    def get_request(self) -> tuple[Any, Any]:
        """Give the peer the shape of an address, which handlers expect."""
        request, _ = super().get_request()
        return request, ("", 0)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE
    server_version = "gatewright"
    sys_version = ""

    def do_GET(self) -> None:
        desk, path = self.server.desk, self.path.partition("?")[0]
        try:
            if path in {"/healthz", "/readyz"}:
                reason = self.server.ask(desk.not_ready())
                well = path == "/healthz" or not reason
                self._text(200 if well else 503, "ok" if well else reason)
            elif not self._named_by_address():
                self._refuse(403, "the Host header must be an IP address or localhost")
            elif path == "/metrics":
                self._answer(200, *self.server.ask(desk.metrics(self.headers.get("accept", ""))))
            elif path == "/status":
                self._json(200, self.server.ask(desk.status()))
            elif path == "/rollout":
                self._json(200, self.server.ask(desk.rollout()))
            else:
                self._refuse(404, "there are /healthz, /readyz, /metrics, /status and /rollout")
        except TimeoutError:
            self._text(503, "the control plane does not answer")

    do_HEAD = do_GET  # noqa: N815 - the base class's word

    def do_POST(self) -> None:
        parts = self.path.strip("/").split("/")
        if not self._may_command():
            return
        desk = self.server.desk
        try:
            match parts:
                case ["rollout", group, verb]:
                    done = desk.command(group, verb, force=self._body().get("force") is True)
                case ["keys", "revoke" | "restore" as verb]:
                    done = desk.revoke(self._key_id(), undo=verb == "restore")
                case _:
                    known = "/rollout/GROUP/COMMAND, /keys/revoke and /keys/restore"
                    self._refuse(404, f"commands go to {known}")
                    return
            self._json(200, self.server.ask(done))
        except RefusedCommandError as error:
            self._refuse(error.status, str(error))
        except ValueError:
            self._refuse(400, "the body must be empty or a JSON object")
        except TimeoutError:
            self._text(503, "the control plane does not answer")

    def _may_command(self) -> bool:
        peer = self.client_address[0]
        if not is_local(peer):
            self._refuse(403, "commands are taken from this machine only")
        elif not self._named_by_address():
            self._refuse(403, "the Host header must be an IP address or localhost")
        elif HEADER not in self.headers:
            self._refuse(403, f"a command needs the header {HEADER}")
        else:
            return True
        return False

    def _named_by_address(self) -> bool:
        """Tell whether it was not reached by a name, which may be anybody's that points here."""
        peer = self.client_address[0]
        if not peer or not is_local(peer):
            return True  # no browser speaks to a Unix socket; elsewhere names are how one scrapes
        host = self.headers.get("host", "")
        host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        return host in {"", "localhost"} or _is_address(host)

    def _body(self) -> Mapping[str, Any]:
        length = int(self.headers.get("content-length") or 0)
        if not 0 <= length <= _BODY_LIMIT:
            raise ValueError(length)
        found = json.loads(self.rfile.read(length) or b"{}")
        if not isinstance(found, dict):
            raise ValueError(type(found))  # noqa: TRY004 - of the client's, as bad JSON is
        return found

    def _key_id(self) -> str:
        """Give the id of a key that a command is for; whatever else came is not quoted."""
        key_id = self._body().get("id")
        if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
            raise RefusedCommandError("`id` must be TENANT/KEY or TENANT/TEAM/KEY", 400)
        return key_id

    def _json(self, status: int, data: Mapping[str, Any]) -> None:
        self._answer(status, json.dumps(data, indent=2).encode() + b"\n", _JSON)

    def _text(self, status: int, text: str) -> None:
        self._answer(status, text.encode() + b"\n", "text/plain; charset=utf-8")

    def _refuse(self, status: int, text: str) -> None:
        self._json(status, {"error": text})

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.send_header("x-content-type-options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: a scrape every few seconds is no event."""


def remove_dead_socket(path: Path) -> None:
    """Remove a unix socket that a killed process left; a live one stays, and binding then fails."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_local(host: str) -> bool:
    """Tell whether a client's address is of this machine; that of a Unix socket is empty."""
    return not host or (_is_address(host) and ip_address(host).is_loopback)
