"""One stream, without its socket: requests go in, responses come out, a clock is passed along.

A session holds a watch for each type the stream subscribed to, and walks the steps of
`xds.transaction`. It sends type by type in ADS order, keeps one push of a type in flight, and
merges whatever changes meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final, Protocol

from xds.lease import Leases, takes_ttl
from xds.nack import Nack
from xds.observer import Kind, Pushed
from xds.order import CLUSTER, ENDPOINT, FOLLOWS, LISTENER, ROUTE, SECRET, VIRTUAL_HOST, rank
from xds.references import references
from xds.schema import envoy
from xds.shards import by_table, is_in_parts, takes_parts
from xds.shown import shown
from xds.snapshot import EMPTY, Snapshot
from xds.transaction import Phase, Step
from xds.watch import ProtocolError, Push, Verdict, Watch

BARRIER: Final = 10.0
"""Seconds that a step waits for its ACKs, and a push for its own, before the stream goes on."""

_TYPES: Final = 64
"""Types that one stream may ask for; there are about twenty."""


class Plan(Protocol):
    """Lays out the steps from what a stream has, perhaps among other things, to the target."""

    def __call__(self, old: Snapshot, /, *, sure: bool) -> tuple[Step, ...]:
        """The steps; none where there is nothing to serve yet."""


class Session:
    """The protocol's state of one stream.

    ``watch`` makes the state of a type: `SotwWatch` or `DeltaWatch` is the protocol. ``recall``
    finds a snapshot by the version of its clusters, so that a client that comes back is led on
    from where it is.
    ``type_url`` is set on a stream of one type, and empty on ADS. Times are seconds of any clock
    that does not go back.
    """

    def __init__(
        self,
        watch: Callable[[str], Watch],
        plan: Plan,
        recall: Callable[[str], Snapshot | None],
        *,
        type_url: str = "",
        barrier: float = BARRIER,
    ) -> None:
        self.node = ""
        self.overdue = 0
        """How many steps were left because their time was up."""
        self.stale = 0
        """How many requests answered a response that was not the newest."""
        self.nacks: dict[str, Nack] = {}
        """The client's last refusal of each type, for people; it may be of the past."""
        self.protocol: Kind = "sotw"
        self.opened = 0.0
        """When the first request came, and in ``heard`` the last one."""
        self.behind = 0.0
        """Since when it has not accepted all of its target, where it has not."""
        self.heard = 0.0
        self._make_watch = watch
        self._plan = plan
        self._recall = recall
        self._type_url = type_url
        self._barrier = barrier
        self._met = False
        self._watches: dict[str, Watch] = {}
        self._in_order: list[str] = []
        self._sent_at: dict[str, float] = {}
        self._pushed: list[Pushed] = []
        self._had: dict[str, str] = {}
        self._steps: deque[Step] = deque()
        self._entered = 0.0
        self._sure = False
        # Whether it was looked for what to send, since the stream is led where it is led now.
        self._looked = False
        self._in_parts = False
        self._takes_ttl = False
        self._leases = Leases()
        self._greeted: set[str] = set()
        # The view that was shown last, and as what: the same object as long as it is the same view.
        self._shown = (EMPTY, EMPTY)

    def receive(
        self,
        request: envoy.service.discovery.v3.DiscoveryRequest
        | envoy.service.discovery.v3.DeltaDiscoveryRequest,
        now: float,
    ) -> Verdict:
        """Take a request; `flush` gives what is to be sent then. Raises ProtocolError."""
        self._meet(request, now)
        self.heard = now
        type_url = self._type_of(request)
        watch = self._watches.get(type_url)
        new = watch is None
        if watch is None:
            if len(self._watches) >= _TYPES:
                raise ProtocolError(f"more than {_TYPES} types of resources on one stream")
            watch = self._watches[type_url] = self._make_watch(type_url)
            self._in_order = sorted(self._watches, key=rank)
        verdict = watch.receive(request)
        verdict = replace(verdict, type_url=type_url)
        self.stale += verdict.stale
        if not self._steps or (new and type_url == CLUSTER):
            self._begin(watch.claimed() if type_url == CLUSTER else "", now)
        return verdict

    def steer(self, now: float) -> None:
        """Lead the stream to the target of now; what was under way is merged into it."""
        if not self._steps:
            return
        step = self._steps[0]
        if self.has is not None:
            self.behind = now
        self._steps = deque(self._plan(step.view, sure=self._sure))
        self._entered = now
        self._looked = False

    def rebind(self, plan: Plan, recall: Callable[[str], Snapshot | None]) -> None:
        """Serve the stream another target from now on; `steer` leads it there from what it has."""
        self._plan = plan
        self._recall = recall

    def avoid(self, type_url: str, versions: Mapping[str, str]) -> None:
        """Do not send these versions, by name, on this stream again."""
        self._watches[type_url].avoid(versions)

    def forgive(self) -> None:
        """Try once more what the client refused."""
        for watch in self._watches.values():
            watch.forgive()
        self._looked = False

    def flush(self, now: float) -> list[bytes]:
        """Give the frames to send now, in order."""
        frames = self._leases.renew(self._watches, self._free_at, now)
        while self._steps:
            step = self._steps[0]
            sent = self._send(step, now)
            if sent:
                frames += sent
                continue
            waiting = self._waiting(step)
            if len(self._steps) == 1 or (waiting and now < self._entered + self._barrier):
                break
            self.overdue += waiting
            self._steps.popleft()
            self._sure |= len(self._steps) == 1
            self._entered = now
        self._looked = True
        return frames

    def take_pushed(self) -> list[Pushed]:
        """Tell, once, what the frames of late were."""
        pushed, self._pushed = self._pushed, []
        return pushed

    def sent_at(self, type_url: str) -> float | None:
        """When responses of a type were sent last, by the clock that was passed in."""
        return self._sent_at.get(type_url)

    def had(self, type_url: str) -> str | None:
        """The version of the set of a type that the client has accepted last; None before."""
        return self._had.get(type_url)

    def watches(self) -> Iterator[tuple[str, Watch]]:
        """Give what the stream subscribed to by type URL, in ADS order."""
        for type_url in self._in_order:
            yield type_url, self._watches[type_url]

    @property
    def target(self) -> Snapshot | None:
        """What the stream is led to; None before the first request."""
        return self._show(self._steps[-1].view) if self._steps else None

    @property
    def has(self) -> str | None:
        """The version of the snapshot that the client has accepted in whole; None until then."""
        if not self._looked or len(self._steps) != 1 or self._waiting(self._steps[0]):
            return None
        return self._steps[0].view.version

    def deadline(self, now: float) -> float | None:
        """When `flush` is to be called though nothing happened; None for never."""
        times = [self._sent_at[url] + self._barrier for url in self._pending()]
        if len(self._steps) > 1:
            times.append(self._entered + self._barrier)
        times = [time for time in times if time > now]
        return min((*times, *self._leases.deadlines(self._free_at)), default=None)

    def _meet(
        self,
        request: envoy.service.discovery.v3.DiscoveryRequest
        | envoy.service.discovery.v3.DeltaDiscoveryRequest,
        now: float,
    ) -> None:
        if self._met:
            return
        if not request.HasField("node"):
            raise ProtocolError("the first request of a stream must carry a node")
        self._met = True
        self.opened = now
        self.protocol = "delta" if "Delta" in request.DESCRIPTOR.name else "sotw"
        self.node = request.node.id
        self._in_parts = (
            self.protocol == "delta" and not self._type_url and takes_parts(request.node)
        )
        self._takes_ttl = takes_ttl(request.node, sotw=self.protocol == "sotw")

    def _type_of(
        self,
        request: envoy.service.discovery.v3.DiscoveryRequest
        | envoy.service.discovery.v3.DeltaDiscoveryRequest,
    ) -> str:
        type_url = request.type_url or self._type_url
        if not type_url:
            raise ProtocolError("a request on an aggregated stream must carry a type_url")
        if self._type_url and type_url != self._type_url:
            raise ProtocolError(f"this stream is for {self._type_url}, not for {type_url}")
        return type_url

    def _begin(self, claimed: str, now: float) -> None:
        recalled = self._recall(claimed) if claimed else None
        self._sure = recalled is not None
        self._steps = deque(self._plan(recalled or EMPTY, sure=self._sure))
        self.behind = now
        self._entered = now

    def _send(self, step: Step, now: float) -> list[bytes]:
        frames: list[bytes] = []
        busy: set[str] = set()
        view = self._show(step.view)
        for type_url in self._in_order:
            watch = self._watches[type_url]
            if not step.sends(type_url) and not (watch.urgent and view.of(type_url).by_name):
                continue
            if watch.outstanding and now < self._sent_at[type_url] + self._barrier:
                busy.add(type_url)
                continue
            if FOLLOWS.get(type_url) in busy:
                continue
            of = view.of(type_url)
            if of.expiring and type_url not in self._greeted:
                # How much is left of their time on a client that comes back, it does not say.
                watch.again(of.expiring)
            self._greeted.add(type_url)
            push = watch.respond(of, prune=step.prunes(type_url))
            if push.frames:
                self._leases.sent(type_url, push.names, of, now)
                self._sent_at[type_url] = now
                size = sum(map(len, push.frames))
                self._pushed.append(Pushed(type_url, size, len(push.names), len(push.frames)))
                frames += push.frames
                self._send_after(type_url, push, step.view)
            elif not watch.outstanding:
                self._had[type_url] = of.version
        return frames

    def _free_at(self, type_url: str) -> float | None:
        """Until when the ACK of a type is waited for; None where none is."""
        busy = self._watches[type_url].outstanding
        return self._sent_at[type_url] + self._barrier if busy else None

    def _send_after(self, type_url: str, push: Push, view: Snapshot) -> None:
        """Have endpoints, secrets and virtual hosts follow what was sent that needs them.

        Envoy makes such a resource anew and waits for them, though it does not ask again for
        names that it is subscribed to already. Virtual hosts that come before their table, it
        forgets.
        """
        hosts = self._watches.get(VIRTUAL_HOST)
        if type_url == ROUTE and hosts is not None:
            of = view.of(VIRTUAL_HOST)
            tables = by_table(of.version, of.by_name)
            hosts.again(frozenset().union(*(tables.get(name, ()) for name in push.names)))
        if type_url not in {CLUSTER, LISTENER}:
            return
        followers = [self._watches.get(ENDPOINT), self._watches.get(SECRET)]
        if not any(followers):
            return
        by_name = view.of(type_url).by_name
        found = [references(by_name[name].body) for name in push.names]
        for watch, names in zip(
            followers,
            ([one.endpoints for one in found], [one.secrets for one in found]),
            strict=True,
        ):
            if watch is not None:
                watch.again(frozenset().union(*names))

    def _pending(self) -> list[str]:
        return [url for url, watch in self._watches.items() if watch.outstanding]

    def _waiting(self, step: Step) -> bool:
        if any(step.sends(type_url) for type_url in self._pending()):
            return True
        return step.phase is not Phase.MAKE and self._yet_to_ask(step.view)

    def _yet_to_ask(self, view: Snapshot) -> bool:
        """Whether an Envoy has still to subscribe to listeners, or to routes that these name.

        An Envoy is known by its wildcard for clusters. Just after it connects, its requests come
        one by one; nothing may be pruned while some of them are on their way.
        """
        clusters = self._watches.get(CLUSTER)
        if self._type_url or clusters is None or not clusters.subscription.wildcard:
            return False
        listeners = self._watches.get(LISTENER)
        if listeners is None:
            return True
        if not listeners.subscription.wildcard:
            return False
        known = view.of(ROUTE).by_name.keys()
        named: set[str] = set()
        for one in view.of(LISTENER).by_name.values():
            named |= references(one.body).routes & known
        if not named <= self._asked(ROUTE):
            return True
        in_parts = {name for name in named if self._in_parts and is_in_parts(name)}
        hosts = self._watches.get(VIRTUAL_HOST)
        return bool(in_parts) and not (hosts and hosts.subscription)

    def _asked(self, type_url: str) -> frozenset[str]:
        watch = self._watches.get(type_url)
        return watch.subscription.names if watch else frozenset()

    def _show(self, view: Snapshot) -> Snapshot:
        if self._shown[0] is not view:
            self._shown = (view, shown(view, in_parts=self._in_parts, expiring=self._takes_ttl))
        return self._shown[1]
