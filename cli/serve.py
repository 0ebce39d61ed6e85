"""`gatewright serve`: the control plane of a policy, for Envoys that run elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from cli import exits
from cli.listen import add_listen, misplaced
from cli.operating import add_operator, exposed
from cli.policy import add_path, existing
from cli.sources.options import add_options, misuse

NAME: Final = "serve"

_EPILOG: Final = """\
examples:
  gatewright serve gateway.yaml
  gatewright serve policies/ --listen 0.0.0.0:18000 --state /var/lib/gatewright \\
      --tls-certificate tls.pem --tls-key tls.key --client-ca clients.pem
  gatewright serve --listen unix:/run/gatewright/ads.sock
  gatewright serve gateway.yaml --operator 127.0.0.1:18001; gatewright status
  gatewright serve --git https://git.example.com/edge.git --ref main --path policies --every 30s
  gatewright serve --git git@git.example.com:edge.git --ref v1.2 --verify-signatures allowed_signers
  gatewright bootstrap --ads 127.0.0.1:18000 --node-id edge-1 > envoy.yaml; envoy -c envoy.yaml

A change of the files is compiled and sent at once; while it is wrong, the last good policy is
served on. With --state that one outlives a restart, even where the policy is wrong or missing
then. Secrets are never stored; files that hold them are read again when they change.

With --git the commits of a repository are followed in the same way: asked for every 30 s and on
SIGHUP, and named in every event. While the repository is away, or a commit is wrong or not signed
as it must be, what was served before is served on; nothing of a repository is ever executed.

Where others can connect, clients show a certificate: a group of the policy says by `identity` which
of them may be in it, and a group that does not is given no secrets. Certificates and CAs are read
again when they change, without a restart; a pair that does not fit keeps the old one.

What an Envoy refuses is shown at the line of the policy that made it, and not sent again until it
changes. SIGHUP reads everything again and sends the refused once more; SIGTERM and Ctrl-C close
the streams and stop.

exit codes: 0 stopped by SIGTERM or Ctrl-C; 1 the policy has errors and there is no stored one
(with --git: it waits for a commit that is right); 2 wrong options; 3 the address cannot be had,
there is no policy, or no `git`
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `serve` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="serve a policy to Envoys over ADS, and follow its changes",
        description="Compile a policy and serve it over ADS (delta and state of the world) to "
        "every Envoy that connects; follow the files' changes.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_path(parser)
    add_options(parser)
    add_listen(parser)
    add_operator(parser)
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FOLDER",
        help="keep the last good snapshot here, and serve it at once after a restart",
    )
    parser.add_argument("--json", action="store_true", help="tell events as JSON lines on stdout")


def run(args: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    import asyncio
    import sys

    from xds.store import Store

    if wrong := misuse(args) or misplaced(args) or exposed(args):
        print(f"gatewright serve: error: {wrong}", file=sys.stderr)
        return exits.USAGE
    stored = args.state is not None and Store(args.state).path.exists()
    if args.git is None and not stored:
        existing(args.path or Path())
    return asyncio.run(_serve(args))


async def _serve(args: argparse.Namespace) -> int:
    import logging
    import os

    from cli import listen
    from cli.attend import attend, signals, unless_stopped
    from cli.expiries import compile_today
    from cli.narrate import Narrator, StreamLog
    from cli.operating import Operating
    from cli.reload import Reloaded, Reloader
    from cli.sources.options import opened, secret_reader
    from xds.plane import ControlPlane

    narrator = Narrator(as_json=args.json)
    log = logging.getLogger("gatewright.xds")
    handler = StreamLog(narrator)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    who = listen.access(args, narrator)
    plane = ControlPlane(
        args.listen,
        reader=secret_reader(args, os.environ),
        state=args.state,
        **who.options(),
    )
    operating = Operating(plane, who.trust, args.operator_identity)

    def tell(reloaded: Reloaded) -> None:
        narrator.reloaded(reloaded)
        operating.reloaded(reloaded, reloader)
        if reloaded.published is not None:
            for text in listen.without_secrets(reloaded.compiled.fleet, who.trust):
                narrator.note("no-secrets", f"warning: {text}", reason=text)

    async with (
        signals() as caught,
        opened(args, tell=narrator.note, last=lambda: plane.revision) as source,
    ):
        reloader = Reloader(source, plane, compiler=compile_today, tell=tell)
        restored = await plane.start()
        try:
            operators = operating.start(args.operator)
            narrator.listening(plane.address, restored, plane.revision)
            if operators is not None:
                narrator.note("operator", f"operators ask {operators}", address=str(operators))
            first = await unless_stopped(caught, reloader.load())
            wrong = first is not None and first.published is None
            # A repository gets better by itself: a commit that is right will come.
            if wrong and restored is None and args.git is None:
                return exits.POLICY
            await attend(caught, reloader, plane, narrator)
        finally:
            operating.leave()
            await plane.stop(args.drain)
            await operating.stop()
            log.removeHandler(handler)
    return exits.OK
