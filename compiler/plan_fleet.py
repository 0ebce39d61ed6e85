"""The fleet's part of the plan: which nodes get what, and how a change comes to them.

Shares are in basis points, whole hundredths of a percent: 5 % is 500.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from compiler.source import Span
from xds.node_match import NodeMatch

WHOLE = 10_000
"""All nodes, or all requests, in basis points."""

DEFAULT_GROUP = "default"
"""The group of all nodes, where a policy names none."""


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """The nodes that are given the same part of the gateway.

    ``identity`` are globs of the names (SANs: URIs, or DNS names in small letters) in the client
    certificates whose holders may be in this group; empty: nothing is asked. ``listeners`` and
    ``routes`` are names, sorted, of what is there. ``at`` is None for the group of a policy that
    names none.
    """

    name: str
    nodes: NodeMatch
    identity: tuple[str, ...]
    listeners: tuple[str, ...]
    routes: tuple[str, ...]
    at: Span | None = field(compare=False)


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a change comes to the nodes of a group: some first, and more while all is well.

    ``canary`` and ``then`` are the shares of nodes, in basis points, that have the change after
    each wave; they grow, and the last is WHOLE. A wave is held for ``hold`` once all of its nodes
    have taken it, and rolled back if more than ``max_errors`` (basis points; None: however many) of
    their requests fail, or if it is not through within ``deadline``.
    """

    canary: int
    then: tuple[int, ...]
    hold: timedelta
    max_errors: int | None
    deadline: timedelta
    at: Span = field(compare=False)

    @property
    def waves(self) -> tuple[int, ...]:
        """The shares of all waves, the canary's first."""
        return (self.canary, *self.then)


@dataclass(frozen=True, slots=True)
class RuntimeShare:
    """A share of events, as a runtime value: ``millionths`` of all of them."""

    millionths: int


RuntimeValue = bool | int | float | str | RuntimeShare
"""What a runtime key can be set to."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runtime keys are set to on every node, sorted by key.

    Nodes keep them for ``ttl`` without hearing from the control plane; for ever where it is None.
    """

    values: tuple[tuple[str, RuntimeValue], ...]
    at: Span = field(compare=False)
    ttl: timedelta | None = None
