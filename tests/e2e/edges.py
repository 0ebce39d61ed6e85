"""Runs a whole gateway with accounts for a test: control plane, Envoys with their edges, providers.

Each Envoy has an edge beside it, in a folder that is the working directory of both, as each would
have a container of its own. What edges share (Valkey, PostgreSQL) is named in the policy's text.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc

from simulator.config import Config, Provider
from simulator.running import Simulator, start_in_thread
from tests.e2e.envoy_process import EnvoyProcess, running, until
from tests.e2e.serve_process import ServeProcess, bootstrap, serving
from tests.ports import free_port
from xds.edge.paths import worker_socket
from xds.edge.rules import Rules

REPOSITORY = Path(__file__).parents[2]
DEADLINE = 30.0
FLUSH = ("--file-flush-interval-msec", "20")


def key_of(name: str) -> str:
    """A key as clients send it, the same in every run."""
    return "gw_" + sha256(f"canary of {name}".encode()).hexdigest()[:32]


def digest_of(name: str) -> str:
    """What the policy says of that key."""
    return sha256(key_of(name).encode()).hexdigest()


@dataclass(slots=True, eq=False)
class Beside:
    """An Envoy and the edge beside it."""

    envoy: EnvoyProcess
    listener: str
    folder: Path
    arguments: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def url(self) -> str:
        return self.envoy.url(self.listener)

    def start(self) -> None:
        """Run the edge; what it says is kept in `edge.out`."""
        with (self.folder / "edge.out").open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli", "edge", *self.arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "PYTHONPATH": str(REPOSITORY),
                    **self.environment,
                },
            )

    @property
    def said(self) -> str:
        return (self.folder / "edge.out").read_text(errors="replace")

    def children(self) -> list[int]:
        """The pids of the edge's own processes, workers and ledger."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in found.split()]

    def kill(self) -> None:
        """End the edge with -9, and all of its processes with it."""
        pids = self.children()
        self.process.kill()
        self.process.wait(DEADLINE)
        until(lambda: not any(map(_alive, pids)), f"processes {pids} outlive their edge")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(DEADLINE)
        finally:
            self.process.kill()
            self.process.wait()


@dataclass(slots=True, eq=False)
class Gateway:
    """A control plane, the Envoys with their edges, and the simulated providers."""

    serve: ServeProcess
    edges: list[Beside]
    simulator: Simulator
    policy: Path

    def urls(self) -> list[str]:
        return [edge.url() for edge in self.edges]

    def outputs(self) -> dict[str, str]:
        """All that any of it has written, by where."""
        texts = {"serve": "".join(self.serve.said)}
        for number, edge in enumerate(self.edges):
            texts[f"envoy {number}"] = edge.envoy.log
            for file in edge.folder.rglob("*"):
                if file.is_file() and not file.name.endswith(".sock"):
                    texts[f"edge {number}: {file.relative_to(edge.folder)}"] = (
                        file.read_bytes().decode("latin-1")
                    )
        return texts


@contextmanager
def gateway(
    folder: Path,
    policy: str,
    *,
    edges: int = 2,
    providers: Sequence[Provider] = (Provider("openai", "openai"), Provider("claude", "anthropic")),
    environment: Mapping[str, str] | None = None,
    log_level: str = "warning",
    serve_with: Sequence[object] = (),
    listener: str = "",
) -> Iterator[Gateway]:
    """Run the policy until the block ends.

    In its text `{simulator}` is where the providers are, `http://127.0.0.1:N`. Each Envoy gets a
    listener of its own, else they would share one port; ``listener`` is what else is
    written of each. The edges' folder has to be `edge`, the providers' key `env:PROVIDER_KEY`.
    """
    environment = {"PROVIDER_KEY": "sk-canary-provider", **(environment or {})}
    with ExitStack() as stack:
        simulator = stack.enter_context(
            start_in_thread(Config(providers=tuple(providers), record=50_000))
        )
        path = folder / "gateway.yaml"
        text = policy.replace("{simulator}", f"http://127.0.0.1:{simulator.port}")
        path.write_text(text + _listeners(edges, listener))
        serve = stack.enter_context(
            serving(path, "--state", folder / "plane-state", *serve_with, environment=environment)
        )
        serve.next("published")
        beside = []
        for number in range(edges):
            own = folder / f"edge-{number}"
            (own / "edge").mkdir(parents=True)
            (own / "edge").chmod(0o700)
            node = ("--ads", serve.address, "--node-id", f"edge-{number}", "--cluster", "test")
            envoy = stack.enter_context(
                running(
                    bootstrap(*node),
                    arguments=FLUSH,
                    folder=own,
                    log_level=log_level,
                    wait_ready=False,
                )
            )
            arguments = (*node, "--folder", "edge", "--state", "state")
            one = Beside(envoy, f"public-{number}", own, arguments, environment)
            stack.callback(one.stop)
            beside.append(one)
        for one in beside:
            until(one.envoy.ready, "Envoy is not ready", one.envoy)
            # All of them, and answering: while processes start, two cores have little left.
            for number in range(_workers(policy)):
                socket = one.folder / "edge" / worker_socket(number)
                until(partial(_answers, socket), "the edge does not serve", deadline=60)
        yield Gateway(serve, beside, simulator, path)


def _workers(policy: str) -> int:
    written = re.search(r"workers: (\d+)", policy)
    return int(written[1]) if written else Rules(gateway="").workers


def _answers(socket: Path) -> bool:
    """Whether a worker says within a moment that it serves."""
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        check: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            said = check(b"", timeout=0.5)
        except grpc.RpcError:
            return False
    return bool(said == b"\x08\x01")


def _listeners(edges: int, listener: str) -> str:
    more = f", {listener}" if listener else ""
    listeners = "listeners:\n"
    groups = "groups:\n"
    for number in range(edges):
        listeners += f"  public-{number}: {{ address: 127.0.0.1, port: {free_port()}{more} }}\n"
        groups += f"  g{number}: {{ nodes: {{ id: edge-{number} }}, listeners: public-{number} }}\n"
    return listeners + groups


def usage_rows(edge: Beside) -> list[dict[str, Any]]:
    """The rows of an edge's own ledger, as `gatewright usage` gives them."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "cli", "usage", "--rows", "--format", "json"),
            *("--ledger", f"sqlite:{edge.folder / 'state' / 'ledger.sqlite'}"),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] != "Z"
