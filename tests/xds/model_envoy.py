"""A model of Envoy as an ADS client: what it holds, what it asks for, when it acknowledges.

Written from Envoy's own behaviour: it withholds the ACK of clusters until each has endpoints that
came after it, asks for the endpoints of the clusters and the routes of the listeners it has, and
serves on with the old cluster while the new one warms.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from tests.xds.client import Client
from xds.order import CLUSTER, ENDPOINT, LISTENER, ROUTE
from xds.references import references
from xds.schema import google
from xds.snapshot import content_version
from xds.wire import unpack

TYPES = (CLUSTER, ENDPOINT, LISTENER, ROUTE)


def target_of(body):
    """The one cluster that a route configuration of these tests sends to."""
    message = unpack(google.protobuf.Any.FromString(body))
    return message.virtual_hosts[0].routes[0].route.cluster


@dataclass
class ModelEnvoy:
    """One Envoy; `deliver` lets it take the next response, `hear` the server the next request."""

    group: object
    protocol: str
    held: dict[str, dict[str, bytes]] = field(default_factory=lambda: {url: {} for url in TYPES})
    version: dict[str, str] = field(default_factory=dict)
    warming: set[str] = field(default_factory=set)
    """Clusters that wait for endpoints; the same name may be active in an older version."""
    active: set[str] = field(default_factory=set)
    responses: deque = field(default_factory=deque)
    requests: deque = field(default_factory=deque)
    refuse_next: str | None = None
    accepted: set = field(default_factory=set)

    def __post_init__(self):
        self.connect()

    def connect(self):
        """Open a new stream and say again all that is wanted, with what is held."""
        self.responses.clear()
        self.requests.clear()
        self.client = Client(self.group, self.protocol)
        self.nonce = dict.fromkeys(TYPES, "")
        self.asked = {ENDPOINT: set(), ROUTE: set()}
        self.withheld = None
        for url in (CLUSTER, ENDPOINT, LISTENER, ROUTE):
            names = self._wanted(url)
            if url in self.asked:
                if not names:
                    continue
                self.asked[url] = set(names)
            self.requests.append(
                {
                    "type_url": url,
                    "names": names,
                    "version": self.version.get(url, ""),
                    "has": {n: content_version(url, b) for n, b in self.held[url].items()},
                }
            )

    def reconnect(self):
        self.group.leave(self.client.session)
        self.connect()

    def hear(self):
        """Let the server take the oldest request; False when there is none."""
        if not self.requests:
            return False
        request = self.requests.popleft()
        if self.protocol == "sotw":
            request.pop("has", None)
            request.pop("drop", None)
        else:
            request.pop("version", None)
        url, names = request.pop("type_url"), request.pop("names")
        self.responses += self.client.ask(url, *names, **request)
        return True

    def deliver(self):
        """Take the oldest response; False when there is none."""
        if not self.responses:
            return False
        response = self.responses.popleft()
        url = response.type_url
        gone = set(response.removed)
        if self.protocol == "sotw" and url in (CLUSTER, LISTENER):
            gone = self.held[url].keys() - response.resources.keys()
        watched = {
            name: body
            for name, body in response.resources.items()
            # What was asked for and dropped meanwhile is not taken.
            if url not in self.asked or name in self.asked[url]
        }
        changed = {name: body for name, body in watched.items() if self.held[url].get(name) != body}
        new = {(url, *one) for one in changed.items()} - self.accepted
        if self.refuse_next == url and new:
            # There is a fault in something new: nothing is refused that was accepted before, nor
            # that something is taken away.
            self.refuse_next = None
            self._answer(response, error=f"refused {' '.join(sorted(name for _, name, _ in new))}")
            return True
        self.held[url].update(watched)
        self.accepted |= new
        for name in gone:
            self.held[url].pop(name, None)
        if url == CLUSTER:
            self.warming = (self.warming | changed.keys()) - gone
            self.active -= gone
            # Endpoints count for a cluster only when they come after it.
        elif url == ENDPOINT:
            self.active |= self.warming & response.resources.keys()
            self.warming -= response.resources.keys() | response.removed
        self._answer(response)
        return True

    def settled(self):
        """Whether nothing is under way in either direction."""
        return not self.responses and not self.requests

    def _answer(self, response, error=None):
        url = response.type_url
        self.nonce[url] = response.nonce
        if error is None:
            self.version[url] = response.version
        self._ask_for_what_is_new()
        # In SotW a later response of the type takes the place of one that waits for its ACK.
        if url == CLUSTER:
            waiting = self.withheld or []
            self.withheld = [*waiting, (response, error)]
        else:
            self._send_answer(response, error)
        if self.withheld and not self.warming:
            for answer in self.withheld if self.protocol == "delta" else self.withheld[-1:]:
                self._send_answer(*answer)
            self.withheld = None

    def _send_answer(self, response, error):
        url = response.type_url
        self.requests.append(
            {
                "type_url": url,
                "names": self._wanted(url) if self.protocol == "sotw" else [],
                "nonce": response.nonce,
                "version": self.version.get(url, ""),
                "error": error,
            }
        )

    def _ask_for_what_is_new(self):
        for url, asked in self.asked.items():
            names = set(self._wanted(url))
            if names == asked:
                continue
            more, less = names - asked, asked - names
            self.asked[url] = names
            for name in less:
                self.held[url].pop(name, None)
            self.requests.append(
                {
                    "type_url": url,
                    "names": sorted(names if self.protocol == "sotw" else more),
                    "drop": sorted(less),
                    "nonce": self.nonce[url],
                    "version": self.version.get(url, ""),
                }
            )

    def _wanted(self, url):
        """The names asked for of a type; none is the wildcard of clusters and listeners."""
        if url == ENDPOINT:
            found = (references(body).endpoints for body in self.held[CLUSTER].values())
        elif url == ROUTE:
            found = (references(body).routes for body in self.held[LISTENER].values())
        else:
            return []
        return sorted(frozenset().union(*found))
