"""Put the keys of documents into the order of the schema; comments go with what they are about."""

from __future__ import annotations

from dataclasses import dataclass, replace

from compiler.format.order import Kinds, below, items, rank
from compiler.format.tree import Collection, Entry, Node, comments, has_aliases

_Lines = tuple[str, ...]


def arrange(root: Node, kinds: Kinds) -> Node:
    """Give the tree with its keys in order; one that repeats values by aliases keeps its own."""
    return _Arranging(sorts=not has_aliases(root)).node(root, kinds)


@dataclass(frozen=True, slots=True)
class _Arranging:
    sorts: bool

    def node(self, node: Node, kinds: Kinds) -> Node:
        if not isinstance(node, Collection):
            return node
        entries = tuple(
            replace(
                entry,
                value=self.node(
                    entry.value, below(kinds, entry.key.value) if entry.key else items(kinds)
                ),
            )
            for entry in node.entries
        )
        if not node.is_mapping:
            return replace(node, entries=tuple(map(_hoisted, entries)))
        return replace(node, entries=_ordered(entries, kinds) if self.sorts else entries)


def _hoisted(item: Entry) -> Entry:
    """Put above an item what stands above the first line of its own: there is one line for both."""
    value = item.value
    if not isinstance(value, Collection) or not value.entries:
        return item
    first, *others = value.entries
    above = (*item.above, *filter(None, (value.opening,)), *comments(first.above))
    value = replace(value, opening="", entries=(replace(first, above=()), *others))
    return replace(item, above=above, value=value)


def _ordered(entries: tuple[Entry, ...], kinds: Kinds) -> tuple[Entry, ...]:
    places = rank(kinds, [entry.key.value for entry in entries if entry.key is not None])
    if places is None:
        return entries
    last = len(places)

    def place(entry: Entry) -> int:
        return places.get(entry.key.value, last) if entry.key else last

    ordered = sorted(entries, key=place)
    new, old = ordered[0], entries[0]
    if new is old:
        return tuple(ordered)
    # What heads the block stays there. Only the first entry of a block has no blank line above it.
    head, own = _headed(old.above)
    was_apart = new.above[:1] == ("",)
    moved = replace(old, above=(*([""] if was_apart else []), *own))
    first = replace(new, above=(*head, *(new.above[1:] if was_apart else new.above)))
    return tuple(first if one is new else moved if one is old else one for one in ordered)


def _headed(above: _Lines) -> tuple[_Lines, _Lines]:
    """Part the comments before the last blank line from those that are about the first entry."""
    for index in reversed(range(len(above))):
        if not above[index]:
            return above[: index + 1], above[index + 1 :]
    return (), above
