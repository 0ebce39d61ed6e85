"""Who a client is by its certificate, and which group of nodes it may be in.

Pure. A node says of itself what it likes (id, cluster, region); what it may have is for its
certificate to say. Only subject alternative names count, the URIs (SPIFFE IDs) and the DNS names:
a common name is not an identity (RFC 9525, section 2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from xds.placement import Code, Grouped, Refused

if TYPE_CHECKING:
    from xds.placement import NodeMessage

_STAR: Final = "*"
_STARS: Final = "**"

REFUSAL: Final = "no group of this control plane takes this node with this identity"
"""All that a refused client is told: which identities or nodes would do is nobody's to learn."""


class Trust(Enum):
    """What is known of whoever can connect to a listener."""

    MACHINE = "machine"
    """It is on this machine: a loopback address, or a Unix socket that is ours alone."""
    NOBODY = "nobody"
    """Anyone: others reach the address, and no certificate is asked for."""
    CERTIFICATE = "certificate"
    """It holds a certificate that the client CA signed."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection.

    ``address`` is its IP address, or empty for a Unix socket. ``uris`` and ``names`` are the URIs
    and the DNS names (small letters) of the certificate that was verified; empty without one.
    """

    trust: Trust = Trust.NOBODY
    address: str = ""
    uris: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The identity, as an operator is told of it; else the address."""
        return ", ".join((*self.uris, *self.names)) or self.address or "this machine"


class Membership(Grouped, Protocol):
    """A group of nodes, as the policy declares it: `compiler.plan_fleet.NodeGroup` is one."""

    @property
    def identity(self) -> tuple[str, ...]:
        """Globs of the names in certificates; empty: nothing is asked."""


G = TypeVar("G", bound=Membership)


class IdentityRefused(Refused):
    """A node is not let in; ``reason`` is for the operator, and no client is told it."""

    def __init__(self, reason: str) -> None:
        super().__init__(Code.PERMISSION_DENIED, REFUSAL)
        self.reason = reason


def identified(node: NodeMessage, peer: Peer, groups: Iterable[G]) -> G:
    """Give the node's group, the first that takes it, if the certificate may be in it.

    Raises IdentityRefused. A node that claims to be of another group is refused; it is never put
    where its certificate would have let it in, for then a wrong bootstrap would go unseen.
    """
    group = next((one for one in groups if one.nodes.takes(node)), None)
    if group is None:
        raise IdentityRefused("no group takes it")
    if not group.identity or peer.trust is Trust.MACHINE or bears(peer, group.identity):
        return group
    if peer.trust is Trust.NOBODY:
        shown = "no client certificates are asked for"
    else:
        shown = f"its certificate is for {peer}" if peer.uris or peer.names else "it has no name"
    raise IdentityRefused(f"group {group.name!r} asks for an identity: {shown}")


def trust_of(host: str, *, client_ca: bool) -> Trust:
    """Tell what is known of those who connect to a listener; ``host`` is empty for a Unix socket.

    A name counts as reachable by others, but for ``localhost``.
    """
    if client_ca:
        return Trust.CERTIFICATE
    if host in {"", "localhost"}:
        return Trust.MACHINE
    try:
        return Trust.MACHINE if ip_address(host).is_loopback else Trust.NOBODY
    except ValueError:
        return Trust.NOBODY


def may_have_secrets(identity: tuple[str, ...], trust: Trust) -> bool:
    """Tell whether the nodes of a group with these identities are given its secrets.

    Not where anybody can be such a node. A group that is open to a whole trust domain says so:
    ``identity: ["spiffe://corp/**"]``.
    """
    return trust is Trust.MACHINE or (trust is Trust.CERTIFICATE and bool(identity))


def bears(peer: Peer, identity: Iterable[str]) -> bool:
    """Tell whether one of the certificate's names is one of those the globs stand for.

    A glob with ``://`` is for URIs, where ``*`` stands for a run of characters within one segment
    of the path; any other is for DNS names, where it stays within one label. ``**`` crosses both.
    """
    for glob in identity:
        if "://" in glob:
            if any(_within(glob, uri, "/") for uri in peer.uris):
                return True
        elif any(_within(glob.lower().rstrip("."), name, ".") for name in peer.names):
            return True
    return False


def stands_for(glob: str, name: str) -> bool:
    """Tell whether a glob, read as `bears` reads it, stands for one name (a URI or a DNS name)."""
    if "://" in glob:
        return _within(glob, name, "/")
    return "://" not in name and _within(glob.lower().rstrip("."), name.lower().rstrip("."), ".")


def peer_of(auth: Mapping[str, Iterable[bytes]], address: str, trust: Trust) -> Peer:
    """Read a peer out of gRPC's authentication context and its ``ipv4:...``, ``unix:...`` address.

    A certificate with several URIs has none that counts (X.509-SVID, section 2), and a wildcard
    name is no one's.
    """
    host = ""
    if address.startswith(("ipv4:", "ipv6:")):
        host = address.partition(":")[2].replace("%5B", "[").replace("%5D", "]").rpartition(":")[0]
    uris = _texts(auth.get("peer_uri", ()))
    names = tuple(name.lower().rstrip(".") for name in _texts(auth.get("peer_dns", ())))
    return Peer(
        trust=trust,
        address=host.strip("[]"),
        uris=uris if len(uris) == 1 else (),
        names=tuple(name for name in names if name and _STAR not in name),
    )


def _texts(values: Iterable[bytes]) -> tuple[str, ...]:
    """Names are printable ASCII; anything else is no name that a glob was written for."""
    return tuple(
        value.decode("ascii") for value in values if all(0x21 <= byte <= 0x7E for byte in value)
    )


def _within(glob: str, text: str, separator: str) -> bool:
    """Tell whether a text is one of the glob's; ``*`` does not cross the separator, ``**`` does.

    All places in the glob that the text may stand at are walked at once: the time is bounded by
    the product of the lengths, whatever they hold.
    """
    tokens = _tokens(glob)
    places = _opened({0}, tokens)
    for letter in text:
        moved = set()
        for place in places:
            if place == len(tokens):
                continue
            token = tokens[place]
            if token == _STARS or (token == _STAR and letter != separator):
                moved.add(place)
            elif token == letter:
                moved.add(place + 1)
        places = _opened(moved, tokens)
        if not places:
            return False
    return len(tokens) in places


def _opened(places: set[int], tokens: list[str]) -> set[int]:
    """Add the places behind stars, which may stand for nothing."""
    reached = set(places)
    for place in sorted(places):
        at = place
        while at < len(tokens) and tokens[at] in {_STAR, _STARS}:
            at += 1
            reached.add(at)
    return reached


def _tokens(glob: str) -> list[str]:
    """Split into letters, ``*`` and ``**``; three stars or more are two."""
    tokens: list[str] = []
    for letter in glob:
        if letter == _STAR and tokens and tokens[-1] in {_STAR, _STARS}:
            tokens[-1] = _STARS
        else:
            tokens.append(letter)
    return tokens
