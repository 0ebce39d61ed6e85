"""One type on a "state of the world" stream.

Source: Envoy's xDS protocol page. Responses for listeners and clusters are complete; for the other
types they carry what changed. A request with a nonce that is not the newest is ignored: the client
will answer the newest as well, with its names of then.
"""

from __future__ import annotations

from collections.abc import Mapping

from xds import frames
from xds.chunk import portions
from xds.order import COMPLETE, FULL_ON_CONNECT, NEVER_REMOVED
from xds.schema import envoy
from xds.snapshot import Encoded, Resources, set_version
from xds.subscription import Subscription
from xds.watch import CHUNK, NOTHING, Holding, Push, Verdict


class SotwWatch:
    """The state of one type: what was asked for, what was sent, and what waits for an answer."""

    __slots__ = (
        "_acked", "_again", "_beats", "_claim", "_complete", "_count", "_in_flight", "_nacked",
        "_seen", "_sent", "_told_missing", "_type_url", "_version", "outstanding", "subscription",
    )  # fmt: skip

    def __init__(self, type_url: str) -> None:
        self.subscription = Subscription(type_url)
        self.outstanding = False
        self._type_url = type_url
        self._complete = type_url in COMPLETE
        self._claim: str | None = None
        self._count = 0
        self._version = ""
        # The version that the client accepted last.
        self._acked = ""
        # The newest heartbeat: its nonce and the names in it.
        self._beats: tuple[str, frozenset[str]] = ("", frozenset())
        self._sent: dict[str, str] = {}
        self._told_missing: frozenset[str] = frozenset()
        self._in_flight: Mapping[str, str] = {}
        self._nacked: set[tuple[str, str]] = set()
        self._again: frozenset[str] = frozenset()
        # The set that the last respond() found nothing to send of: finding that again is free.
        self._seen: Resources | None = None

    @property
    def urgent(self) -> bool:
        """Nothing is asked for on demand."""
        return False

    def holding(self) -> Holding:
        """Tell what the client has."""
        waiting = dict(self._in_flight) if self.outstanding else {}
        accepted = {name: one for name, one in self._sent.items() if waiting.get(name) != one}
        return Holding(accepted, waiting, frozenset(self._nacked))

    def claimed(self) -> str:
        """The version the first request said the client has."""
        return self._claim or ""

    def receive(self, request: envoy.service.discovery.v3.DiscoveryRequest) -> Verdict:
        """Take a request: an ACK, a NACK, other names, or several of these at once."""
        if self._claim is None:
            self._claim = "" if self._type_url in FULL_ON_CONNECT else request.version_info
        elif request.response_nonce not in {"", self._nonce()}:
            if not request.resource_names and not self._in_flight and not self._complete:
                # It lost all interest while an empty response was on its way: that one it will
                # not answer.
                self.outstanding = False
            # What answers a heartbeat is not late because a response followed it.
            return Verdict(stale=request.response_nonce != self._beats[0])
        self._seen = None
        verdict = Verdict()
        if self.outstanding and request.response_nonce == self._nonce():
            self.outstanding = False
            if request.HasField("error_detail"):
                verdict = self._refuse(request.error_detail.message)
            else:
                self._acked = self._version
                verdict = Verdict(accepted=True)
        elif request.response_nonce == self._beats[0] and request.HasField("error_detail"):
            self.again(self._beats[1])
        change = self.subscription.state(request.resource_names)
        self._again |= change.added
        self._told_missing -= change.added
        for name in change.removed:
            self._sent.pop(name, None)
        return verdict

    def respond(self, resources: Resources, *, prune: bool) -> Push:  # noqa: ARG002 - views hold what must stay
        """Give the response that brings the client up to date, or nothing."""
        if self._seen is resources or not self._answerable():
            return NOTHING
        self._seen = resources
        wanted = self._wanted(resources)
        if self._claim and self._claim == _version_of(wanted) and not resources.expiring:
            # Another replica, or this one before a restart, has sent exactly this. (What expires
            # the client may have lost meanwhile, which its version does not tell.)
            self._sent = {name: one.version for name, one in wanted.by_name.items()}
            self._version, self._again = self._claim, frozenset()
            self._acked = self._claim
        self._claim = ""
        changed = {
            name: one
            for name, one in wanted.by_name.items()
            if (name in self._again or self._sent.get(name) != one.version)
            and (name, one.version) not in self._nacked
        }
        if self._complete:
            return self._complete_push(wanted, changed)
        return self._partial_push(wanted, changed)

    def heartbeat(self, leases: Mapping[str, Encoded]) -> Push:
        """Renew what the client still has of these: in full, under the version that it accepted.

        Envoy 1.40 takes a heartbeat without the resource on SotW, and drops the resource all the
        same when its first TTL runs out.
        """
        mine = {name: one for name, one in leases.items() if self._sent.get(name) == one.version}
        if not mine:
            return NOTHING
        self._count += 1
        self._beats = (self._nonce(), frozenset(mine))
        frame = frames.sotw(self._acked, self._type_url, self._nonce(), mine.values(), ())
        return Push((frame,), frozenset(mine))

    def again(self, names: frozenset[str]) -> None:
        """Send these once more, those that are subscribed to."""
        self._again |= frozenset(name for name in names if name in self.subscription)
        self._seen = None

    def avoid(self, versions: Mapping[str, str]) -> None:
        """Do not send these versions to this client again."""
        self._nacked.update(versions.items())

    def forgive(self) -> None:
        """Forget what was refused."""
        if self._nacked:
            self._version = ""
        self._nacked.clear()
        self._seen = None

    def _answerable(self) -> bool:
        # A client that unsubscribed from everything is left in peace.
        return self._claim is not None and bool(self.subscription)

    def _wanted(self, resources: Resources) -> Resources:
        if self.subscription.wildcard:
            return resources
        by_name = resources.by_name
        named = {name: by_name[name] for name in sorted(self.subscription.names & by_name.keys())}
        return Resources(named)

    def _complete_push(self, wanted: Resources, changed: Mapping[str, Encoded]) -> Push:
        version = _version_of(wanted)
        first = self._count == 0 and not self._version
        again = self._again & self.subscription.names or self._again & wanted.by_name.keys()
        if not first and not again and version == self._version:
            return NOTHING
        self._sent = {}
        missing = self.subscription.names - wanted.by_name.keys()
        return self._push(version, wanted.by_name, frozenset(changed), missing)

    def _partial_push(self, wanted: Resources, changed: Mapping[str, Encoded]) -> Push:
        chunk = _first_chunk(changed)
        # What was asked for just now and is not there is said so, once. What goes away later is
        # not: nobody reads an empty response for a name it is about to drop.
        missing = self._again - wanted.by_name.keys() - self._told_missing
        if self._type_url in NEVER_REMOVED:
            missing = frozenset()
        if not chunk and not missing:
            self._again = frozenset()
            return NOTHING
        has = {name: self._sent[name] for name in wanted.by_name.keys() & self._sent.keys()}
        version = set_version(has | {name: one.version for name, one in chunk.items()})
        self._told_missing |= missing
        push = self._push(version, chunk, frozenset(chunk), missing)
        if len(chunk) < len(changed):
            self._again = frozenset(changed) - frozenset(chunk)
            self._seen = None
        return push

    def _push(
        self,
        version: str,
        resources: Mapping[str, Encoded],
        changed: frozenset[str],
        missing: frozenset[str],
    ) -> Push:
        self._count += 1
        self._version = version
        self._in_flight = {name: resources[name].version for name in changed}
        self._sent.update({name: one.version for name, one in resources.items()})
        self._again = frozenset()
        self.outstanding = True
        # There is one response: where a client asks for very many names in vain, it is told of
        # some of them. The others it finds missing by its own clock.
        named = next(portions(missing))
        frame = frames.sotw(version, self._type_url, self._nonce(), resources.values(), named)
        return Push((frame,), changed)

    def _refuse(self, error: str) -> Verdict:
        # What the client kept of a refused response is unknown: each part of it counts as unsent.
        for name in self._in_flight:
            self._sent.pop(name, None)
        return Verdict(
            type_url=self._type_url,
            refused=self._in_flight,
            refused_version=self._version,
            error=error,
        )

    def _nonce(self) -> str:
        return str(self._count)


def _version_of(wanted: Resources) -> str:
    return wanted.version or set_version(
        {name: one.version for name, one in wanted.by_name.items()}
    )


def _first_chunk(changed: Mapping[str, Encoded]) -> dict[str, Encoded]:
    """As many as fit into one message; the rest follows once this is acknowledged."""
    chunk: dict[str, Encoded] = {}
    room = CHUNK
    for name, one in changed.items():
        room -= len(one.body)
        if room < 0 and chunk:
            break
        chunk[name] = one
    return chunk
