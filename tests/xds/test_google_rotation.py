"""A control plane renews tokens by itself, and whoever subscribed has the new one."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from policies.secret import SecretKind, SecretRef
from tests.canaries import Canaries
from tests.e2e.envoy_process import until
from tests.xds.google_server import token_server
from tests.xds.hand_made import cluster, listener, routes
from tests.xds.test_server import read, request, stream
from xds.order import CLUSTER, SECRET
from xds.plane import ControlPlane
from xds.schema import envoy
from xds.secrets import SecretReader
from xds.snapshot import snapshot

ACCOUNT = SecretRef(SecretKind.GOOGLE_TOKEN, ("file:account.json",))
TOKEN = "ya29.canary-token-"
tls_v3 = envoy.extensions.transport_sockets.tls.v3


@pytest.fixture
def server(tmp_path):
    with token_server(lasts=2) as server:  # renewed after three quarters of it
        (tmp_path / "account.json").write_text(server.key_file)
        yield server


def rotating(tmp_path, work, state=None):
    """Run some work with a plane that serves the account's token."""

    async def run():
        plane = ControlPlane("127.0.0.1:0", reader=SecretReader(tmp_path, {}), state=state)
        await plane.start()
        try:
            assert (await plane.publish(snapshot((listener(), routes())), (ACCOUNT,))).held == set()
            async with asyncio.timeout(20):
                await work(plane)
        finally:
            await plane.stop(0)

    asyncio.run(run())


async def secret(call):
    """The next value of the secret on a stream, which is acknowledged."""
    response = await read(call)
    [packed] = response.resources
    made = tls_v3.Secret()
    assert packed.Unpack(made)
    await call.write(
        request(
            SECRET, ACCOUNT.name, node="", version_info=response.version_info,
            response_nonce=response.nonce,
        )
    )  # fmt: skip
    return made.generic_secret.secret.inline_bytes.decode()


def test_a_stream_is_given_each_new_token(server, tmp_path, caplog):
    """Nobody reads files or publishes; and neither key nor token is on the disk or in the log."""
    state = tmp_path / "state"

    async def work(plane):
        async with stream(plane) as call:
            await call.write(request(SECRET, ACCOUNT.name))
            seen = {await secret(call) for _ in range(2)}
            assert len(seen) == 2
            assert all(one.startswith(TOKEN) for one in seen)
        assert plane.tokens.renewed >= 2
        assert plane.tokens.failed == 0

    with caplog.at_level(logging.DEBUG):
        rotating(tmp_path, work, state)
    canaries = Canaries()
    canaries.plant("account", server.private.splitlines()[1])
    canaries.plant("token", TOKEN)
    assert (state / "last-good.snapshot").exists()
    assert canaries.leaks({"log": caplog.text, "state": state}) == []


def test_what_goes_wrong_is_told_once_and_so_is_its_end(server, tmp_path):
    """The token in use stays; the plane's owner hears what is wrong, and that it is over."""

    async def work(plane):
        heard = plane.renewals()
        server.refuse = "invalid_grant"
        [problem] = (await anext(heard)).unresolved
        assert problem.kept
        assert "invalid_grant" in problem.reason
        server.refuse = ""
        assert (await anext(heard)).unresolved == ()
        assert plane.tokens.failed >= 1

    rotating(tmp_path, work)


def test_a_silent_token_server_holds_up_neither_publications_nor_the_end(server, tmp_path):
    """The thread that asks is left alone with it."""
    ended = []

    async def work(plane):
        server.speaks.clear()
        before = server.asked
        await asyncio.to_thread(until, lambda: server.asked > before, "no token is asked for")
        started = time.monotonic()
        await plane.publish(snapshot((listener(), routes(body="new"))), (ACCOUNT,))
        assert time.monotonic() - started < 5
        ended.append(time.monotonic())

    rotating(tmp_path, work)
    assert time.monotonic() - ended[0] < 5
    assert not server.speaks.is_set()


def test_a_start_while_no_token_is_given_takes_nothing_from_envoys(server, tmp_path):
    """What was served before stays, and the token that Envoys have is not said to be gone."""
    state = tmp_path / "state"
    vertex = ACCOUNT.name  # a resource that mentions a secret is one that needs it
    wanted = snapshot((listener(), routes(), cluster(vertex)))

    async def started(*, publishes):
        plane = ControlPlane("127.0.0.1:0", reader=SecretReader(tmp_path, {}), state=state)
        await plane.start()
        try:
            if publishes:
                return await plane.publish(wanted, (ACCOUNT,))
            async with stream(plane) as call:
                await call.write(request(CLUSTER, version_info="before"))
                assert len((await read(call)).resources) == 1
            return await plane.publish(wanted, (ACCOUNT,))
        finally:
            await plane.stop(0)

    assert asyncio.run(started(publishes=True)).held == set()
    server.refuse = "invalid_grant"
    assert asyncio.run(started(publishes=False)).held == {(CLUSTER, vertex)}
