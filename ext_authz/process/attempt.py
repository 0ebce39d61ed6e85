"""One gRPC stream of ext_proc: the first message tells which machine it needs.

    attempt = Attempt(cluster, moment)
    attempt.take(message, processor)  -> the answers, or None: its route or cluster is not known yet
    attempt.give_up(message)          -> the answers where nobody will know it
    attempt.done                      whether the stream may be closed

Messages are bytes, and so are answers. No message raises anything.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.message import DecodeError

from ext_authz.process.gate import Gate
from ext_authz.process.messages import FULL_DUPLEX, Asked, headers_of
from ext_authz.process.outcome import Outcome
from ext_authz.process.processor import Processor
from ext_authz.process.refusing import UNAVAILABLE, guessed, refused
from ext_authz.process.whole import Whole
from ext_authz.translate.clients.writer import Moment
from xds.edge.attempt import ROUTE_ATTRIBUTE

_IDENTITY: Final = "envoy.filters.http.ext_authz"
"""The namespace in which admission says who is asking."""
_TENANT: Final = "tenant"


class Attempt:
    """One attempt at a target; ``cluster`` is what Envoy calls it."""

    def __init__(self, cluster: str, moment: Moment) -> None:
        self._cluster = cluster
        self._moment = moment
        self._machine: Whole | Gate | None = None
        self._closed = False
        self.outcome = Outcome()

    @property
    def done(self) -> bool:
        """Whether nothing more is to be said."""
        return self._closed or (self._machine is not None and self._machine.done)

    @property
    def holds(self) -> int:
        """Bytes of a large request that is being read; 0 for all others, and once it went on."""
        return self._machine.holds if isinstance(self._machine, Whole) else 0

    @property
    def slow(self) -> bool:
        """Whether a message may take so long that others should not wait for it."""
        return isinstance(self._machine, Whole) and self._machine.slow

    def take(self, message: bytes, processor: Processor | None) -> list[bytes] | None:
        """Take a message; ``processor`` is what is served now, and the first one counts."""
        if self.done:
            return []
        try:
            asked = Asked.FromString(message)
        except DecodeError:
            self._closed = True
            return []
        if self._machine is None:
            machine = self._machine_for(asked, processor)
            if machine is None:
                return None
            self._machine = machine
        return self._machine.take(asked)

    def give_up(self, message: bytes) -> list[bytes]:
        """Answer a first message whose cluster or route nobody knows: such a request fails."""
        self._closed = True
        asked = Asked.FromString(message)
        if asked.WhichOneof("request") == "request_headers":
            path = headers_of(asked.request_headers).get(":path", "")
            self.outcome.refused = "unknown"
            self.outcome.reason = (
                f"nothing is known of the cluster {self._cluster}, or of its route"
            )
            return [refused(guessed(path), UNAVAILABLE, self._moment)]
        return []

    def _machine_for(self, asked: Any, processor: Processor | None) -> Whole | Gate | None:
        operation = None
        if processor is not None:
            operation = processor.operation(_route(asked))
        if asked.protocol_config.response_body_mode != FULL_DUPLEX:
            self.outcome.mode = "gate"
            return Gate(operation, self._moment, self.outcome)
        place = None if processor is None else processor.place(self._cluster)
        if processor is None or place is None or operation is None:
            return None
        self.outcome.mode = "whole"
        return Whole(processor, place, operation, _tenant(asked), self._moment, self.outcome)


def _route(asked: Any) -> str:
    for told in asked.attributes.values():
        if ROUTE_ATTRIBUTE in told.fields:
            name: str = told.fields[ROUTE_ATTRIBUTE].string_value
            return name
    return ""


def _tenant(asked: Any) -> str:
    spaces = asked.metadata_context.filter_metadata
    if _IDENTITY not in spaces:
        return ""
    fields = spaces[_IDENTITY].fields
    tenant: str = fields[_TENANT].string_value if _TENANT in fields else ""
    return tenant
