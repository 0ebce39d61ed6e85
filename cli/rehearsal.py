"""A gateway that rehearses: the real Envoy with its control plane and edge, before a simulator.

Keys are made for the run and thrown away with it. Everything ends with the block.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli import exits

if TYPE_CHECKING:
    from compiler.plan import Plan
    from compiler.read import Sources
    from simulator.running import Simulator

SERVICES: Final = "plain_services"
"""The simulated service's name: an underscore, so that no provider of a policy can have it."""
NODE: Final = "rehearsal"
_GRACE: Final = 2.0
_EDGE_LOG: Final = "edge.log"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What runs: the plan as it is rehearsed, the listeners' ports, and keys by their ids."""

    plan: Plan
    ports: dict[str, int]
    simulator: Simulator
    log: Path
    """Envoy's access log."""
    keys: dict[str, str] = field(repr=False, default_factory=dict)


@asynccontextmanager
async def rehearsal(
    sources: Sources, plan: Plan, root: Path, binary: Path
) -> AsyncIterator[Rehearsal]:
    """Run the gateway of ``plan`` until the block ends; ``root`` is the policy's folder.

    Raises:
        CannotRunError: Envoy does not come up, or does not take all of the policy.
    """
    from cli.run_folder import run_folder

    folder = run_folder()
    try:
        async with AsyncExitStack() as stack:
            try:
                running = await _started(stack, folder, sources, plan, root, binary)
            except exits.CannotRunError:
                sys.stderr.write((folder / _EDGE_LOG).read_text(errors="replace"))
                raise
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _started(
    stack: AsyncExitStack, folder: Path, sources: Sources, plan: Plan, root: Path, binary: Path
) -> Rehearsal:
    from cli.local_edge import local_edge
    from cli.local_envoy import START_DEADLINE, local_envoy
    from cli.publish import whole
    from compiler.pipeline import compile_sources
    from compiler.rehearsed import key_ids, rehearsed
    from compiler.simulated import KEY, any_ports, edge_in, simulated
    from simulator.config import Config, Provider
    from simulator.running import serve
    from xds.bootstrap import Address
    from xds.plane import ControlPlane
    from xds.secrets import SecretReader

    echo = Config(providers=(Provider(SERVICES, "echo", port=0),))
    simulator = await stack.enter_async_context(serve(echo))
    _add_providers(simulator, plan)
    socket = Address(path=str(folder / "ads.sock"))
    reader = SecretReader(root, {KEY: "simulated, and of no use"})
    plane = ControlPlane(str(socket), reader=reader)
    await plane.start()
    stack.push_async_callback(plane.stop, _GRACE)
    edge = await stack.enter_async_context(
        local_edge(
            folder / "edge",
            folder / "state",
            ads=socket,
            node_id=NODE,
            says=stack.enter_context((folder / _EDGE_LOG).open("wb")),
        )
    )
    keys = {name: f"gw_{secrets.token_urlsafe(24)}" for name in key_ids(plan)}
    hashes = {name: hashlib.sha256(key.encode()).digest() for name, key in keys.items()}
    point = simulated("127.0.0.1", simulator.port, simulator.port_of(SERVICES))

    def revise(real: Plan) -> Plan:
        return any_ports(edge_in(str(edge.folder))(point(rehearsed(hashes)(real))))

    compiled = await asyncio.to_thread(compile_sources, sources, revise=revise)
    if not compiled.ok:
        raise exits.CannotRunError("the policy cannot be compiled to be rehearsed")
    published = await whole(plane, compiled, "")
    if published.held:
        raise exits.CannotRunError(
            "the policy needs secrets that cannot be read here",
            hint="`gatewright up --simulate` shows which",
        )
    await edge.follow(compiled.plan)
    log = folder / "access.log"
    envoy = await stack.enter_async_context(
        local_envoy(
            binary,
            folder,
            ads=socket,
            admin=Address(host="127.0.0.1", port=0),
            node_id=NODE,
            arguments=(
                *("--log-level", "error", "--file-flush-interval-msec", "20"),
                *("--concurrency", "1"),
            ),
            access_log=stack.enter_context(log.open("wb")),
        )
    )
    try:
        async with asyncio.timeout(START_DEADLINE):
            await envoy.listening()
            await edge.serving(compiled.plan)
            if not await plane.acked(published.version):
                raise exits.CannotRunError(
                    "Envoy does not take all of the policy",
                    hint="`gatewright up --simulate --ports auto` shows why",
                )
            await envoy.live()
    except TimeoutError:
        raise exits.CannotRunError("Envoy did not come up in time") from None
    return Rehearsal(compiled.plan, await envoy.ports(), simulator, log, keys)


def _add_providers(simulator: Simulator, plan: Plan) -> None:
    from cli.simulated_format import simulated_format
    from simulator.config import Provider
    from simulator.formats.registry import FORMATS

    known = frozenset(one.api for one in FORMATS)
    for provider in plan.providers:
        api = simulated_format(provider.speech, known)
        simulator.add(Provider(provider.name, api))
