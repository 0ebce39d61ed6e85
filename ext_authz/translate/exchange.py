"""A request on its way to a provider, and the machine that waits for its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from ext_authz.translate.answering import Head
from ext_authz.translate.errors import Failure
from ext_authz.translate.upstream import Upstream


class Machine(Protocol):
    """What turns a provider's answer into the client's; see `answering`."""

    final: Head | None

    @property
    def begun(self) -> bool:
        """Whether any content was said to the client."""

    @property
    def failure(self) -> Failure | None:
        """What went wrong, if anything did."""

    def head(self, status: int, headers: Mapping[str, str]) -> Head | None:
        """Take the provider's head; None means that the client's is known at the end only."""

    def feed(self, piece: bytes) -> bytes:
        """Take a piece of the provider's body, give what the client gets of it."""

    def end(self) -> bytes:
        """Take the end of the provider's body, give the client's last bytes."""

    def as_error(self) -> tuple[Head, bytes]:
        """The failure as an answer of its own."""


class Exchange(msgspec.Struct, frozen=True):
    """A request on its way and the machine for its answer."""

    upstream: Upstream
    machine: Machine
