"""Virtual hosts on demand: a client names the hosts that it has requests for, and gets these.

A table whose name ends with ``@on-demand`` is sent as a shell. When a request comes for a host that
an Envoy does not know, it asks for ``<table>/<host header>`` and holds the request back. It is
answered by a virtual host for exactly that host, whichever one serves it: one for ``*`` would
take all other hosts as well, and none of these would be asked for any more. Two names of one host
(with a port and without) are one resource with two aliases, because a table must not have a
domain twice. What nobody serves is answered by a resource without a body: Envoy then lets the
request go on, to its 404; it takes no notice of names that are said to be removed.

Envoy asks again for each request that finds no route, and is answered again.

Source: "Virtual Host Discovery Service" of Envoy's docs, its ``VhdsSubscription`` and
``DeltaSubscriptionState``; envoy/service/discovery/v3/discovery.proto (Resource.aliases).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from xds.order import VIRTUAL_HOST
from xds.schema import envoy, google
from xds.shards import is_on_demand, part_name, table_of
from xds.snapshot import Encoded, Resources, content_version
from xds.wire import decode, encode, pack

LIMIT: Final = 100_000
"""Names that one stream may ask for; what comes after is answered as if there were no such host."""

_LONGEST: Final = 254
"""What no host's name is longer than, with the slash before it (RFC 1035)."""

_NOBODY: Final = "none"
"""The version of a host that nobody serves."""

_log = logging.getLogger(__name__)


class OnDemand:
    """The names that one stream asked for, and the resources that they stand for.

    A resource is called ``<table>/<host>``, the host in small letters and without its port;
    ``names`` are those of all of them, with ``<table>/`` for each table: a resource without a
    body, for which Envoy's new table waits before it serves.
    """

    __slots__ = ("_again", "_asked", "_limit", "_refused", "_tables", "_told")

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._asked: dict[str, set[str]] = {}
        self._again: set[str] = set()
        self._refused: set[str] = set()
        self._tables: set[str] = set()
        self._told = False

    @property
    def names(self) -> frozenset[str]:
        """The resources that the names stand for."""
        return frozenset(self._asked) | self._refused | self._tables

    @property
    def waiting(self) -> bool:
        """Whether names were asked for that `take` has not given yet."""
        return bool(self._again)

    def ask(self, names: Iterable[str], brought: frozenset[str]) -> frozenset[str]:
        """Note what is asked for; give the names that are none of hosts on demand.

        ``brought`` is what the client has already, from another stream.
        """
        names = frozenset(names)
        for name in sorted(filter(_is_asked, names | brought)):
            resource = canonical(name)
            known = self._asked.get(resource)
            too_long = len(resource) - len(table_of(resource)) > _LONGEST
            if known is None and (too_long or len(self._asked) >= self._limit):
                self._refuse(name)
                continue
            if known is None:
                known = self._asked[resource] = set()
            known.add(name)
            if name not in brought and resource not in brought:
                self._again.add(resource)
        return frozenset(name for name in names if not _is_asked(name))

    def drop(self, names: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
        """Forget names; give those that are none of hosts on demand, and resources let go."""
        others, gone = set(), set()
        for name in names:
            if not _is_asked(name):
                others.add(name)
                continue
            resource = canonical(name)
            known = self._asked.get(resource, set())
            known.discard(name)
            if not known:
                self._asked.pop(resource, None)
                self._again.discard(resource)
                gone.add(resource)
        return frozenset(others), frozenset(gone)

    def again(self, names: frozenset[str]) -> frozenset[str]:
        """Send once more what there is of the tables of these; give the names of other tables."""
        tables = {table for name in names if is_on_demand(table := table_of(name))}
        if not tables:
            return names
        self._again.update(part_name(table, "") for table in tables)
        self._again.update(name for name in self._asked if table_of(name) in tables)
        return frozenset(name for name in names if table_of(name) not in tables)

    def take(self) -> frozenset[str]:
        """Give, once, the resources that are to be sent though they may not have changed."""
        again, self._again = frozenset(self._again), set()
        return again

    def view(
        self,
        resources: Resources,
        tables: Mapping[str, frozenset[str]],
        has: Mapping[str, str],
        again: frozenset[str],
    ) -> Resources:
        """Give what this stream is to have: of tables on demand, what was asked for.

        A host that nobody serves is among it while it is ``again`` to be answered, and after that;
        one that the client ``has`` otherwise is left out, that is to say, removed.
        """
        on_demand = {table for table in tables if is_on_demand(table)}
        self._tables = {part_name(table, "") for table in on_demand}
        if not on_demand and not self._asked and not self._refused:
            return resources
        by_name = {n: one for n, one in resources.by_name.items() if table_of(n) not in on_demand}
        for name in self._tables:
            by_name[name] = _nobody(name, (name,))
        for name, aliases in self._asked.items():
            table = table_of(name)
            serving = next(_candidates(table, name, resources.by_name), None)
            sorted_aliases = tuple(sorted(aliases))
            if serving is not None:
                by_name[name] = _for_host(serving, name, sorted_aliases)
            elif name in again or has.get(name) == _NOBODY:
                by_name[name] = _nobody(name, sorted_aliases)
        for name in self._refused:
            by_name[name] = _nobody(name, (name,))
        self._refused = set()
        return Resources(by_name, resources.version)

    def _refuse(self, name: str) -> None:
        self._refused.add(name)
        self._again.add(name)
        if len(self._asked) >= self._limit and not self._told:
            self._told = True
            _log.warning("a stream asks for more than %d virtual hosts", self._limit)


def canonical(name: str) -> str:
    """Give the resource that ``<table>/<host header>`` asks for: without a port."""
    table, _, host = name.partition("/")
    host = host.lower()
    before, colon, port = host.rpartition(":")
    # As in `[::1]:80`; the colons of `[::1]` are no port's.
    if colon and port.isdigit() and (":" not in before or before.endswith("]")):
        host = before
    return part_name(table, host)


def _is_asked(name: str) -> bool:
    return is_on_demand(table_of(name)) and not name.endswith("/")


def _candidates(table: str, name: str, by_name: Mapping[str, Encoded]) -> Iterator[Encoded]:
    """Give the virtual hosts that serve a host, in the order in which Envoy chooses."""
    host = name[len(table) + 1 :]
    for domain in domains(host):
        one = by_name.get(part_name(table, domain))
        if one is not None:
            yield one


def domains(host: str) -> Iterator[str]:
    """Give all domains that take a host, the most particular first, as Envoy matches them."""
    yield host
    for start in range(1, len(host)):
        yield "*" + host[start:]
    for end in range(len(host) - 1, 0, -1):
        yield host[:end] + "*"
    yield "*"


def _nobody(name: str, aliases: tuple[str, ...]) -> Encoded:
    return Encoded(name, _NOBODY, b"", aliases=aliases)


def _for_host(serving: Encoded, name: str, aliases: tuple[str, ...]) -> Encoded:
    if serving.name == name:
        return Encoded(name, serving.version, serving.body, aliases=aliases)
    body = _narrowed(serving.body, name)
    return Encoded(name, content_version(VIRTUAL_HOST, body), body, aliases=aliases)


@lru_cache(maxsize=4096)
def _narrowed(body: bytes, name: str) -> bytes:
    """Make the virtual host for one host alone of what serves many."""
    packed = google.protobuf.Any.FromString(body)
    host = decode(envoy.config.route.v3.VirtualHost, packed.value)
    host.name = name
    del host.domains[:]
    host.domains.append(name.partition("/")[2])
    return encode(pack(host))
