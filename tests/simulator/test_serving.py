"""Serving: in an event loop, with TLS, for many at a time, and what is left after the end."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import threading

import httpx
import pytest

from simulator.config import Config, Provider
from simulator.running import serve, start_in_thread
from tests.simulator.wire import connection, post

BODY = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
KEY = "authorization: Bearer k"
PATH = "/openai/v1/chat/completions"


def test_it_serves_in_the_event_loop_of_a_test():
    """`async with serve(...)`: listens inside, and is gone after."""

    async def run():
        async with serve(Config((Provider("openai"),))) as simulator:
            async with httpx.AsyncClient(headers={"authorization": "Bearer k"}) as client:
                answer = await client.get(simulator.url("openai") + "/models")
            return answer.status_code, simulator.port

    status, port = asyncio.run(run())
    assert status == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/")


def test_a_thousand_streams_at_a_time():
    """All of them are open at once, each gets all its tokens, and the sums are right."""

    async def read(port, barrier):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(PATH, BODY, KEY, "x-simulate: ok:tokens=5:token_delay=0.2"))
        data = await reader.readuntil(b"\r\n\r\n")
        await barrier()
        data += await reader.readuntil(b"[DONE]")
        writer.close()
        return data.count(b'"content":') - 1

    async def run(port, recorder):
        most = 0

        async def barrier():
            nonlocal most
            most = max(most, recorder())

        return await asyncio.gather(*(read(port, barrier) for _ in range(1000))), most

    with start_in_thread(Config((Provider("openai"),))) as simulator:
        open_now = lambda: sum(r.finished_at is None for r in simulator.requests)  # noqa: E731
        counts, most = asyncio.run(run(simulator.port, open_now))
        simulator.wait_idle()
        assert counts == [5] * 1000
        assert simulator.usage()["openai"]["m"].output_tokens == 5000
        assert most > 500


def test_a_slow_reader_holds_back_only_itself(simulator):
    """A client that does not read a huge answer leaves the server free for others."""
    with connection(simulator) as plug:
        plug.sendall(post(PATH, BODY, KEY, "x-simulate: huge:20000000"))
        simulator.wait_for(lambda: any(r.answered_at for r in simulator.requests))
        url = simulator.url("backup") + "/models"
        assert httpx.get(url, headers={"authorization": "Bearer k"}).status_code == 200
        assert not simulator.requests[0].finished_at
    simulator.wait_idle()
    assert simulator.requests[0].disconnected


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1, made by the openssl command."""
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=simulator -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("fault", ["ok", "cut:3"])
def test_it_serves_https(certificate, fault):
    """With a context of one's own: the same answers and the same faults inside TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    trust = ssl.create_default_context(cafile=certificate / "cert.pem")
    with start_in_thread(Config((Provider("openai"),)), tls=context) as simulator:
        url = simulator.url("openai") + "/chat/completions"
        assert url.startswith("https://")
        headers = {"authorization": "Bearer k", "x-simulate": fault}
        lines = []
        with httpx.stream("POST", url, json=BODY, headers=headers, verify=trust) as answer:
            if fault == "ok":
                lines = list(answer.iter_lines())
                assert "data: [DONE]" in lines
                assert json.loads(lines[0].removeprefix("data: "))["model"] == "m"
            else:
                with pytest.raises(httpx.TransportError):
                    lines += answer.iter_lines()


def test_nothing_is_left_after_the_end():
    """Open streams are broken off and recorded, the thread ends, the port is free again."""
    with start_in_thread(Config((Provider("openai"),))) as simulator:
        port = simulator.port
        with connection(simulator) as plug:
            plug.sendall(post(PATH, BODY, KEY, "x-simulate: stall:2"))
            simulator.wait_for(lambda: any(r.chunks_sent for r in simulator.requests))
    with start_in_thread(Config((Provider("openai"),), port=port)) as again:
        assert again.port == port
    assert [t for t in threading.enumerate() if t.name == "simulator" and not t.daemon] == []


def test_a_port_that_is_taken_raises_in_the_caller(simulator):
    """The thread's error is the test's error."""
    with pytest.raises(OSError, match="in use"), start_in_thread(Config(port=simulator.port)):
        pass
