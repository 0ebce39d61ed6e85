"""What stands between admission and the sockets: waiting for rules, counters that come and go."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from pathlib import Path

import grpc
import msgspec
import pytest

from ext_authz.counters.counters import CountersAwayError, Standing, Verdict
from ext_authz.service.arrivals import PATIENCE
from ext_authz.service.attempts import Attempts
from ext_authz.service.desk import Desk, NotServedError
from ext_authz.service.handed import hand_secrets
from ext_authz.service.server import CHECK, serve
from ext_authz.service.tally import Tally
from ext_authz.subscription.served import Served
from tests.ext_authz.asking import NOW, auth_v3, limit, question, rules, table
from xds.edge.limit import Away, Unit
from xds.edge.resources import KEYS
from xds.edge.rules import CounterStore, Key, Route, Tenant

CI = Key(id="acme/ci", tenant="acme")


class Recorder:
    """Counters that grant everything, or are away."""

    def __init__(self, made=None):
        self.rules = made
        self.asked = []
        self.away = False
        self.closed = False

    async def reserve(self, reservation, charges, hold_ms):
        if self.away:
            raise CountersAwayError("nobody answers")
        self.asked.append((reservation, [charge.counter for charge in charges], hold_ms))
        return Verdict(True, standings=tuple(Standing(1, 1) for _ in charges))

    async def settle(self, settlements):
        raise AssertionError(settlements)

    async def close(self):
        self.closed = True


def served(made, *keys, **more):
    return Served(rules=made, keys=table(*keys), versions={KEYS: {}}, **more)


def limited(**more):
    tenant = Tenant(limits=(limit(Unit.REQUESTS, 5, **more),))
    return rules(tenants={"acme": tenant})


def desk(opened=None):
    opened = [] if opened is None else opened

    def open_store(made):
        opened.append(Recorder(made))
        return opened[-1]

    return Desk(open_store, Tally(), lambda: NOW)


def status(answer):
    read = auth_v3.CheckResponse.FromString(answer)
    passes = read.WhichOneof("http_response") == "ok_response"
    return 200 if passes else read.denied_response.status.code


def counted(tally, name, **labels):
    return tally.registry.get_sample_value(name, labels) or 0


def test_nothing_is_decided_before_anything_was_served():
    """Envoy asks another worker: this one does not know who has a key."""

    async def check():
        one = desk()
        assert not one.ready
        with pytest.raises(NotServedError):
            await one.check(question(key="acme/ci"))
        one.take(Served(rules=rules()))  # keys are on their way
        assert not one.ready
        one.take(served(rules()))
        assert one.ready

    asyncio.run(check())


def test_a_new_route_is_waited_for():
    """Envoy may have its routes before the edge has its rules."""

    async def check():
        one = desk()
        before = rules(tenants={"acme": Tenant()})
        one.take(served(before, CI))
        asking = asyncio.create_task(one.check(question("newer", "acme/ci")))
        await asyncio.sleep(0)
        one.take(served(before, CI))  # keys of others: not yet what is waited for
        await asyncio.sleep(0)
        assert not asking.done()
        routes = {**before.routes, "newer": Route(auth=("keys",))}
        one.take(served(rules(tenants={"acme": Tenant()}, routes=routes), CI))
        assert status(await asking) == 200
        began = asyncio.get_running_loop().time()
        assert status(await one.check(question("never", "acme/ci"))) == 503
        assert asyncio.get_running_loop().time() - began >= PATIENCE

    asyncio.run(check())


def test_all_limits_are_one_reservation_and_keys_alone_are_none():
    """One round trip a request, and no store where nothing is counted."""

    async def check():
        opened = []
        one = desk(opened)
        one.take(served(rules(tenants={"acme": Tenant()}), CI))
        assert status(await one.check(question(key="acme/ci", model="fast"))) == 200
        assert opened == []
        one.take(served(limited(), CI))
        assert status(await one.check(question(key="acme/ci", model="fast"))) == 200
        ((reservation, counters, _),) = opened[0].asked
        assert (reservation, counters) == ("r-1", ["tenant/acme/requests/minute"])
        await one.close()
        assert opened[0].closed

    asyncio.run(check())


@pytest.mark.parametrize(("away", "told"), [(Away.OPEN, 200), (Away.CLOSED, 503)])
def test_counters_that_are_away_are_told_in_metrics(away, told, caplog):
    """What holds is the limit's to say; the log has one line, not one for each request."""

    async def check():
        opened = []
        one = desk(opened)
        one.take(served(limited(away=away), CI))
        await one.check(question(key="acme/ci", model="fast"))
        opened[0].away = True
        for _ in range(5):
            assert status(await one.check(question(key="acme/ci", model="fast"))) == told
        assert counted(one._tally, "gatewright_edge_counters_away_total") == 5
        outcome = "uncounted" if told == 200 else "unavailable"
        assert counted(one._tally, "gatewright_edge_decisions_total", outcome=outcome) == 5

    asyncio.run(check())
    assert caplog.text.count("the counters are away: nobody answers") == 1


def test_counters_are_opened_anew_when_their_place_or_secret_changes(monkeypatch):
    """And not for any other change; those that were there stay open for those who wait."""
    monkeypatch.setattr("ext_authz.service.desk.LINGER", 0.05)

    async def check():
        opened = []
        one = desk(opened)
        remote = CounterStore(embedded=False, secret="counters")
        made = msgspec.structs.replace(limited(), counters=remote)
        asked = question(key="acme/ci", model="fast")
        for secrets in ({"counters": "redis://a"}, {"counters": "redis://a"}, {"counters": "b"}):
            one.take(served(made, CI, secrets=secrets))
            assert status(await one.check(asked)) == 200
        # Who waits for an answer of the old ones gets it: they are closed later, or in the end.
        assert [one.closed for one in opened] == [False, False]
        assert [len(one.asked) for one in opened] == [2, 1]
        await one.close()
        assert [one.closed for one in opened] == [True, True]

    asyncio.run(check())


def test_a_worker_serves_its_owner_alone_over_a_socket(tmp_path):
    """Bytes to bytes over gRPC; what is no question, and a fault, are errors of the one call."""

    async def check():
        one = desk()
        path = tmp_path / "worker-0.sock"
        path.write_text("left by another one")
        server = await serve(one, Attempts(Tally()), path)
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
        try:
            async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
                call = channel.unary_unary(CHECK)
                health = channel.unary_unary("/grpc.health.v1.Health/Check")
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await call(question(key="acme/ci"))
                assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
                assert await health(b"") == b"\x08\x02"  # NOT_SERVING
                one.take(served(rules(tenants={"acme": Tenant()}), CI))
                assert status(await call(question(key="acme/ci", model="fast"))) == 200
                assert await health(b"") == b"\x08\x01"  # SERVING
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await call(b"\xff\xff")
                assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
                assert status(await call(question(key="nobody", model="fast"))) == 401
        finally:
            await server.stop(None)

    asyncio.run(check())


def test_a_fault_tells_nothing_of_what_was_sent(tmp_path, caplog):
    """The log says what kind it was; its message may hold a client's words."""

    async def check():
        one = desk()
        one.check = fail
        path = tmp_path / "worker-0.sock"
        server = await serve(one, Attempts(Tally()), path)
        try:
            async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await channel.unary_unary(CHECK)(b"gw_canary")
                assert raised.value.code() is grpc.StatusCode.INTERNAL
                assert "canary" not in str(raised.value.details())
        finally:
            await server.stop(None)

    asyncio.run(check())
    assert "ValueError" in caplog.text
    assert "canary" not in caplog.text


async def fail(asked):
    raise ValueError(asked)


def test_secrets_go_through_a_pipe_whose_end_is_left_open():
    """Any bytes; what comes behind them is not read."""
    program = (
        "import os; from ext_authz.service.handed import read_secrets;"
        "print(ascii(read_secrets()), os.read(0, 1))"
    )
    secrets = {"a": "redis://u:p\u00e4@h/0\n", "b": b"\xff".decode("utf-8", "surrogateescape")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=hand_secrets(secrets) + b"x",
        capture_output=True,
        timeout=30,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.decode().strip() == f"{secrets!a} b'x'", done.stderr
