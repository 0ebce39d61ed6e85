"""What both protocols share: how one type of a stream takes requests and gives responses.

A watch knows nothing of other types, of time or of sockets. `xds.sotw` and `xds.delta` each
implement it; `xds.session` holds one watch for each type of a stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from xds.snapshot import Encoded, Resources
from xds.subscription import Subscription

CHUNK: Final = 3_500_000
"""Bytes of resources in one response, where a response can be split. gRPC's clients refuse
messages above 4 MiB, and try again for ever."""


class ProtocolError(Exception):
    """The client broke the protocol; the stream ends with INVALID_ARGUMENT."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a request said of earlier responses.

    ``stale``: it answered a response that is no longer the newest. ``accepted``: it is the ACK of
    a response. ``refused`` holds the versions by name of the resources in the response that was
    NACKed, or None; ``error`` is the client's text for it.
    """

    stale: bool = False
    accepted: bool = False
    type_url: str = ""
    refused: Mapping[str, str] | None = None
    refused_version: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Push:
    """What there is to send; ``names`` are the resources in the frames. No frame: no change."""

    frames: tuple[bytes, ...] = ()
    names: frozenset[str] = field(default=frozenset())


NOTHING: Final = Push()


@dataclass(frozen=True, slots=True)
class Holding:
    """What a client has of a type, as far as its answers tell: versions by name.

    ``accepted`` is what it acknowledged or brought with it, ``waiting`` what it was sent and has
    not answered. ``refused`` are names and versions that it is not sent again.
    """

    accepted: Mapping[str, str]
    waiting: Mapping[str, str]
    refused: frozenset[tuple[str, str]] = frozenset()


class Watch(Protocol):
    """One type on one stream."""

    @property
    def subscription(self) -> Subscription:
        """What the client wants."""

    @property
    def outstanding(self) -> bool:
        """Whether a response waits for its ACK or NACK."""

    @property
    def urgent(self) -> bool:
        """Whether requests at the client wait for an answer, which then waits for no step."""

    def holding(self) -> Holding:
        """Tell what the client has; made anew at each call."""

    def claimed(self) -> str:
        """The version of the set that the client said it has, when it connected; or ""."""

    def receive(self, request: Any) -> Verdict:
        """Take a request."""

    def respond(self, resources: Resources, *, prune: bool) -> Push:
        """Give what the client lacks; ``prune`` allows telling it of what is no more."""

    def heartbeat(self, leases: Mapping[str, Encoded]) -> Push:
        """Renew those of these that the client still has; not to be called while outstanding.

        The answer to it is no ACK of a response, and a refusal has the resources sent in full.
        """

    def again(self, names: frozenset[str]) -> None:
        """Send these once more, those that are subscribed to, though they did not change."""

    def avoid(self, versions: Mapping[str, str]) -> None:
        """Do not send these versions, by name, to this client again: it refused them."""

    def forgive(self) -> None:
        """Forget what was refused, so that it is tried once more."""
