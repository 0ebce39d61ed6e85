"""What linking gives: documents whose names lead somewhere, and what was worked out on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from compiler.invariants.invariant import Invariant
from compiler.plan import Match
from compiler.plan_accounts import AuthMethod
from compiler.plan_llm import Endpoint
from compiler.schema import GatewayDocument
from compiler.schema.models import ModelDocument
from compiler.schema.routes import RouteDocument
from compiler.schema.tenants import TenantDocument
from compiler.source import Path, Span
from xds.node_match import NodeMatch

Locate = Callable[[Path], Span]
"""Where a place of the document was written; a place that was not gives the nearest that was."""


@dataclass(frozen=True, slots=True)
class LinkedTarget:
    """A target whose provider exists; ``model`` is the provider's own name for it.

    ``window`` is its context window where the policy says it, in tokens.
    """

    provider: str
    model: str
    weight: int
    timeout: timedelta | None
    path: Path
    window: int | None = None


@dataclass(frozen=True, slots=True)
class LinkedModel:
    """A model with all its names, and its targets in groups that are tried in order.

    ``endpoints`` are the operations that all targets can serve, of those that are asked for.
    """

    name: str
    aliases: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    groups: tuple[tuple[LinkedTarget, ...], ...]
    document: ModelDocument
    path: Path


@dataclass(frozen=True, slots=True)
class LinkedRoute:
    """A route with its name, the listeners it stands on, and the models that it serves.

    ``place`` is its position in the text, which breaks the last ties of order. ``auth`` has each
    issuer by itself; ``allow`` has names of tenants, None is all.
    """

    name: str
    listeners: tuple[str, ...]
    match: Match
    models: tuple[str, ...]
    document: RouteDocument
    path: Path
    place: int
    auth: tuple[AuthMethod, ...] = ()
    allow: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class LinkedGroup:
    """A group of nodes with the names that its globs stand for, sorted.

    ``routes`` are those that stand on one of ``listeners``.
    """

    name: str
    nodes: NodeMatch
    listeners: tuple[str, ...]
    routes: tuple[str, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class LinkedTenant:
    """A tenant with the models and routes that it has in the end; None is all.

    ``lineage`` are its tier and those that this one extends, nearest first. ``parts`` are the
    models of teams (``team NAME``) and keys (by id) that have some of their own.
    """

    name: str
    lineage: tuple[str, ...]
    models: tuple[str, ...] | None
    routes: tuple[str, ...] | None
    parts: Mapping[str, tuple[str, ...] | None]
    document: TenantDocument
    path: Path


@dataclass(frozen=True, slots=True)
class Linked:
    """A gateway in which every name leads somewhere.

    Models and tenants are sorted by name; routes stand as they are tried, and so do groups.
    """

    document: GatewayDocument
    models: tuple[LinkedModel, ...]
    routes: tuple[LinkedRoute, ...]
    locate: Locate = field(compare=False, repr=False)
    groups: tuple[LinkedGroup, ...] = ()
    tenants: tuple[LinkedTenant, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    locate_key: Locate | None = field(default=None, compare=False, repr=False)
    """Where the key at the end of a place was written; ``locate`` does where it is not given."""
