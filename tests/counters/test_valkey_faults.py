"""A Valkey that is killed, stalls, forgets, refuses or moves: told in time, and left by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest
import redis
import uvloop

from ext_authz.counters.counters import CountersAwayError, Settlement
from ext_authz.counters.valkey import ValkeyCounters, key_prefix
from tests.counters.charges import charge, limit
from tests.counters.valkeys import pid_of, url_of, valkey
from tests.ports import free_port
from xds.edge.limit import Period, Shape, Unit

DAILY = limit(Unit.TOKENS, 10**6, Period.DAY, Shape.CALENDAR)
TIMEOUT_MS = 100
SOON_S = 0.5
"""The timeout, and what a busy machine adds."""
BACK_S = 10


async def reserve(counters, name="r", amount=1):
    return await counters.reserve(name, [charge(DAILY, amount)], 60_000)


async def away_in(counters) -> float:
    """Reserve while the store is away; give after how many seconds that was told."""
    began = time.monotonic()
    with pytest.raises(CountersAwayError):
        await reserve(counters, "away")
    return time.monotonic() - began


async def until_back(counters, name="back"):
    """Reserve again and again until that is granted."""
    deadline = time.monotonic() + BACK_S
    while True:
        try:
            return await reserve(counters, name)
        except CountersAwayError:
            assert time.monotonic() < deadline, "the counters did not come back"
            await asyncio.sleep(0.02)


def test_a_server_that_is_killed_is_away_at_once_and_back_when_it_is():
    """After kill -9 nobody waits; when it runs again, without its script, counting goes on."""

    async def scenario():
        port = free_port()
        with valkey(port) as server:
            counters = ValkeyCounters(url_of(server), "edge", TIMEOUT_MS)
            assert (await reserve(counters)).admitted
            os.kill(pid_of(server), signal.SIGKILL)
            assert await away_in(counters) < SOON_S
            told = [await away_in(counters) for _ in range(20)]
            assert sorted(told)[10] < 0.01  # fast: nobody tries to connect on a request's time
            server.stop()
        with valkey(port):
            assert (await until_back(counters)).standings[0].remaining == 10**6 - 1
        await counters.close()

    asyncio.run(scenario())


def test_a_server_that_stalls_is_away_after_the_timeout_and_fast_from_then_on():
    """SIGSTOP: the first wait for the timeout, the next do not; after SIGCONT it counts again."""

    async def scenario():
        with valkey() as server:
            counters = ValkeyCounters(url_of(server), "edge", TIMEOUT_MS)
            assert (await reserve(counters)).admitted
            os.kill(pid_of(server), signal.SIGSTOP)
            try:
                told = await asyncio.gather(*(away_in(counters) for _ in range(50)))
                assert max(told) < SOON_S
                told = [await away_in(counters) for _ in range(20)]
                assert sorted(told)[10] < 0.01
            finally:
                os.kill(pid_of(server), signal.SIGCONT)
            assert (await until_back(counters)).admitted
            await counters.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_loop_that_is_late_does_not_make_the_server_away(store_url, run):
    """An answer that has come counts, though we were too busy to read it in time."""

    async def scenario():
        counters = ValkeyCounters(store_url, f"late {run.__module__}", TIMEOUT_MS)
        assert (await reserve(counters)).admitted
        waits = [asyncio.ensure_future(reserve(counters, f"late{at}")) for at in range(5)]
        await asyncio.sleep(0)  # they are asked
        await asyncio.sleep(0)  # and sent
        time.sleep(3 * TIMEOUT_MS / 1000)  # noqa: ASYNC251 - what an overloaded machine does
        assert all(verdict.admitted for verdict in await asyncio.gather(*waits))
        await counters.close()

    run(scenario())


def test_a_server_that_was_never_there_is_away():
    """The first reservation does not wait for longer than the timeout either."""

    async def scenario():
        port = free_port()
        counters = ValkeyCounters(f"redis://127.0.0.1:{port}/0", "edge", TIMEOUT_MS)
        assert await away_in(counters) < SOON_S
        with pytest.raises(CountersAwayError):
            await counters.settle([Settlement("r", {})])
        with valkey(port):
            assert (await until_back(counters)).admitted
        await counters.close()

    asyncio.run(scenario())


def test_a_script_that_was_flushed_is_sent_again(store_url):
    """NOSCRIPT is nobody's error."""

    async def scenario():
        counters = ValkeyCounters(store_url, "flushed", TIMEOUT_MS)
        assert (await reserve(counters)).admitted
        with redis.Redis.from_url(store_url) as client:
            client.script_flush()
        verdicts = await asyncio.gather(*(reserve(counters, f"r{at}") for at in range(20)))
        assert all(verdict.admitted for verdict in verdicts)
        await counters.close()

    asyncio.run(scenario())


def test_a_connection_that_the_server_ends_is_made_again_unseen(store_url):
    """An idle connection that was closed costs nobody a reservation."""

    async def scenario():
        counters = ValkeyCounters(store_url, "ended", 2000)
        assert (await reserve(counters)).admitted
        with redis.Redis.from_url(store_url) as client:
            client.client_kill_filter(_type="normal", skipme=True)
        cut = counters._connector.line
        deadline = time.monotonic() + BACK_S
        while not cut.is_cut:
            assert time.monotonic() < deadline
            await asyncio.sleep(0)
        assert (await reserve(counters, "next")).admitted
        await counters.close()

    asyncio.run(scenario())


def test_a_replica_is_away_until_it_is_a_primary():
    """A server that may not write does not count, and does as soon as it may."""

    async def scenario():
        with valkey() as primary, valkey() as replica:
            with redis.Redis.from_url(url_of(replica)) as client:
                counters = ValkeyCounters(url_of(replica), "edge", 2000)
                assert (await reserve(counters)).admitted
                client.replicaof("127.0.0.1", primary.port)
                with pytest.raises(CountersAwayError, match="READONLY"):
                    await reserve(counters, "two")
                assert await away_in(counters) < SOON_S
                client.replicaof("NO", "ONE")
            assert (await until_back(counters)).admitted
            await counters.close()

    asyncio.run(scenario())


def test_a_full_server_is_away_until_there_is_room():
    """With `noeviction` a server that is full refuses, and nothing is counted halfway."""

    async def scenario():
        with valkey() as server, redis.Redis.from_url(url_of(server)) as client:
            counters = ValkeyCounters(url_of(server), "edge", 2000)
            assert (await reserve(counters)).admitted
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", 1)
            with pytest.raises(CountersAwayError, match="OOM"):
                await reserve(counters, "two")
            client.config_set("maxmemory", 0)
            verdict = await until_back(counters)
            assert verdict.standings[0].remaining == 10**6 - 2
            await counters.close()

    asyncio.run(scenario())


def test_a_password_is_asked_for_and_never_shown():
    """The right one opens; of a wrong one nothing shows in any error or repr."""

    async def scenario():
        with valkey() as server, redis.Redis.from_url(url_of(server)) as client:
            client.config_set("requirepass", "the-canary")
            right = ValkeyCounters(f"redis://:the-canary@127.0.0.1:{server.port}/2", "edge", 2000)
            assert (await reserve(right)).admitted
            client.auth("the-canary")
            client.select(2)
            assert client.exists(f"{key_prefix('edge')}:r:r")
            await right.close()
            wrong = ValkeyCounters(f"redis://me:other-canary@127.0.0.1:{server.port}", "edge", 2000)
            with pytest.raises(CountersAwayError, match="WRONGPASS") as caught:
                await reserve(wrong)
            shown = f"{caught.value!r} {wrong._connector._address!r}"
            assert "canary" not in shown
            await wrong.close()

    asyncio.run(scenario())


def test_a_user_of_an_acl_needs_what_the_docs_say():
    """The rights of docs/limits.md are enough, and what is missing is told by name."""

    async def scenario():
        with valkey() as server, redis.Redis.from_url(url_of(server)) as client:
            rights = "~{gatewright:* +@read +@write +@scripting +@connection"
            client.execute_command("ACL", "SETUSER", "edge", "on", ">pw", *rights.split())
            counters = ValkeyCounters(f"redis://edge:pw@127.0.0.1:{server.port}/0", "edge", 2000)
            with pytest.raises(CountersAwayError, match="'time'"):
                await reserve(counters)
            client.execute_command("ACL", "SETUSER", "edge", "+time")
            assert (await reserve(counters)).admitted
            await counters.settle([Settlement("r", {Unit.TOKENS: 3})])
            await counters.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("url", ["http://x:canary@h/0", "redis://x:can@ry@h:port", "canary", ""])
def test_a_url_that_is_none_is_refused_without_being_repeated(url):
    """What might be a password is not told."""
    with pytest.raises(ValueError, match="not the URL") as caught:
        ValkeyCounters(url, "edge")
    assert "can" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_keys_go_by_themselves_and_share_a_slot(store_url):
    """Everything that is kept has an end, and the hash tag of its gateway."""

    async def scenario():
        counters = ValkeyCounters(store_url, "a {strange} name", 2000)
        shapes = [
            limit(),
            limit(Unit.TOKENS, 10, Period.MONTH, Shape.CALENDAR),
            limit(Unit.COST, 10, Period.DAY, Shape.BUCKET, burst=5),
            limit(Unit.CONCURRENT, 10, Period.NONE, Shape.CONCURRENT),
        ]
        await counters.reserve("r", [charge(of) for of in shapes], 1000)
        prefix = key_prefix("a {strange} name")
        assert prefix == "{gatewright:a (strange) name}"
        with redis.Redis.from_url(store_url) as client:
            keys = [key for key in client.scan_iter(f"{prefix}*") if not key.endswith(b"probe")]
            assert len(keys) == len(shapes) + 2
            assert all(client.pttl(key) > 0 for key in keys)
            assert len({client.execute_command("CLUSTER KEYSLOT", key) for key in keys}) == 1
        await counters.close()

    asyncio.run(scenario())
