"""A control plane, one Envoy with its edge and the simulated providers, for many drawn policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from simulator.config import Config, Provider
from simulator.recorder import Recorded
from simulator.running import Simulator, start_in_thread
from tests.e2e.edges import FLUSH, Beside, _answers
from tests.e2e.envoy_process import running, until
from tests.e2e.serve_process import bootstrap, serving
from xds.edge.paths import worker_socket


@dataclass(slots=True, eq=False)
class Providers:
    """Simulated providers, and what came to each, in order."""

    simulator: Simulator
    came: dict[str, list[Recorded]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        exchange: Any = self.simulator._exchange
        opened = exchange.open

        def note(*about: Any) -> Any:
            record = opened(*about)
            if record is not None:
                self.came.setdefault(record.provider, []).append(record)
            return record

        exchange.open = note

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.simulator.port}"


@contextmanager
def providers(apis: Mapping[str, str]) -> Iterator[Providers]:
    """Run providers with these names and APIs."""
    made = tuple(Provider(name, api) for name, api in apis.items())
    with start_in_thread(Config(providers=made, record=100_000)) as simulator:
        yield Providers(simulator)


@contextmanager
def whole_gateway(
    folder: Path, policy: str, beside: Mapping[str, str], environment: Mapping[str, str]
) -> Iterator[Beside]:
    """Run a policy with its edge; ``beside`` are other files of the folder, by name."""
    with ExitStack() as stack:
        (folder / "policy").mkdir()
        for name, text in {"gateway.yaml": policy, **beside}.items():
            (folder / "policy" / name).write_text(text)
        serve = stack.enter_context(
            serving(folder / "policy", "--state", folder / "plane", environment=environment)
        )
        serve.next("published")
        own = folder / "edge-0"
        (own / "edge").mkdir(parents=True)
        (own / "edge").chmod(0o700)
        node = ("--ads", serve.address, "--node-id", "edge-0", "--cluster", "test")
        envoy = stack.enter_context(
            running(
                bootstrap(*node),
                arguments=FLUSH,
                folder=own,
                log_level="warning",
                wait_ready=False,
            )
        )
        one = Beside(envoy, "", own, (*node, "--folder", "edge", "--state", "state"), environment)
        stack.callback(one.stop)
        until(envoy.ready, "Envoy is not ready", envoy)
        socket = own / "edge" / worker_socket(0)
        until(partial(_answers, socket), "the edge does not serve", deadline=60)
        yield one
