"""What a replay comes to: how many requests change, how, whose, and which for example.

Memory is bounded by the kinds of change that there are and not by the requests: groups, tenants and
examples are kept up to a number each, and what is more is counted together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from compiler.replaying.change import Change, Kind

MOST_GROUPS = 200
"""Of one kind; further ones are counted together."""
MOST_TENANTS = 1_000
OTHERS = "others"


@dataclass(slots=True)
class Group:
    """All requests that change in one way; ``examples`` are the ids of the first ones."""

    change: Change
    count: int = 0
    tenants: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Spent:
    """What requests for a model cost before and after, in pico-USD, where both are known."""

    requests: int = 0
    changed: int = 0
    before: int = 0
    after: int = 0
    unknown: int = 0
    """Requests of which a side has no price."""


@dataclass(slots=True)
class Tally:
    """The counts of a replay so far."""

    examples: int = 3
    """How many request ids are kept of each group."""
    requests: int = 0
    changed: int = 0
    by_kind: Counter[Kind] = field(default_factory=Counter)
    groups: dict[Change, Group] = field(default_factory=dict)
    costs: dict[str, Spent] = field(default_factory=dict)

    def add(self, request_id: str, tenant: str, found: Iterable[Change]) -> None:
        """Count one request with what changes for it."""
        self.requests += 1
        kinds: set[Kind] = set()
        for change in found:
            kinds.add(change.kind)
            group = self._group(change)
            group.count += 1
            known = tenant in group.tenants or len(group.tenants) < MOST_TENANTS
            group.tenants[tenant if known else OTHERS] += 1
            if request_id and len(group.examples) < self.examples:
                group.examples.append(request_id)
        self.changed += bool(kinds)
        self.by_kind.update(kinds)

    def spend(self, model: str, before: int | None, after: int | None) -> None:
        """Count what one request for a model costs on both sides; None is unknown."""
        if model not in self.costs and len(self.costs) >= MOST_GROUPS:
            model = OTHERS
        spent = self.costs.setdefault(model, Spent())
        spent.requests += 1
        if before is None or after is None:
            spent.unknown += 1
            return
        spent.changed += before != after
        spent.before += before
        spent.after += after

    def sorted_groups(self, kind: Kind) -> list[Group]:
        """Give the groups of a kind, the largest first."""
        found = [group for group in self.groups.values() if group.change.kind is kind]
        return sorted(found, key=lambda one: (-one.count, one.change.before, one.change.after))

    def _group(self, change: Change) -> Group:
        found = self.groups.get(change)
        if found is None:
            of_kind = sum(one.kind is change.kind for one in self.groups)
            if of_kind >= MOST_GROUPS:
                change = Change(change.kind, OTHERS, OTHERS)
            found = self.groups.setdefault(change, Group(change))
        return found
