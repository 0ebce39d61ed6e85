"""All that a reviewer is shown of a change: made of two compilations, and of what was used."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.diff.change import Changes
from compiler.diff.connections import Connection, connections
from compiler.diff.plans import changes_of
from compiler.diff.promises import promises
from compiler.diff.radius import Radius, radius
from compiler.diff.recorded import Used, called_now
from compiler.diff.resources import ResourceChange, resource_changes
from compiler.diff.sides import sides_of
from compiler.diff.spending import Spending, spending
from compiler.pipeline import Compiled


@dataclass(frozen=True, slots=True)
class Review:
    """What changes between two policies; ``before`` and ``after`` are what people call them.

    ``spending`` is None where no usage was given. Resources may differ where behaviour does not
    (names in metadata), and never the other way round.
    """

    before: str
    after: str
    changes: Changes
    connections: tuple[Connection, ...]
    resources: tuple[ResourceChange, ...]
    radius: Radius
    spending: Spending | None

    @property
    def same(self) -> bool:
        """Whether both do the same."""
        return not self.changes


def review(
    before: Compiled,
    after: Compiled,
    *,
    names: tuple[str, str],
    usage: tuple[Used, ...] | None = None,
) -> Review:
    """Compare two compilations that have no errors, invariants included."""
    sides = sides_of(before.plan, after.plan)
    changes = changes_of(sides)
    promised = tuple(promises(before.outputs["linked"], after.outputs["linked"]))
    if promised:
        found = (*changes.entries, *promised)
        changes = Changes(tuple(sorted(found, key=lambda one: one.order)))
    resources = () if not changes else resource_changes(before.lowered, after.lowered)
    used = None if usage is None else tuple(called_now(one, sides.renamed) for one in usage)
    return Review(
        *names,
        changes,
        connections(resources),
        resources,
        radius(changes, sides, used),
        None if used is None else spending(used, sides),
    )
