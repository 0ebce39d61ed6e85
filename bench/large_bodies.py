"""What an edge's worker holds in memory while it works at requests of the largest size.

    python -m bench.large_bodies

A process with grpc.aio as the edge has it, and N attempts at once, each with a body of 32 MiB that
is redacted and translated. The figure is the most memory that the process had at any time; what it
has when it serves and nobody asks is told first.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import grpc
import uvloop

from bench.process_cpu import exchange
from xds.edge.attempt import METHOD, UPSTREAM

AT_ONCE = (0, 1, 4, 16)
SIZE = 32 << 20
_PIECE = 1 << 16
_OPTIONS = (("grpc.max_receive_message_length", 256 << 20),)
_PROSE = "Could you look over the draft again and tell me which of the proposals reads best? "


def main() -> None:
    """Measure and print."""
    print(f"most memory of a worker in MiB, bodies of {SIZE >> 20} MiB, redacted and translated")
    for pieces in (False, True):
        print("in pieces of 64 KiB" if pieces else "each in one message")
        for count in AT_ONCE:
            most, took = _measured(count, pieces=pieces)
            print(f"  {count:2} at once: {most:6.0f}  ({took:.1f} s)")


def _body() -> bytes:
    """As large as it may be; no string larger than one may be."""
    text = (_PROSE * (1 + (6 << 20) // len(_PROSE)))[: 6 << 20] + " bob@example.com"
    messages = [{"role": "user", "content": text} for _ in range(5)]
    value = {"model": "fast", "messages": messages}
    rest = SIZE - len(json.dumps(value)) - 64
    messages.append({"role": "user", "content": text[:rest]})
    return json.dumps(value).encode()


def _measured(count: int, *, pieces: bool) -> tuple[float, float]:
    messages = exchange("private", _body(), b"", piece=_PIECE if pieces else 0, length=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "edge.sock"
        command = [sys.executable, "-m", "bench.process_cpu", str(path)]
        with subprocess.Popen(command) as server:
            try:
                started = time.monotonic()
                uvloop.run(_drive(path, messages, count))
                took = time.monotonic() - started
                return _most_memory(server.pid) / 1024, took
            finally:
                server.terminate()


async def _drive(path: Path, messages: list[bytes], count: int) -> None:
    async with grpc.aio.insecure_channel(f"unix:{path}", options=_OPTIONS) as channel:
        await asyncio.wait_for(channel.channel_ready(), 30)
        begin: Any = channel.stream_stream(METHOD)

        async def one() -> None:
            call = begin(metadata=((UPSTREAM, "claude"),))
            for message in messages:
                await call.write(message)
            head, body = await call.read(), await call.read()
            assert grpc.aio.EOF not in (head, body), await call.code()
            assert len(body) > SIZE - (1 << 20)
            del head, body
            call.cancel()

        await asyncio.gather(*[one() for _ in range(count)])


def _most_memory(pid: int) -> int:
    """In KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


if __name__ == "__main__":
    main()
