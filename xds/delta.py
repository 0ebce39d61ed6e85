"""One type on a delta ("incremental") stream.

Source: "Incremental xDS" of Envoy's xDS protocol page. Every resource has its own version; what is
gone is named. Changes of the subscription count whatever nonce they come with: a nonce only says
which response a request answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from xds import frames
from xds.chunk import EMPTY, Chunk, chunks, portions
from xds.held import Held, difference
from xds.on_demand import OnDemand
from xds.order import FULL_ON_CONNECT, NEVER_REMOVED, VIRTUAL_HOST
from xds.schema import envoy
from xds.shards import by_table, is_on_demand, table_of
from xds.snapshot import Encoded, Resources, set_version
from xds.subscription import WILDCARD, Subscription
from xds.watch import NOTHING, Holding, Push, Verdict

_UNKNOWN: Final = ""
"""The version of a resource that a client may or may not have."""

_BEATS: Final = 8
"""How many heartbeats may wait for their answer."""


class DeltaWatch:
    """The state of one type: what was asked for, what the client has, and which responses wait."""

    __slots__ = (
        "_again", "_beats", "_claim", "_count", "_held", "_in_flight", "_nacked", "_on_demand",
        "_removing", "_seen", "_tables", "_told_missing", "_type_url", "subscription",
    )  # fmt: skip

    def __init__(self, type_url: str) -> None:
        self.subscription = Subscription(type_url)
        self._type_url = type_url
        self._claim: str | None = None
        self._count = 0
        self._held = Held()
        self._told_missing: set[str] = set()
        # The names in heartbeats that wait for their answer, by nonce.
        self._beats: dict[str, frozenset[str]] = {}
        self._in_flight: dict[str, Mapping[str, str]] = {}
        # The names that a response in flight removes, by nonce.
        self._removing: dict[str, frozenset[str]] = {}
        self._nacked: set[tuple[str, str]] = set()
        self._again: frozenset[str] = frozenset()
        self._on_demand = OnDemand()
        # The virtual hosts that there are, by table.
        self._tables: Mapping[str, frozenset[str]] = {}
        # The set and the leave to prune of the last respond() that found nothing: see SotwWatch.
        self._seen: tuple[Resources, bool] | None = None

    @property
    def _has(self) -> dict[str, str]:
        return self._held.own()

    @_has.setter
    def _has(self, versions: dict[str, str]) -> None:
        self._held.replace(versions)

    @property
    def outstanding(self) -> bool:
        """Whether any response waits for its answer."""
        return bool(self._in_flight)

    @property
    def urgent(self) -> bool:
        """Whether requests at the client wait for an answer: virtual hosts asked for by name."""
        return self._on_demand.waiting

    def holding(self) -> Holding:
        """Tell what the client has."""
        waiting = {n: v for sent in self._in_flight.values() for n, v in sent.items()}
        accepted = {
            name: version
            for name, version in self._held.versions().items()
            if version != _UNKNOWN and waiting.get(name) != version
        }
        return Holding(accepted, waiting, frozenset(self._nacked))

    def claimed(self) -> str:
        """The version of the set of resources that the client brought with it."""
        return self._claim or ""

    def receive(self, request: envoy.service.discovery.v3.DeltaDiscoveryRequest) -> Verdict:
        """Take a request: an ACK, a NACK, changes of the subscription, or several of these."""
        first = self._claim is None
        asks = first or request.resource_names_subscribe or request.resource_names_unsubscribe
        if asks or request.HasField("error_detail"):
            self._seen = None
        if first:
            brought = dict(request.initial_resource_versions)
            self._claim = set_version(brought) if brought else ""
            if brought and self._type_url not in FULL_ON_CONNECT:
                self._has = brought
        verdict = self._answer(request)
        if asks:
            self._amend(
                request.resource_names_subscribe, request.resource_names_unsubscribe, first=first
            )
        return verdict

    def respond(self, resources: Resources, *, prune: bool) -> Push:
        """Give the responses that bring the client up to date, each below the limit, or nothing."""
        if self._claim is None or self._is_seen(resources, prune=prune):
            return NOTHING
        self._seen = (resources, prune)
        shared = self._respond_to_many(resources, prune=prune)
        if shared is not None:
            return shared
        self._held.own()
        if self._type_url == VIRTUAL_HOST:
            self._tables = by_table(resources.version, resources.by_name)
            self._again |= self._on_demand.take()
            resources = self._on_demand.view(resources, self._tables, self._has, self._again)
        changed = [one for one in self._wanted(resources) if self._lacks(one)]
        missing = self._missing(resources)
        lost = self._gone(resources)
        gone = missing | (lost if prune else frozenset())
        rests = self._wants_all(resources) and not missing and (prune or not lost)
        self._again = frozenset()
        if changed or gone or self._owes_a_first_answer():
            names = frozenset(one.name for one in changed)
            push = self._push(resources.version, tuple(chunks(changed)), names, gone, missing)
        else:
            push = NOTHING
        if rests and len(self._has) == len(resources.by_name):
            self._held.become(resources)
        return push

    def _respond_to_many(self, resources: Resources, *, prune: bool) -> Push | None:
        """Respond with what is made once for all that have, and want, the same; None: see for it.

        That is the case of most streams most of the time, and of a fleet that comes at once.
        """
        held = self._held.exactly
        if held is None or self._again or not self._wants_all(resources):
            return None
        way = difference(held, resources)
        if way.gone and (not prune or self._type_url == VIRTUAL_HOST):
            return None
        self._held.become(resources)
        if not way.names and not way.gone and not self._owes_a_first_answer():
            return NOTHING
        return self._push(resources.version, way.chunks, way.names, way.gone, frozenset())

    def _wants_all(self, resources: Resources) -> bool:
        """Whether the client is to have just what there is: all names alike, and none refused."""
        wanted = self.subscription
        if self._nacked or self._type_url in NEVER_REMOVED:
            return False
        if self._type_url == VIRTUAL_HOST:
            tables = by_table(resources.version, resources.by_name).keys()
            if self._on_demand.names or any(map(is_on_demand, tables)):
                return False
            return not wanted.wildcard and wanted.names == tables
        return wanted.wildcard and not wanted.names

    def _push(
        self,
        version: str,
        parts: tuple[Chunk, ...],
        names: frozenset[str],
        gone: frozenset[str],
        missing: frozenset[str],
    ) -> Push:
        *before, last = parts
        first, *rest = portions(gone)
        out = [self._frame(version, part, [], missing) for part in before]
        out.append(self._frame(version, last, first, missing))
        out += [self._frame(version, EMPTY, more, missing) for more in rest]
        return Push(tuple(out), names)

    def heartbeat(self, leases: Mapping[str, Encoded]) -> Push:
        """Renew what the client still has of these."""
        has = self._held.versions()
        mine = {
            name: one
            for name, one in leases.items()
            if has.get(name) == one.version and name in self.subscription
        }
        if not mine:
            return NOTHING
        self._count += 1
        nonce = str(self._count)
        if len(self._beats) >= _BEATS:
            # It never answers; its latest answers are those that count.
            del self._beats[next(iter(self._beats))]
        self._beats[nonce] = frozenset(mine)
        body = frames.delta_heartbeats(mine.values())
        frame = frames.delta("", self._type_url, nonce, body, (), ())
        return Push((frame,), frozenset(mine))

    def again(self, names: frozenset[str]) -> None:
        """Send these once more, those that are subscribed to."""
        names = self._on_demand.again(names)
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
        beat = self._beats.pop(request.response_nonce, None)
        if beat is not None:
            if request.HasField("error_detail"):
                # It has what was renewed no longer. `receive` lets the next response look for it.
                self.again(beat)
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
        if self._type_url == VIRTUAL_HOST:
            asked = frozenset(subscribe)
            brought = frozenset(self._has) if first else frozenset()
            subscribe = self._on_demand.ask(asked, brought)
            if first and len(subscribe) < len(asked):
                # Of the other tables, an Envoy that reconnects wants all, as it did at first.
                self.subscription.wildcard = True
            unsubscribe, forgotten = self._on_demand.drop(unsubscribe)
            for name in forgotten:
                self._has.pop(name, None)
            if not subscribe and not unsubscribe and not first:
                return
        change = self.subscription.amend(subscribe, unsubscribe)
        # On a new stream, names come with the versions the client has of them: not a wish for more.
        self._again |= change.added - (self._held.versions().keys() if first else frozenset())
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
            named = (self._tables.get(name, ()) for name in self.subscription.names)
            wanted = wanted.union(self._on_demand.names, *named) & by_name.keys()
        for name in sorted(wanted):
            yield by_name[name]

    def _covers(self, name: str) -> bool:
        """Whether one of the names asked for means this resource: its own, or its table's."""
        names = self.subscription.names
        if self._type_url != VIRTUAL_HOST:
            return name in names
        return name in names or table_of(name) in names or name in self._on_demand.names

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
            asked -= self._tables.keys() | self._on_demand.names
        return asked - resources.by_name.keys() - self._told_missing - self._has.keys()

    def _gone(self, resources: Resources) -> frozenset[str]:
        """Names the client has of what is no more."""
        if self._type_url in NEVER_REMOVED:
            return frozenset()
        gone = self._has.keys() - resources.by_name.keys()
        if self._type_url == VIRTUAL_HOST:
            # The connections of a listener that drains may use a table that is no more. Envoy
            # keeps the table until then; its virtual hosts it would drop.
            gone = {name for name in gone if table_of(name) in self._tables}
        return frozenset(gone)

    def _frame(
        self,
        version: str,
        chunk: Chunk,
        removed: list[str],
        missing: frozenset[str],
    ) -> bytes:
        self._count += 1
        nonce = str(self._count)
        self._in_flight[nonce] = chunk.versions
        mixed = self._held.exactly is None
        if mixed:
            self._has.update(chunk.versions)
        self._told_missing -= chunk.versions.keys()
        for name in removed:
            if mixed:
                self._has.pop(name, None)
            if name in self.subscription.names:
                self._told_missing.add(name)
        # What the client asked for in vain it does not have, whatever it makes of the answer.
        if held := frozenset(removed) - missing:
            self._removing[nonce] = held
        named = [name for name in removed if name in missing]
        return frames.delta(version, self._type_url, nonce, chunk.body, removed, named)
