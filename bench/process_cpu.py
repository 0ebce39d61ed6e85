"""What an attempt costs the edge: CPU of the handler alone, and of a server on a Unix socket.

    python -m bench.process_cpu

Alone: messages of ext_proc as bytes, in and out. An exchange is four of them: head and body (2 KB)
of a request, head and body (1 KB) of an answer. On the socket: a process with grpc.aio as the edge
has it, and 32 streams at a time; the figure is that process' CPU for each exchange. Each figure is
the best of several runs, since other processes only ever add to it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import uvloop

from bench.translate_cpu import ANSWERS, CHUNKS, chat_request
from ext_authz.process.attempt import Attempt
from ext_authz.process.processor import Processor, processor
from ext_authz.service.attempts import Attempts
from ext_authz.service.desk import Desk
from ext_authz.service.server import serve
from ext_authz.service.tally import Tally
from ext_authz.subscription.served import Served
from ext_authz.translate.clients.writer import Moment
from xds.edge.attempt import METHOD, UPSTREAM
from xds.edge.pairs import ClientApi, Provider
from xds.edge.processing import Operation, Processing, Redaction, Upstream
from xds.schema import envoy

BAR = 150.0
"""Microseconds of an exchange, handler alone."""
STREAMS = 32
_ROUNDS, _TIMES, _EXCHANGES = 7, 1_000, 4_000
_MOMENT = Moment(1_700_000_000.0, "0123456789abcdef")
_Asked = envoy.service.ext_proc.v3.ProcessingRequest
_WHOLE, _GATE = 4, 1
_ON = ("rate_limited", "overloaded", "server_error")
_CLIENT = {
    ":path": "/v1/chat/completions",
    ":method": "POST",
    ":authority": "gateway.test",
    ":scheme": "https",
    "content-type": "application/json",
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "user-agent": "OpenAI/Python 2.0",
    "x-stainless-lang": "python",
    "x-stainless-package-version": "2.0",
    "x-request-id": "00000000-0000-0000-0000-000000000000",
    "x-forwarded-proto": "https",
}
_PROVIDER = {
    ":status": "200",
    "content-type": "application/json",
    "date": "Thu, 26 Nov 2026 00:00:00 GMT",
    "request-id": "req_1",
    "server": "x",
    "anthropic-ratelimit-requests-limit": "100",
    "anthropic-ratelimit-requests-remaining": "99",
}
_MADE = Processing(
    upstreams={
        "claude": Upstream(
            name="claude",
            provider=Provider.ANTHROPIC,
            model="claude-sonnet-4-5",
            authority="api.anthropic.com",
        ),
        "gpt": Upstream(
            name="gpt", provider=Provider.OPENAI, model="gpt-4o", authority="api.openai.com"
        ),
    },
    operations={
        "plain": Operation(client=ClientApi.CHAT, route="llm", model="smart", on=_ON),
        "private": Operation(
            client=ClientApi.CHAT, route="llm", model="smart", on=_ON, redact=("all",)
        ),
    },
    redactions={"all": Redaction(detect=("pii", "secrets"))},
)


def main() -> None:
    """Print the figures beside their bars."""
    made = processor(_MADE, lambda _: None)
    body = chat_request(stream=False)
    whole = exchange("plain", body, ANSWERS["claude"])
    print(f"an exchange of four messages, request of {len(body)} bytes (bar {BAR:.0f} us)")
    for name, cluster, messages in (
        ("chat -> anthropic", "claude", whole),
        ("chat -> openai, as it is", "gpt", exchange("plain", body, ANSWERS["gpt"])),
        ("chat -> anthropic, redacted", "claude", exchange("private", body, ANSWERS["claude"])),
    ):
        print(f"  {name:28} {_best(lambda c=cluster, m=messages: _run(c, made, m)):6.1f} us")  # type: ignore[misc]
    print(f"  {'reading the messages alone':28} {_best(lambda: _read(whole)):6.1f} us")
    print(f"one chunk of a stream, translated: {_chunk(made):.1f} us")
    print(f"a gate, head and two chunks: {_gate(made):.1f} us")
    for name, messages in (("an exchange", whole), ("a gate", _gated())):
        print(f"{name} on a socket, {STREAMS} streams: {_socket(messages):.0f} us")


def _first(message: Any, route: str, mode: int) -> Any:
    message.protocol_config.response_body_mode = mode
    message.attributes["envoy.filters.http.ext_proc"].update({"xds.route_name": route})
    message.metadata_context.filter_metadata["envoy.filters.http.ext_authz"].update(
        {"tenant": "acme"}
    )
    return message


def _head(phase: str, headers: dict[str, str]) -> Any:
    message = _Asked()
    for name, value in headers.items():
        getattr(message, phase).headers.headers.add(key=name, raw_value=value.encode())
    return message


def _body(phase: str, body: bytes, *, end: bool = True) -> bytes:
    message = _Asked()
    told = getattr(message, phase)
    told.body, told.end_of_stream = body, end
    written: bytes = message.SerializeToString()
    return written


def exchange(
    route: str, body: bytes, answer: bytes, *, piece: int = 0, length: bool = False
) -> list[bytes]:
    """The messages of a whole exchange; the body in pieces, and its length told, if so said."""
    told = {**_CLIENT, "content-length": str(len(body))} if length else _CLIENT
    size = piece or max(len(body), 1)
    pieces = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    asked = [
        _first(_head("request_headers", told), route, _WHOLE).SerializeToString(),
        *[_body("request_body", one, end=False) for one in pieces[:-1]],
        _body("request_body", pieces[-1]),
    ]
    if not answer:
        return asked
    return [
        *asked,
        _head("response_headers", _PROVIDER).SerializeToString(),
        _body("response_body", answer),
    ]


def _gated() -> list[bytes]:
    role = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
    head = _head("response_headers", {**_PROVIDER, "content-type": "text/event-stream"})
    return [
        _first(head, "plain", _GATE).SerializeToString(),
        _body("response_body", role, end=False),
        _body("response_body", CHUNKS["gpt"][1], end=False),
    ]


def _run(cluster: str, made: Processor, messages: list[bytes]) -> None:
    attempt = Attempt(cluster, _MOMENT)
    for message in messages:
        attempt.take(message, made)


def _read(messages: list[bytes]) -> None:
    for message in messages:
        _Asked.FromString(message)


def _chunk(made: Processor) -> float:
    attempt = Attempt("claude", _MOMENT)
    sse = {**_PROVIDER, "content-type": "text/event-stream"}
    begin = [
        *exchange("plain", chat_request(stream=True), b""),
        _head("response_headers", sse).SerializeToString(),
        _body("response_body", CHUNKS["claude"][0], end=False),
    ]
    for message in begin:
        attempt.take(message, made)
    piece = _body("response_body", CHUNKS["claude"][1], end=False)
    return _best(lambda: attempt.take(piece, made))


def _gate(made: Processor) -> float:
    messages = _gated()
    return _best(lambda: _run("gpt", made, messages))


def _best(work: Callable[[], object]) -> float:
    """The CPU time of one call in microseconds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        start = time.process_time_ns()
        for _ in range(_TIMES):
            work()
        best = min(best, (time.process_time_ns() - start) / _TIMES / 1000)
    return best


def _socket(messages: list[bytes]) -> float:
    """CPU of a process that serves, in microseconds for each exchange."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "edge.sock"
        command = [sys.executable, "-m", "bench.process_cpu", str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as server:
            try:
                return uvloop.run(_drive(path, server.pid, messages))
            finally:
                server.terminate()


async def _drive(path: Path, pid: int, messages: list[bytes]) -> float:
    async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
        await asyncio.wait_for(channel.channel_ready(), 30)
        begin: Any = channel.stream_stream(METHOD)
        answers = 2 * len(messages) // 2

        async def one() -> None:
            call = begin(metadata=((UPSTREAM, "claude"),))
            heard = 0
            for number, message in enumerate(messages):
                await call.write(message)
                # Envoy has the answer to a request before the provider's is there.
                while len(messages) == 4 and number == 1 and heard < 2:
                    await call.read()
                    heard += 1
            while heard < answers and await call.read() is not grpc.aio.EOF:
                heard += 1
            await call.done_writing()
            await call.code()

        async def many(count: int) -> None:
            for _ in range(count):
                await one()

        async def round_of(count: int) -> None:
            await asyncio.gather(*[many(count // STREAMS) for _ in range(STREAMS)])

        await round_of(_EXCHANGES // 4)
        best = float("inf")
        for _ in range(3):
            before = _cpu(pid)
            await round_of(_EXCHANGES)
            best = min(best, (_cpu(pid) - before) / _EXCHANGES * 1e6)
        return best


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _serve(path: Path) -> None:
    tally = Tally()
    attempts = Attempts(tally)
    attempts.take(Served(processing=_MADE))

    def no_store(_rules: object) -> Any:
        raise AssertionError("nothing is counted here")

    server = await serve(Desk(no_store, tally), attempts, path)
    await server.wait_for_termination()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        uvloop.run(_serve(Path(sys.argv[1])))
    else:
        main()
