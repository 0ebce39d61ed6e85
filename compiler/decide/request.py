"""A request as `decide` is asked about it: what a client sends, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """A request on one connection to one listener.

    ``target`` is the path with its query, as it stands in the request line. ``headers`` may hold a
    name several times; names have any case. ``listener`` is empty where the gateway has one.

    Who asks may be said without a credential: ``key`` is the id of a key of the policy
    (``TENANT/KEY``, ``TENANT/TEAM/KEY``), ``claims`` those of a valid token of ``issuer``, and
    ``certificate`` a name in a client certificate that was verified.
    """

    method: str = "GET"
    target: str = "/"
    host: str = "localhost"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    listener: str = ""
    client: str = "127.0.0.1"
    key: str = ""
    issuer: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    certificate: str = ""

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a header, whose name is in lower case."""
        return tuple([value for key, value in self.headers if key.lower() == name])
