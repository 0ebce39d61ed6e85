"""A gateway that rehearses: the real Envoy with its control plane and edge, before a simulator.

Keys, and what tokens are signed with, are made for the run and thrown away with it. Everything ends
with the block.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from cli import exits

if TYPE_CHECKING:
    from compiler.plan import Plan
    from compiler.read import Sources
    from simulator.running import Simulator

SERVICES: Final = "plain_services"
"""The simulated service's name: an underscore, so that no provider of a policy can have it."""
NODE: Final = "rehearsal"
_KID: Final = "rehearsal"
_GRACE: Final = 2.0
_EDGE_LOG: Final = 1 << 20
"""Bytes of what the edge said that are shown where all does not come up."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What runs: the plan as it is rehearsed, the listeners' ports, and keys by their ids.

    ``signing`` is what tokens of every issuer are signed with.
    """

    plan: Plan
    ports: dict[str, int]
    simulator: Simulator
    log: Path
    """Envoy's access log."""
    keys: dict[str, str] = field(repr=False, default_factory=dict)
    signing: bytes = field(repr=False, default=b"")

    def token(self, issuer: str, claims: Mapping[str, Any]) -> str:
        """Make a valid token of an issuer of the policy with these claims."""
        import time

        of = next(one for one in self.plan.issuers if one.name == issuer)
        said: dict[str, Any] = {"iss": of.issuer, "exp": int(time.time()) + 3_600}
        if of.audiences:
            said["aud"] = of.audiences[0]
        return signed({**said, **claims}, self.signing)


def signed(claims: Mapping[str, Any], key: bytes) -> str:
    """Make a JWT that is signed with HS256 (RFC 7515, RFC 7518 section 3.2)."""
    head = _base64(json.dumps({"alg": "HS256", "typ": "JWT", "kid": _KID}).encode())
    text = f"{head}.{_base64(json.dumps(claims).encode())}"
    return f"{text}.{_base64(hmac.digest(key, text.encode(), 'sha256'))}"


def key_set(key: bytes) -> str:
    """Write the key as a JSON Web Key Set (RFC 7517, RFC 7518 section 6.4)."""
    one = {"kty": "oct", "alg": "HS256", "kid": _KID, "k": _base64(key)}
    return json.dumps({"keys": [one]})


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


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
        # In no folder: that of the run goes with its Envoy.
        with tempfile.TemporaryFile() as says:
            async with AsyncExitStack() as stack:
                try:
                    running = await _started(stack, folder, says, sources, plan, root, binary)
                except exits.CannotRunError:
                    # The edge may still write at the place that a seek would move.
                    said = os.pread(says.fileno(), _EDGE_LOG, 0)
                    sys.stderr.write(said.decode(errors="replace"))
                    raise
                yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _started(
    stack: AsyncExitStack,
    folder: Path,
    says: IO[bytes],
    sources: Sources,
    plan: Plan,
    root: Path,
    binary: Path,
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
            says=says,
        )
    )
    keys = {name: f"gw_{secrets.token_urlsafe(24)}" for name in key_ids(plan)}
    hashes = {name: hashlib.sha256(key.encode()).digest() for name, key in keys.items()}
    signing = secrets.token_bytes(32)
    point = simulated("127.0.0.1", simulator.port, simulator.port_of(SERVICES))

    def revise(real: Plan) -> Plan:
        return any_ports(
            edge_in(str(edge.folder))(point(rehearsed(hashes, key_set(signing))(real)))
        )

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
    return Rehearsal(compiled.plan, await envoy.ports(), simulator, log, keys, signing)


def _add_providers(simulator: Simulator, plan: Plan) -> None:
    from cli.simulated_format import simulated_format
    from simulator.config import Provider
    from simulator.formats.registry import FORMATS

    known = frozenset(one.api for one in FORMATS)
    for provider in plan.providers:
        api = simulated_format(provider.speech, known)
        simulator.add(Provider(provider.name, api))
