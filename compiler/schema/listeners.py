"""The ``listeners`` section: the ports that clients connect to."""

from __future__ import annotations

from typing import Annotated

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


Listener = Annotated[
    ListenerDocument, keyed("port", {"type": "integer", "minimum": 1, "maximum": 65535}, int)
]
