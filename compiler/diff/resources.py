"""Which of Envoy's resources, and of the edge's, come, go and change, and in which fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from compiler.diff.message_fields import FieldChange, json_changes, message_changes
from compiler.dump import plain
from compiler.lower.lowered import Lowered
from compiler.source import Span
from xds.edge.key_table import KeyTable
from xds.edge.resources import KEYS, TYPES
from xds.order import rank
from xds.resource import Resource


class Fate(StrEnum):
    """What became of a resource."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One resource; ``fields`` are those that differ, of a changed one alone.

    ``before_at`` and ``after_at`` are the lines that made it.
    """

    type_url: str
    name: str
    fate: Fate
    fields: tuple[FieldChange, ...] = ()
    before_at: Span | None = None
    after_at: Span | None = None

    @property
    def type(self) -> str:
        """The last word of its type: `Cluster`."""
        return self.type_url.rpartition(".")[2]


def resource_changes(before: Lowered, after: Lowered) -> tuple[ResourceChange, ...]:
    """Compare what both serve, in the order in which ADS sends the types."""
    old = {(one.type_url, one.name): one for one in before.resources}
    new = {(one.type_url, one.name): one for one in after.resources}
    found: list[ResourceChange] = []
    for key in sorted({*old, *new}, key=lambda one: (rank(one[0]), one[1])):
        had, has = old.get(key), new.get(key)
        places = (before.origins.get(key), after.origins.get(key))
        if had is None:
            found.append(ResourceChange(*key, Fate.ADDED, (), *places))
        elif has is None:
            found.append(ResourceChange(*key, Fate.REMOVED, (), *places))
        elif had.message != has.message or had.ttl != has.ttl:
            found.append(ResourceChange(*key, Fate.CHANGED, tuple(_fields(had, has)), *places))
    return tuple(found)


def _fields(had: Resource, has: Resource) -> Iterator[FieldChange]:
    if had.ttl != has.ttl:
        yield FieldChange("(ttl)", str(had.ttl), str(has.ttl))
    if had.type_url not in TYPES:
        yield from message_changes(had.message, has.message)
        return
    one, other = (_body(side) for side in (had, has))
    yield from json_changes(one, other, "")


def _body(resource: Resource) -> Any:
    """Read what the edge is served; keys by their ids, never by their digests."""
    message: Any = resource.message
    if resource.type_url != KEYS:
        return msgspec.json.decode(message.body)
    table = KeyTable().with_shards({resource.name: message.body})
    keys: dict[str, list[Any]] = {}
    for _, key in table:
        keys.setdefault(key.id, []).append(plain(key))
    return keys
