"""`gatewright edge`: the Python services beside an Envoy, for policies that need them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli import exits
from cli.node_options import add_node

if TYPE_CHECKING:
    from ext_authz.service.options import Options

NAME: Final = "edge"
_LOCK: Final = "edge.lock"

_EPILOG: Final = """\
examples:
  gatewright edge --ads 127.0.0.1:18000 --node-id edge-1
  gatewright edge --ads control.internal:18000 --node-id "$(hostname)" --folder /run/gatewright \\
      --state /var/lib/gatewright --tls-ca ca.pem --tls-certificate edge.pem --tls-key edge.key

It looks keys up, counts, and writes the ledger for the Envoy that meets it in --folder: the folder
that the policy names as `edge.folder`. Say of the node what its bootstrap says, so that both get
what their group gets. Start Envoy with `--file-flush-interval-msec 20`.

What was served last is kept in --state, and answered by while no control plane can be reached.
Processes that die are started again; all of them end with this one, also when it is killed.

exit codes: 0 stopped; 2 wrong options; 3 the folders cannot be used
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `edge` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="run the services beside an Envoy: keys, limits, budgets, the ledger",
        description="Run the Python services beside an Envoy, which follow a control plane.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_node(parser)
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("/run/gatewright"),
        metavar="FOLDER",
        help="where it meets its Envoy: the policy's `edge.folder` (default: /run/gatewright)",
    )
    parser.add_argument(
        "--state",
        type=Path,
        default=Path("/var/lib/gatewright"),
        metavar="FOLDER",
        help="what outlives a restart: rules, counters, the ledger (default: /var/lib/gatewright)",
    )
    parser.add_argument(
        "--workers",
        type=_count,
        default=0,
        metavar="N",
        help="processes that answer Envoy (default: the policy's `edge.workers`, which Envoy asks)",
    )
    parser.add_argument(
        "--metrics",
        type=_count,
        default=0,
        metavar="PORT",
        help="tell metrics on 127.0.0.1: worker 0 at this port, the others at the next ones",
    )
    parser.add_argument(
        "--until-eof",
        action="store_true",
        help="end when stdin does, as a supervisor may want it",
    )


def run(args: argparse.Namespace) -> int:
    """Run until a signal comes."""
    import asyncio

    options = _options(args)
    with ExitStack() as held:
        for folder in dict.fromkeys((args.folder.absolute(), args.state.absolute())):
            held.enter_context(_alone(folder))
        asyncio.run(_run(options, until_eof=args.until_eof))
    return exits.OK


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder for ourselves: two edges would take each other's sockets and lines away."""
    import fcntl

    hint = "name other folders with --folder and --state"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("ab")
    except OSError as error:
        raise exits.CannotRunError(f"{folder}: {error.strerror}", hint=hint) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise exits.CannotRunError(f"{folder}: another edge runs here", hint=hint) from None
        except OSError as error:
            raise exits.CannotRunError(f"{folder}: {error.strerror}", hint=hint) from None
        yield


async def _run(options: Options, *, until_eof: bool) -> None:
    import asyncio
    import signal
    import sys

    from ext_authz.service.lifeline import follow_stdin
    from ext_authz.service.logs import log_to_stderr
    from ext_authz.service.supervisor import Supervisor

    log_to_stderr("edge")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for caught in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(caught, stop.set)

    def end() -> None:
        loop.call_soon_threadsafe(stop.set)

    if until_eof:
        follow_stdin(end)

    def tell(text: str) -> None:
        print(f"edge: {text}", file=sys.stderr, flush=True)

    await Supervisor(options, stop, tell).run()


def _options(args: argparse.Namespace) -> Options:
    from cli.node_options import client_tls, planes_of
    from ext_authz.service.options import Options
    from ext_authz.subscription.follow import verified_names

    planes = planes_of(args)
    tls = client_tls(args, planes)
    if tls and not all(verified_names(plane, tls) for plane in planes):
        args.wrong("--tls-verify: an edge verifies DNS names and IP addresses, and no URI")
    return Options(
        planes=tuple(str(plane) for plane in planes),
        node_id=args.node_id,
        cluster=args.cluster,
        region=args.region,
        zone=args.zone,
        metadata=tuple(args.metadata),
        folder=str(args.folder),
        state=str(args.state),
        workers=args.workers,
        metrics=args.metrics,
        tls_ca=str(tls.ca) if tls else "",
        tls_certificate=str(tls.certificate) if tls and tls.certificate else "",
        tls_key=str(tls.key) if tls and tls.key else "",
        tls_sni=tls.sni if tls else "",
        tls_verify=tls.verify if tls else (),
    )


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 65000")
    return int(text)
