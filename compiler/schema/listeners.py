"""The ``listeners`` section: the ports that clients connect to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from compiler.schema.attached import with_policies
from policies.base import Place
from policies.document import Document, keyed
from policies.values import IpAddress, Port


@with_policies(Place.LISTENER)
class ListenerDocument(Document):
    """A port that clients connect to, in clear text or with TLS.

    HTTP/1.1 and HTTP/2 are told apart by what the client says first. Paths are normalised before a
    route is chosen (`//`, `.`, `..`; `%2F` is redirected to `/`), a header whose name holds an
    underscore is refused with 400, and a client has 10 seconds for its headers.

    A bare number is its port.
    """

    port: Annotated[Port, Field(examples=[8080])]
    """The TCP port."""
    address: IpAddress = "0.0.0.0"  # noqa: S104 - a gateway is there to be reached; stated in the docs
    """The address to bind: `127.0.0.1` for this machine alone."""
    hosts: Literal["pushed", "on_demand"] = "pushed"
    """What an Envoy is sent of a listener with very many hosts: all of them, before any request,
    or `on_demand` each host when its first request comes. That request waits for the control plane
    (some milliseconds; while the control plane is away, until it is back), and so does each
    request for a host that does not exist. In return an Envoy holds only the hosts that are asked
    of it. Worth it from some thousands of hosts of which each Envoy sees few. Needs Envoy 1.40;
    over state-of-the-world streams all hosts are sent. Not for routes with `body_limit` or
    `serve: llm`, whose filters are chosen before the host is there."""


Listener = Annotated[
    ListenerDocument,
    keyed("port", {"type": "integer", "minimum": 1, "maximum": 65535, "examples": [8080]}, int),
]
