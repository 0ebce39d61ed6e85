"""Which nodes belong somewhere, by what they say of themselves.

A node is the first message's ``node`` of an xDS stream (``envoy.config.core.v3.Node``): whatever
stands in it is a claim. Who may make it is for the client's certificate to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xds.glob import ANY, common, covers, matches

if TYPE_CHECKING:
    from xds.schema import envoy

    Node = envoy.config.core.v3.Node


_FIELDS = ("id", "cluster", "region", "zone")


@dataclass(frozen=True, slots=True)
class NodeMatch:
    """Globs for the fields of a node, all of which must hold; None takes anything.

    ``metadata`` are (key, glob), sorted: the node must have the key, with a value whose text
    (``yes``, ``true``, ``5``) is one of the glob's. Lists and mappings have no text.
    """

    id: str | None = None
    cluster: str | None = None
    region: str | None = None
    zone: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()

    def takes(self, node: Node) -> bool:
        """Tell whether a node is one of these."""
        said = (node.id, node.cluster, node.locality.region, node.locality.zone)
        if not all(
            matches(glob, text)
            for glob, text in zip(self._fields(), said, strict=True)
            if glob is not None
        ):
            return False
        for key, glob in self.metadata:
            text = _text(node.metadata.fields[key]) if key in node.metadata.fields else None
            if text is None or not matches(glob, text):
                return False
        return True

    def covers(self, other: NodeMatch) -> bool:
        """Tell whether every node that ``other`` takes is taken by this one too."""
        asked = dict(other.metadata)
        return all(
            covers(wide or ANY, narrow or ANY)
            for wide, narrow in zip(self._fields(), other._fields(), strict=True)
        ) and all(key in asked and covers(glob, asked[key]) for key, glob in self.metadata)

    def settles(self, one: NodeMatch, other: NodeMatch) -> bool:
        """Tell whether it is narrower than two others, and takes every node that both of them take.

        True only where that can be told field by field.
        """
        if not (one.covers(self) and other.covers(self)):
            return False
        one_asks, other_asks = dict(one.metadata), dict(other.metadata)
        return all(
            covers(mine or ANY, a or ANY) or covers(mine or ANY, b or ANY)
            for mine, a, b in zip(self._fields(), one._fields(), other._fields(), strict=True)
        ) and all(
            any(key in asks and covers(glob, asks[key]) for asks in (one_asks, other_asks))
            for key, glob in self.metadata
        )

    def common(self, other: NodeMatch) -> NodeMatch | None:
        """Give nodes that both take, or None where there are none."""
        fields = {
            name: common(one or ANY, another or ANY)
            for name, one, another in zip(_FIELDS, self._fields(), other._fields(), strict=True)
        }
        mine, its = dict(self.metadata), dict(other.metadata)
        metadata = {
            key: common(mine.get(key, ANY), its.get(key, ANY)) for key in sorted({*mine, *its})
        }
        if None in fields.values() or None in metadata.values():
            return None
        return NodeMatch(
            **{name: None if glob == ANY else glob for name, glob in fields.items()},
            metadata=tuple((key, text or "") for key, text in metadata.items()),
        )

    @property
    def breadth(self) -> tuple[int, int]:
        """A sort key under which a match stands before every other that covers it.

        Fewer characters and keys are asked for by what covers; where the count is the same, it has
        more stars.
        """
        globs = [glob or ANY for glob in self._fields()] + [glob for _, glob in self.metadata]
        stars = sum(glob.count(ANY) for glob in globs)
        return stars - sum(map(len, globs)) - len(self.metadata), stars

    def _fields(self) -> tuple[str | None, ...]:
        return self.id, self.cluster, self.region, self.zone

    def __str__(self) -> str:
        """``cluster edge, region eu-*``, as people are told of it; ``any node`` for all of them."""
        return ", ".join(self._spoken()) or "any node"

    def _spoken(self) -> Iterator[str]:
        for name, glob in zip(_FIELDS, self._fields(), strict=True):
            if glob:
                yield f"{name} {glob}"
        for key, glob in self.metadata:
            yield f"metadata {key}={glob}"


def _text(value: Any) -> str | None:
    """Give the text of a google.protobuf.Value that is a scalar."""
    match value.WhichOneof("kind"):
        case "string_value":
            return str(value.string_value)
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "number_value":
            return f"{value.number_value:.15g}"
        case _:
            return None
