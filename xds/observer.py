"""What the control plane tells of its streams: plain calls with plain data, no I/O.

The server calls an observer on its loop, so an observer must not block. Metrics are one; tests are
another. Nothing told here holds a resource's content.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from xds import order
from xds.edge import resources
from xds.nack import Nack

Kind = Literal["delta", "sotw"]

SHORT: Final = {
    order.CLUSTER: "cluster",
    order.ENDPOINT: "endpoint",
    order.LISTENER: "listener",
    order.ROUTE: "route",
    order.SCOPED_ROUTE: "scoped_route",
    order.VIRTUAL_HOST: "virtual_host",
    order.SECRET: "secret",
    order.EXTENSION: "extension",
    order.RUNTIME: "runtime",
    resources.RULES: "rules",
    resources.KEYS: "keys",
    resources.REVOKED: "revoked",
}
"""A word for each type that is served: labels, columns, keys of JSON."""


def short(type_url: str) -> str:
    """Give a type's word; ``other`` for whatever a client may make up."""
    return SHORT.get(type_url, "other")


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream, and whose it is: ``type_url`` is empty on an aggregated one."""

    protocol: Kind
    group: str
    type_url: str = ""
    node: str = ""


@dataclass(frozen=True, slots=True)
class Pushed:
    """Responses of one type that were handed to a stream together; ``size`` in bytes."""

    type_url: str
    size: int
    resources: int
    responses: int = 1


class Observer(Protocol):
    """Hears of what happens; times are seconds."""

    def opened(self, stream: Stream, /) -> None:
        """A node was placed in a group and is served."""

    def closed(self, stream: Stream, /) -> None:
        """A stream that was opened ends; it has its place still."""

    def refused_stream(self, reason: str, /) -> None:
        """A stream was turned away or cut off; the reason is one of a few words."""

    def requested(self, stream: Stream, type_url: str, /) -> None:
        """A request came, of whatever kind."""

    def pushed(self, stream: Stream, pushed: Pushed, queued: float, /) -> None:
        """Responses went out, ``queued`` seconds after there was something to say."""

    def acked(self, stream: Stream, type_url: str, waited: float, /) -> None:
        """A response was accepted, ``waited`` seconds after it was sent."""

    def nacked(self, stream: Stream, nack: Nack, /) -> None:
        """A response was refused."""

    def stale(self, stream: Stream, type_url: str, /) -> None:
        """A request answered a response that was not the newest."""

    def overdue(self, stream: Stream, steps: int, /) -> None:
        """Steps of a transaction were left because their time was up."""

    def converged(self, group: str, seconds: float, /) -> None:
        """Every connected node of a group has what was published so long ago."""
