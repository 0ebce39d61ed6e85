"""The operator's HTTP: what it answers, and whom it obeys."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import stat
import threading
from contextlib import contextmanager

import pytest

from tests.xds.hand_made import listener
from xds.bootstrap import Address
from xds.desk import ControlDesk
from xds.metrics import Metrics
from xds.operator_http import HEADER, OperatorServer, RefusedCommandError
from xds.plane import ControlPlane
from xds.snapshot import snapshot


class FakeDesk:
    def __init__(self):
        self.reason = ""
        self.commands = []

    async def not_ready(self):
        return self.reason

    async def metrics(self, accept):
        return b"a 1\n", f"text/plain; accept={accept}"

    async def status(self):
        return {"nodes": []}

    async def rollout(self):
        return {"groups": []}

    async def command(self, group, verb, *, force):
        if group != "eu":
            raise RefusedCommandError("no such group", 404)
        self.commands.append((verb, force))
        return {"name": group}

    async def revoke(self, key_id, *, undo):
        if key_id == "acme/nobody":
            raise RefusedCommandError("no such key", 404)
        self.commands.append((key_id, undo))
        return {"id": key_id, "kept": True}


@contextmanager
def served(desk, at):
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = OperatorServer(desk)

    async def start():
        return server.start(at)

    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def desk():
    return FakeDesk()


@pytest.fixture
def at(desk):
    with served(desk, Address("127.0.0.1", 0)) as bound:
        yield bound


def ask(at, method, path, headers=None, body=None):
    connection = http.client.HTTPConnection(at.host, at.port, timeout=10)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_it_is_ready_once_there_is_something_to_serve(desk, at):
    """Alive from the start, ready later; until then it says why it is not."""
    desk.reason = "no policy has been compiled yet"
    assert ask(at, "GET", "/healthz") == (200, "ok\n")
    assert ask(at, "GET", "/readyz") == (503, "no policy has been compiled yet\n")
    desk.reason = ""
    assert ask(at, "GET", "/readyz") == (200, "ok\n")


def test_pages_are_json_and_metrics_text(at):
    """What is not there is told."""
    assert json.loads(ask(at, "GET", "/status")[1]) == {"nodes": []}
    assert json.loads(ask(at, "GET", "/rollout?x=1")[1]) == {"groups": []}
    assert ask(at, "GET", "/metrics") == (200, "a 1\n")
    assert ask(at, "GET", "/other")[0] == 404


def test_a_command_is_obeyed(desk, at):
    """With the header, and with force where the body says so."""
    assert ask(at, "POST", "/rollout/eu/pause", {HEADER: "1"})[0] == 200
    body = json.dumps({"force": True})
    assert ask(at, "POST", "/rollout/eu/promote", {HEADER: "1"}, body)[0] == 200
    assert desk.commands == [("pause", False), ("promote", True)]


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/rollout/eu/pause", {}, None, 403),
        ("/rollout/eu/pause", {HEADER: "1", "host": "rebound.example.com"}, None, 403),
        ("/rollout/eu/pause", {HEADER: "1"}, "[]", 400),
        ("/rollout/eu/pause", {HEADER: "1"}, "{", 400),
        ("/rollout/eu", {HEADER: "1"}, None, 404),
        ("/rollout/other/pause", {HEADER: "1"}, None, 404),
    ],
)
def test_what_is_not_an_operators_command_is_refused(desk, at, path, headers, body, status):
    """A web page can send neither the header nor an address for a host."""
    assert ask(at, "POST", path, headers, body)[0] == status
    assert desk.commands == []


def test_a_name_that_somebody_pointed_here_reads_nothing(at):
    """A browser that was led here by a name does not get the status."""
    assert ask(at, "GET", "/status", {"host": "rebound.example.com"})[0] == 403
    assert ask(at, "GET", "/status", {"host": "localhost:1"})[0] == 200


def test_a_loop_that_hangs_is_not_healthy(desk, at, monkeypatch):
    """The process is there and does nothing: a probe is to find that out."""
    monkeypatch.setattr("xds.operator_http.PATIENCE", 0.2)

    async def hang():
        await asyncio.sleep(5)

    desk.not_ready = hang
    assert ask(at, "GET", "/healthz")[0] == 503


def test_a_unix_socket_is_the_owners_alone(desk, tmp_path):
    """Mode 0600; a dead one is replaced, and it is removed at the end."""
    path = tmp_path / "operator.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with served(desk, Address(path=str(path))):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert client.recv(1_000).startswith(b"HTTP/1.0 200")
    assert not path.exists()


def test_a_taken_address_is_an_error(desk, at):
    """Two do not share one."""
    with pytest.raises(OSError, match="in use"), served(desk, at):
        pass


def test_it_is_not_ready_any_more_once_it_drains():
    """A balancer takes a replica out while its streams are closed, not after."""

    async def scenario():
        plane = ControlPlane("127.0.0.1:0")
        await plane.start()
        await plane.publish(snapshot([listener()]))
        desk = ControlDesk(plane, Metrics(), place=lambda *_: "")
        before = await desk.not_ready()
        stopping = asyncio.create_task(plane.stop(0.1))
        await asyncio.sleep(0)
        meanwhile = await desk.not_ready()
        await stopping
        return before, meanwhile

    assert asyncio.run(scenario()) == ("", "shutting down")


def test_keys_are_revoked_and_left_to_the_policy_again(at, desk):
    """By their id in the body; under the rules of every command."""
    body = json.dumps({"id": "acme/search/ci"})
    for verb in ("revoke", "restore"):
        assert ask(at, "POST", f"/keys/{verb}", {HEADER: "1"}, body)[0] == 200
    assert desk.commands == [("acme/search/ci", False), ("acme/search/ci", True)]
    assert ask(at, "POST", "/keys/revoke", {}, body)[0] == 403
    assert ask(at, "POST", "/keys/other", {HEADER: "1"}, body)[0] == 404
    nobody = json.dumps({"id": "acme/nobody"})
    assert ask(at, "POST", "/keys/revoke", {HEADER: "1"}, nobody)[0] == 404
    assert len(desk.commands) == 2


@pytest.mark.parametrize(
    "body", ["", "{}", '{"id": 1}', '{"id": "acme"}', '{"id": "a/b/c/d"}', '{"id": "gw_secret/ ?"}']
)
def test_what_is_no_id_of_a_key_is_not_repeated(at, desk, body):
    """It may be a key itself."""
    found = ask(at, "POST", "/keys/revoke", {HEADER: "1"}, body)
    assert found[0] == 400
    assert "secret" not in str(found)
    assert desk.commands == []
