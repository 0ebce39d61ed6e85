"""One type on a delta ("incremental") stream.

Source: "Incremental xDS" of Envoy's xDS protocol page. Every resource has its own version; what is
gone is named. Changes of the subscription count whatever nonce they come with: a nonce only says
which response a request answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from xds import frames
from xds.order import FULL_ON_CONNECT, NEVER_REMOVED, VIRTUAL_HOST
from xds.schema import envoy
from xds.shards import by_table, table_of
from xds.snapshot import Encoded, Resources, set_version
from xds.subscription import WILDCARD, Subscription
from xds.watch import CHUNK, NOTHING, Holding, Push, Verdict

_UNKNOWN: Final = ""
"""The version of a resource that a client may or may not have."""


class DeltaWatch:
    """The state of one type: what was asked for, what the client has, and which responses wait."""

    __slots__ = (
        "_again", "_claim", "_count", "_has", "_in_flight", "_nacked", "_removing", "_seen",
        "_told_missing", "_type_url", "subscription",
    )  # fmt: skip

    def __init__(self, type_url: str) -> None:
        self.subscription = Subscription(type_url)
        self._type_url = type_url
        self._claim: str | None = None
        self._count = 0
        self._has: dict[str, str] = {}
        self._told_missing: set[str] = set()
        self._in_flight: dict[str, Mapping[str, str]] = {}
        # The names that a response in flight removes, by nonce.
        self._removing: dict[str, frozenset[str]] = {}
        self._nacked: set[tuple[str, str]] = set()
        self._again: frozenset[str] = frozenset()
        # The set and the leave to prune of the last respond() that found nothing: see SotwWatch.
        self._seen: tuple[Resources, bool] | None = None

    @property
    def outstanding(self) -> bool:
        """Whether any response waits for its answer."""
        return bool(self._in_flight)

    def holding(self) -> Holding:
        """Tell what the client has."""
        waiting = {n: v for sent in self._in_flight.values() for n, v in sent.items()}
        accepted = {
            name: version
            for name, version in self._has.items()
            if version != _UNKNOWN and waiting.get(name) != version
        }
        return Holding(accepted, waiting, frozenset(self._nacked))

    def claimed(self) -> str:
        """The version of the set of resources that the client brought with it."""
        return self._claim or ""

    def receive(self, request: envoy.service.discovery.v3.DeltaDiscoveryRequest) -> Verdict:
        """Take a request: an ACK, a NACK, changes of the subscription, or several of these."""
        self._seen = None
        first = self._claim is None
        if first:
            brought = dict(request.initial_resource_versions)
            self._claim = set_version(brought) if brought else ""
            if self._type_url not in FULL_ON_CONNECT:
                self._has = brought
        verdict = self._answer(request)
        self._amend(
            request.resource_names_subscribe, request.resource_names_unsubscribe, first=first
        )
        return verdict

    def respond(self, resources: Resources, *, prune: bool) -> Push:
        """Give the responses that bring the client up to date, each below the limit, or nothing."""
        if self._claim is None or self._is_seen(resources, prune=prune):
            return NOTHING
        self._seen = (resources, prune)
        changed = [one for one in self._wanted(resources) if self._lacks(one)]
        missing = self._missing(resources)
        gone = missing | (self._gone(resources) if prune else frozenset())
        self._again = frozenset()
        if not changed and not gone and not self._owes_a_first_answer():
            return NOTHING
        out: list[bytes] = []
        for chunk in _chunks(changed):
            last = len(chunk) == 0 or chunk[-1] is changed[-1]
            out.append(self._frame(resources.version, chunk, gone if last else (), missing))
        return Push(tuple(out), frozenset(one.name for one in changed))

    def again(self, names: frozenset[str]) -> None:
        """Send these once more, those that are subscribed to."""
        self._again |= frozenset(name for name in names if name in self.subscription)
        self._seen = None

    def avoid(self, versions: Mapping[str, str]) -> None:
        """Do not send these versions to this client again."""
        self._nacked.update(versions.items())

    def forgive(self) -> None:
        """Forget what was refused."""
        self._nacked.clear()
        self._seen = None

    def _is_seen(self, resources: Resources, *, prune: bool) -> bool:
        return self._seen is not None and self._seen[0] is resources and self._seen[1] == prune

    def _answer(self, request: envoy.service.discovery.v3.DeltaDiscoveryRequest) -> Verdict:
        if not request.response_nonce:
            return Verdict()
        answered = self._in_flight.pop(request.response_nonce, None)
        if answered is None:
            return Verdict(stale=True)
        removed = self._removing.pop(request.response_nonce, frozenset())
        if not request.HasField("error_detail"):
            return Verdict(accepted=True)
        if answered:
            # Perhaps it did not come to the removals. Refused alone, they would be refused again.
            self._has.update(dict.fromkeys(removed - self._has.keys(), _UNKNOWN))
        for name, version in answered.items():
            # What it holds by now is unknown: this, or what it had before, or nothing. It counts
            # as having something else. A later response may have overtaken this one.
            if self._has.get(name) == version:
                self._has[name] = _UNKNOWN
        return Verdict(
            type_url=self._type_url,
            refused=answered,
            refused_version=set_version(answered),
            error=request.error_detail.message,
        )

    def _amend(self, subscribe: Iterable[str], unsubscribe: Iterable[str], *, first: bool) -> None:
        change = self.subscription.amend(subscribe, unsubscribe)
        # On a new stream, names come with the versions the client has of them: not a wish for more.
        self._again |= change.added - (self._has.keys() if first else frozenset())
        self._told_missing -= change.added
        for name in change.removed:
            self._has.pop(name, None)
            self._told_missing.discard(name)
        if self._type_url == VIRTUAL_HOST and change.removed:
            self._has = {n: v for n, v in self._has.items() if self._covers(n)}
        if self.subscription.wildcard:
            self._again |= change.removed
        elif first or WILDCARD in unsubscribe:
            self._has = {n: v for n, v in self._has.items() if self._covers(n)}
        self._again = frozenset(name for name in self._again if name in self.subscription)

    def _wanted(self, resources: Resources) -> Iterator[Encoded]:
        by_name = resources.by_name
        if self.subscription.wildcard:
            yield from by_name.values()
            return
        wanted = self.subscription.names & by_name.keys()
        if self._type_url == VIRTUAL_HOST:
            tables = by_table(resources.version, by_name)
            wanted = wanted.union(*(tables.get(name, ()) for name in self.subscription.names))
        for name in sorted(wanted):
            yield by_name[name]

    def _covers(self, name: str) -> bool:
        """Whether one of the names asked for means this resource: its own, or its table's."""
        names = self.subscription.names
        return name in names or (self._type_url == VIRTUAL_HOST and table_of(name) in names)

    def _owes_a_first_answer(self) -> bool:
        """Whether a client that came with nothing waits to hear that this is all there is."""
        return self.subscription.wildcard and self._count == 0 and not self._claim

    def _lacks(self, one: Encoded) -> bool:
        if (one.name, one.version) in self._nacked:
            return False
        return one.name in self._again or self._has.get(one.name) != one.version

    def _missing(self, resources: Resources) -> frozenset[str]:
        """Names asked for that do not exist, and that the client was not told of yet."""
        if self._type_url in NEVER_REMOVED:
            return frozenset()
        asked = self.subscription.names | self._again
        if self._type_url == VIRTUAL_HOST:
            asked -= by_table(resources.version, resources.by_name).keys()
        return asked - resources.by_name.keys() - self._told_missing - self._has.keys()

    def _gone(self, resources: Resources) -> frozenset[str]:
        """Names the client has of what is no more."""
        if self._type_url in NEVER_REMOVED:
            return frozenset()
        gone = self._has.keys() - resources.by_name.keys()
        if self._type_url == VIRTUAL_HOST:
            # The connections of a listener that drains may use a table that is no more. Envoy
            # keeps the table until then; its virtual hosts it would drop.
            tables = by_table(resources.version, resources.by_name)
            gone = {name for name in gone if table_of(name) in tables}
        return frozenset(gone)

    def _frame(
        self,
        version: str,
        chunk: list[Encoded],
        gone: Iterable[str],
        missing: frozenset[str],
    ) -> bytes:
        self._count += 1
        nonce = str(self._count)
        carried = {one.name: one.version for one in chunk}
        self._in_flight[nonce] = carried
        self._has.update(carried)
        self._told_missing -= carried.keys()
        removed = sorted(gone)
        for name in removed:
            self._has.pop(name, None)
            if name in self.subscription.names:
                self._told_missing.add(name)
        # What the client asked for in vain it does not have, whatever it makes of the answer.
        if held := frozenset(removed) - missing:
            self._removing[nonce] = held
        named = [name for name in removed if name in missing]
        return frames.delta(version, self._type_url, nonce, chunk, removed, named)


def _chunks(changed: list[Encoded]) -> Iterator[list[Encoded]]:
    """Split into lists that fit into one message each; one empty list where nothing changed."""
    chunk: list[Encoded] = []
    size = 0
    for one in changed:
        if chunk and size + len(one.body) > CHUNK:
            yield chunk
            chunk, size = [], 0
        chunk.append(one)
        size += len(one.body)
    yield chunk
