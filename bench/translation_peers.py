"""CPU per request of OpenAI's chat in front of Anthropic's Messages: this gateway, and others.

    python -m bench.translation_peers --litellm PATH/TO/litellm --portkey PATH/TO/start-server.js

One upstream answers each request with the same bytes. Each gateway is asked in turns, over 16
connections; what counts is the user and system time of its whole process tree. The others are not
dependencies of this project: install LiteLLM (`pip install 'litellm[proxy]'`) and Portkey's gateway
(`npm install @portkey-ai/gateway`) elsewhere, and name them; what is not named is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.load import drive, post
from tests.e2e.envoy_process import until
from tests.ports import free_port

ROUNDS: Final = 5
CONNECTIONS: Final = 16
WARMUP: Final = 200
_TICKS: Final = os.sysconf("SC_CLK_TCK")

ANSWER: Final = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "It is sunny. " * 70}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 400, "output_tokens": 210},
}
_POLICY: Final = """\
gatewright: v1
name: peers
listeners: {{ local: {{ address: 127.0.0.1, port: {port} }} }}
providers:
  claude: {{ api: anthropic, key: env:BENCH_KEY, url: "http://127.0.0.1:{upstream}/v1" }}
models: {{ claude: {{ targets: [claude/claude-haiku-4-5] }} }}
routes: [{{ match: /v1, serve: llm, auth: none }}]
"""
_LITELLM: Final = """\
model_list:
  - model_name: claude
    litellm_params:
      model: anthropic/claude-haiku-4-5
      api_base: http://127.0.0.1:{upstream}
      api_key: sk-bench
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A gateway that runs; ``requests`` are those of one round."""

    name: str
    pid: int
    port: int
    request: bytes
    requests: int


def main() -> None:
    """Print what each costs, and the ratio to this gateway."""
    parser = argparse.ArgumentParser(prog="python -m bench.translation_peers", description=__doc__)
    parser.add_argument("--litellm", type=Path)
    parser.add_argument("--portkey", type=Path)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatewright-peers-")))
        upstream = stack.enter_context(_upstream())
        peers = [stack.enter_context(_gatewright(folder, upstream))]
        if options.litellm is not None:
            peers.append(stack.enter_context(_litellm(folder, upstream, options.litellm)))
        if options.portkey is not None:
            peers.append(stack.enter_context(_portkey(upstream, options.portkey)))
        for peer in peers:
            _us(peer, WARMUP)
        rounds = [[_us(peer, peer.requests) for peer in peers] for _ in range(ROUNDS)]
        ours = statistics.median(one[0] for one in rounds)
        for place, peer in enumerate(peers):
            cost = statistics.median(one[place] for one in rounds)
            print(f"{peer.name:12} {cost:9.0f} us CPU a request   x{cost / ours:.1f}")


def _body() -> bytes:
    """A request of 2 KB."""
    messages = [
        {"role": "system", "content": "You are terse."},
        {"role": "user", "content": "What is the weather like? " * 74},
    ]
    return json.dumps({"model": "claude", "max_tokens": 300, "messages": messages}).encode()


def _us(peer: Peer, requests: int) -> float:
    before = _cpu(peer.pid)
    tally = asyncio.run(drive(peer.port, peer.request, connections=CONNECTIONS, requests=requests))
    assert tally.statuses.keys() == {200}, (peer.name, tally.statuses)
    return (_cpu(peer.pid) - before) / tally.total * 1e6


def _cpu(pid: int) -> float:
    """Seconds of a process and of all below it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS + sum(map(_cpu, children))


@contextmanager
def _upstream() -> Iterator[int]:
    """Answer everything at once."""
    body = json.dumps(ANSWER).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    answer = head % len(body) + body

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked = (await reader.readuntil(b"\r\n\r\n")).lower()
                _, _, rest = asked.partition(b"content-length:")
                await reader.readexactly(int(rest.partition(b"\r\n")[0]))
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@contextmanager
def _running(
    command: Sequence[object], request: bytes, port: int, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        list(map(str, command)),
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: _answers(port, request), "it does not answer", deadline=120)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int, request: bytes) -> bool:
    try:
        tally = asyncio.run(drive(port, request, connections=1, requests=1))
    except OSError:
        return False
    return tally.statuses.keys() == {200}


@contextmanager
def _gatewright(folder: Path, upstream: int) -> Iterator[Peer]:
    port = free_port()
    policy = folder / "gateway.yaml"
    policy.write_text(_POLICY.format(port=port, upstream=upstream))
    request = post("/v1/chat/completions", _body())
    command = (sys.executable, "-m", "cli", "up", policy)
    with _running(command, request, port, BENCH_KEY="sk-bench") as process:
        yield Peer("gatewright", process.pid, port, request, 2_000)


@contextmanager
def _litellm(folder: Path, upstream: int, program: Path) -> Iterator[Peer]:
    port = free_port()
    config = folder / "litellm.yaml"
    config.write_text(_LITELLM.format(upstream=upstream))
    request = post("/v1/chat/completions", _body())
    command = (program, "--config", config, "--port", port, "--host", "127.0.0.1")
    # Newer ones do not start without a key for clients, unless they are told to.
    open_to_all = {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
    with _running(command, request, port, **open_to_all) as process:
        yield Peer("litellm", process.pid, port, request, 150)


@contextmanager
def _portkey(upstream: int, program: Path) -> Iterator[Peer]:
    port = free_port()
    told = (
        b"x-portkey-provider: anthropic\r\n"
        b"x-portkey-custom-host: http://127.0.0.1:%d/v1\r\n" % upstream
    )
    request = post("/v1/chat/completions", _body().replace(b'"claude"', b'"claude-haiku-4-5"', 1))
    request = request.replace(b"content-type:", told + b"content-type:", 1)
    with _running(("node", program, f"--port={port}", "--headless"), request, port) as process:
        yield Peer("portkey", process.pid, port, request, 1_000)


if __name__ == "__main__":
    main()
