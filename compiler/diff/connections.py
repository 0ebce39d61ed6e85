"""What Envoy does with connections when these resources change.

A listener that changed in anything takes new connections at once and drains its old ones: HTTP/1
is answered `connection: close`, HTTP/2 gets a GOAWAY, and what is left is cut after Envoy's
`--drain-time-s` (600 s unless said). A cluster that changed is warmed beside the old one and then
takes its place, with empty connection pools; the old pools close as their requests end. Endpoints
that stay keep their connections. Routes, virtual hosts and what the edge is served are swapped
under running connections. Source: "Draining", "Cluster manager" and "Listener discovery service" of
Envoy's docs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from compiler.diff.resources import Fate, ResourceChange
from xds.order import CLUSTER, ENDPOINT, LISTENER


class Effect(StrEnum):
    """What happens to connections."""

    DRAINS = "drains"
    """Clients' connections are closed in order, and made anew."""
    CLOSES = "closes"
    """A listener is gone: nobody answers there any more."""
    RECONNECTS = "reconnects"
    """Connections to an upstream are made anew."""
    ENDS = "ends"
    """A cluster is gone: its connections end with their requests."""
    MOVES = "moves"
    """Endpoints come and go; connections to those that stay are kept."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What happens to the connections of one listener or cluster."""

    effect: Effect
    name: str
    words: str


def connections(changes: Iterable[ResourceChange]) -> tuple[Connection, ...]:
    """Tell what drains, closes and reconnects; nothing where only routes and the edge changed."""
    found: list[Connection] = []
    for one in changes:
        if one.type_url == LISTENER and one.fate is Fate.CHANGED:
            found.append(
                Connection(Effect.DRAINS, one.name, "drains its connections: clients reconnect")
            )
        elif one.type_url == LISTENER and one.fate is Fate.REMOVED:
            found.append(
                Connection(Effect.CLOSES, one.name, "is gone: its connections drain and end")
            )
        elif one.type_url == CLUSTER and one.fate is Fate.CHANGED:
            found.append(Connection(Effect.RECONNECTS, one.name, "gets new connection pools"))
        elif one.type_url == CLUSTER and one.fate is Fate.REMOVED:
            found.append(Connection(Effect.ENDS, one.name, "is gone, with its connections"))
        elif one.type_url == ENDPOINT and one.fate is Fate.CHANGED:
            words = "keeps its connections to endpoints that stay"
            found.append(Connection(Effect.MOVES, one.name, words))
    order = list(Effect)
    return tuple(sorted(found, key=lambda one: (order.index(one.effect), one.name)))
