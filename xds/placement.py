"""Where a stream belongs: what its node says of itself, and its place on the scale of waves.

Everything here is the same on every replica and in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Protocol

from xds.node_match import NodeMatch

if TYPE_CHECKING:
    from xds.identity import Peer
    from xds.nack import Nack
    from xds.schema import envoy, google
    from xds.session import Session
    from xds.watch import Verdict, Watch

    NodeMessage = envoy.config.core.v3.Node

WHOLE: Final = 10_000
"""All nodes, in basis points."""


class Code(StrEnum):
    """The status a stream is refused with, by its name in gRPC."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    NOT_FOUND = "NOT_FOUND"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    UNAVAILABLE = "UNAVAILABLE"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"


class Refused(Exception):  # noqa: N818 - a verdict on a stream, not an error of ours
    """A stream is not served; the text goes to the client, so it holds nothing but what it said."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


class Placement(Protocol):
    """What `xds.server` serves: gives each stream its session, and hears what becomes of it.

    After any of these, sessions may have something to send; the server flushes all of them
    whenever a call tells that others than its own are concerned.
    """

    @property
    def ready(self) -> bool:
        """Whether there is anything to serve."""

    def join(
        self,
        node: NodeMessage,
        peer: Peer,
        protocol: Callable[[str], Watch],
        type_url: str,
        now: float,
    ) -> Session:
        """Place a stream by its first request's node; raises Refused."""

    def refusal(self, session: Session) -> Refused | None:
        """Say whether a stream that was placed must end, since the policy is another one."""

    def group_of(self, session: Session) -> str:
        """Name the policy's group that a stream is in."""

    def refuse(self, session: Session, verdict: Verdict, now: float) -> Nack | None:
        """Take a NACK, if the verdict is one; all streams are steered then."""

    def settle(self, session: Session, now: float) -> bool:
        """Note what a stream has by now; tell whether other streams were moved for it."""

    def leave(self, session: Session, now: float) -> bool:
        """Forget a stream; tell whether other streams were moved for it."""

    def steer(self, now: float) -> None:
        """Lead every stream to what it is to have."""


class Grouped(Protocol):
    """Anything that is for the nodes of a group."""

    @property
    def name(self) -> str:
        """The group's name."""

    @property
    def nodes(self) -> NodeMatch:
        """Which nodes are in it."""


@dataclass(frozen=True, slots=True)
class Node:
    """What a node says of itself. ``metadata`` is flat: ``a.b`` for a key in a mapping."""

    id: str
    cluster: str = ""
    region: str = ""
    zone: str = ""
    agent: str = ""
    """Name and version of the user agent, such as ``envoy 1.40.0``."""
    metadata: tuple[tuple[str, str], ...] = ()


def node_of(message: NodeMessage) -> Node:
    """Read the node of a first request."""
    version = message.user_agent_build_version.version
    numbers = f"{version.major_number}.{version.minor_number}.{version.patch}"
    said = message.user_agent_version or (
        numbers if message.HasField("user_agent_build_version") else ""
    )
    return Node(
        message.id,
        message.cluster,
        message.locality.region,
        message.locality.zone,
        f"{message.user_agent_name} {said}".strip(),
        tuple(sorted(_flat(message.metadata, ""))),
    )


def position(node_id: str) -> int:
    """Give a node's place on the scale of waves, 0 to 9,999: a share of it is on a change first."""
    digest = blake2b(node_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) % WHOLE


def _flat(struct: google.protobuf.Struct, prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in struct.fields.items():
        name = f"{prefix}{key}"
        match value.WhichOneof("kind"):
            case "struct_value":
                yield from _flat(value.struct_value, f"{name}.")
            case "string_value":
                yield name, value.string_value
            case "bool_value":
                yield name, "true" if value.bool_value else "false"
            case "number_value":
                yield name, f"{value.number_value:.15g}"
            case _:
                pass  # lists have no text that a glob could be held against
