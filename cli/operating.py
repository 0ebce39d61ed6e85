"""What `serve` shows operators: the options, and the parts that watch a control plane."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

from cli import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cli.reload import Reloaded, Reloader
    from compiler.source import Span
    from xds.bootstrap import Address
    from xds.identity import Trust
    from xds.plane import ControlPlane


_SHOWN: Final = 20
"""Errors of a wrong policy that the status tells; all of them were told when it was compiled."""


def add_operator(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("what operators see")
    group.add_argument(
        "--operator",
        type=address,
        metavar="ADDRESS",
        help="serve /healthz, /readyz, /metrics, /status, /rollout and /keys over HTTP here: "
        "host:port or unix:/path (default: nowhere); commands are taken from this machine only",
    )
    group.add_argument(
        "--operator-insecure",
        action="store_true",
        help="let --operator be an address that others can reach: they read the names of nodes, "
        "routes and clusters, and no secrets",
    )
    group.add_argument(
        "--operator-identity",
        action="append",
        default=[],
        metavar="GLOB",
        help="whose client certificate has such a name may ask for the nodes' status (CSDS) over "
        "gRPC, which else only this machine may; may be given several times",
    )


def exposed(args: argparse.Namespace) -> str | None:
    """Say what is wrong with the options, taken together."""
    at = args.operator
    if at is None or at.is_local or at.host == "localhost" or args.operator_insecure:
        return None
    return f"others can reach {at}: keep --operator on this machine, or say --operator-insecure"


class Operating:
    """The desk, the metrics and the gRPC services of one control plane; made before it starts."""

    def __init__(self, plane: ControlPlane, trust: Trust, identities: Sequence[str] = ()) -> None:
        import grpc
        from prometheus_client import disable_created_metrics

        from xds.csds import ClientStatus, may_see
        from xds.desk import ControlDesk
        from xds.identity import peer_of
        from xds.load import LoadWindow
        from xds.lrs import LoadReporting
        from xds.metrics import Metrics
        from xds.observers import Observers
        from xds.operator_http import OperatorServer

        self._places: Mapping[tuple[str, str], Span] = {}
        # A second series beside each counter, which nobody reads; the choice is the process's.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.metrics = Metrics()
        load = LoadWindow()
        self.desk = ControlDesk(
            plane, self.metrics, place=self._place, build=__version__, load=load
        )
        self._server = OperatorServer(self.desk)

        def allowed(context: grpc.aio.ServicerContext[Any, Any]) -> bool:
            return may_see(peer_of(context.auth_context(), context.peer(), trust), identities)

        def admit(node: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            plane.fleet.admit(node, peer_of(context.auth_context(), context.peer(), trust))

        self._reporting = LoadReporting(
            load, on_report=self.desk.reported, known=self.desk.known_clusters, admit=admit
        )
        services = (
            ClientStatus(self.desk.views, allowed).handler(),
            self._reporting.handler(),
        )
        plane.attend(Observers(self.metrics, self.desk), services)

    def start(self, at: Address | None) -> Address | None:
        """Answer operators, if an address is given; raises OSError."""
        return None if at is None else self._server.start(at)

    def reloaded(self, reloaded: Reloaded, reloader: Reloader) -> None:
        """Take what a compilation gave."""
        published = reloaded.published
        # It says nothing of the policy's source, which may be wrong by now.
        if reloaded.reread:
            return
        self.metrics.compiled(reloaded.seconds, good=published is not None)
        if published is not None:
            self.desk.published()
        else:
            self.desk.failed(str(reloaded.revision), _errors(reloaded))
        if reloader.live is not None:
            from cli.refusals import origins

            self._places = origins(reloader.live)

    def leave(self) -> None:
        """Take no more load reports; before the plane stops, which would wait for them."""
        self._reporting.leave()

    async def stop(self) -> None:
        """Stop answering operators."""
        await self._server.stop()

    def _place(self, type_url: str, name: str) -> str:
        place = self._places.get((type_url, name))
        return "" if place is None else str(place)


def _errors(reloaded: Reloaded) -> list[tuple[str, str]]:
    from compiler.diagnostic import Severity

    return [
        ("" if one.span is None else str(one.span), one.message)
        for one in reloaded.diagnostics
        if one.severity is Severity.ERROR
    ][:_SHOWN]


def address(text: str) -> Address:
    """Read an option's address."""
    from xds import bootstrap

    try:
        return bootstrap.address(text)
    except bootstrap.AddressError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
