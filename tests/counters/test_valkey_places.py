"""Where a store may be: behind TLS, on a Unix socket, on some node of a cluster."""

from __future__ import annotations

import asyncio
import ssl
import time

import pytest
import redis
import uvloop

from ext_authz.counters.counters import CountersAwayError
from ext_authz.counters.embedded import EmbeddedCounters
from ext_authz.counters.opening import open_counters
from ext_authz.counters.valkey import ValkeyCounters
from tests.counters.charges import charge, limit
from tests.counters.valkeys import url_of, valkey
from tests.e2e.authority import Authority
from tests.ports import free_port
from xds.edge.rules import CounterStore

TEN = limit(amount=10)
CLUSTER = {"cluster-enabled": "yes", "cluster-announce-ip": "127.0.0.1"}


async def admitted(counters) -> bool:
    return (await counters.reserve("r", [charge(TEN)], 1000)).admitted


async def tls_before(server_port, certificate, key, client_ca=None):
    """Take TLS connections and pass what is in them to a server that has none."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_ca)
    context.load_cert_chain(certificate, key)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED

    async def copy(reader, writer):
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def serve(reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", server_port)
        await asyncio.gather(
            copy(reader, inner_writer), copy(inner_reader, writer), return_exceptions=True
        )

    port = free_port()
    return await asyncio.start_server(serve, "127.0.0.1", port, ssl=context), port


def test_a_server_behind_tls(store_url, tmp_path):
    """`rediss` verifies the server's name and shows a certificate; a stranger's is refused."""
    ours, strangers = Authority(), Authority()
    (tmp_path / "ca.pem").write_bytes(ours.pem)
    (tmp_path / "stranger.pem").write_bytes(strangers.pem)
    ours.write(tmp_path, "server", "127.0.0.1")
    ours.write(tmp_path, "client", "edge.example")

    async def scenario():
        files = (tmp_path / "server.pem", tmp_path / "server.key", tmp_path / "ca.pem")
        proxy, port = await tls_before(int(store_url.split(":")[2].split("/")[0]), *files)
        mine = f"ssl_certfile={tmp_path}/client.pem&ssl_keyfile={tmp_path}/client.key"
        url = f"rediss://127.0.0.1:{port}/0?{mine}&ssl_ca_certs={tmp_path}"
        good = ValkeyCounters(f"{url}/ca.pem", "tls", 5000)
        assert await admitted(good)
        await good.close()
        bad = ValkeyCounters(f"{url}/stranger.pem", "tls", 5000)
        with pytest.raises(CountersAwayError, match="CERTIFICATE_VERIFY_FAILED"):
            await admitted(bad)
        await bad.close()
        proxy.close()

    asyncio.run(scenario())


def test_the_event_loop_of_service(store_url):
    """Workers run on uvloop, whose transports are its own."""

    async def scenario():
        counters = ValkeyCounters(store_url, "uvloop", 5000)
        assert await admitted(counters)
        await counters.close()

    uvloop.run(scenario())


def test_a_unix_socket(tmp_path):
    """`unix://` is a server on the same machine."""

    async def scenario():
        path = tmp_path / "valkey.sock"
        with valkey(unix_socket_path=path):
            counters = ValkeyCounters(f"unix://{path}?db=1", "edge", 5000)
            assert await admitted(counters)
            await counters.close()

    asyncio.run(scenario())


def test_a_cluster_is_followed_to_the_node_that_has_the_gateway(tmp_path):
    """Whichever node the URL names, the gateway's counters are on one, and are found there."""

    async def scenario():
        with (
            valkey(**CLUSTER) as one,
            valkey(**CLUSTER) as two,
        ):
            form_cluster(one, two)
            for gateway in ("edge", "other", "third", "fourth"):
                through = [ValkeyCounters(url_of(node), gateway, 5000) for node in (one, two)]
                first = [await store.reserve("r", [charge(TEN, 6)], 1000) for store in through[:1]]
                assert first[0].admitted
                second = await through[1].reserve("s", [charge(TEN, 6)], 1000)
                assert not second.admitted
                for store in through:
                    await store.close()

    asyncio.run(scenario())


def form_cluster(*nodes):
    clients = [redis.Redis.from_url(url_of(node)) for node in nodes]
    share = 16_384 // len(nodes)
    for number, client in enumerate(clients):
        client.execute_command("CLUSTER ADDSLOTSRANGE", number * share, (number + 1) * share - 1)
        client.execute_command("CLUSTER MEET", "127.0.0.1", nodes[0].port)
    deadline = time.monotonic() + 30
    for client in clients:
        while client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        client.close()


def test_the_rules_say_which_store(store_url, tmp_path):
    """Embedded is a file in the edge's folder; a URL stands in the rules or in a secret."""

    async def scenario():
        embedded = open_counters(CounterStore(), "edge", tmp_path)
        assert isinstance(embedded, EmbeddedCounters)
        assert await admitted(embedded)
        assert (tmp_path / "counters.db").exists()
        await embedded.close()
        named = CounterStore(embedded=False, url=store_url, timeout_ms=5000)
        secret = CounterStore(embedded=False, secret="counters", timeout_ms=5000)
        for store, url in ((named, ""), (secret, f"{store_url}\n")):
            counters = open_counters(store, "opened", tmp_path, url)
            assert await admitted(counters)
            await counters.close()

    asyncio.run(scenario())
