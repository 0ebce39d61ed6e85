"""Doors: the ways into a gateway: a route on one listener, and to one service if it has some."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from compiler.invariants.invariant import Word
from compiler.invariants.slots import Part, Second, Slot, limited, several
from compiler.plan import Forward, Listener, PathKind, Plan, Redirect, Route, Serve
from compiler.plan_accounts import PlacedLimit
from compiler.plan_llm import Redaction
from policies.downstream_tls import DownstreamTls
from xds.edge.detectors import GROUPS
from xds.edge.limit import Each
from xds.edge.processing import Scope

OWN = frozenset({Each.TENANT, Each.TEAM, Each.KEY, Each.USER})
"""Of whom a limit is counted so that nobody else uses it up."""


@dataclass(frozen=True, slots=True)
class Door:
    """``place`` is the route's number in the plan, ``models`` has a bit for each model it serves.

    ``service`` is empty where the route leads to none.
    """

    listener: Listener
    route: Route
    place: int
    service: str
    models: int
    part: Part = field(compare=False)

    @property
    def serves(self) -> bool:
        """Whether it leads to models."""
        return isinstance(self.route.action, Serve)

    @property
    def rank(self) -> tuple[int, ...]:
        """How much there is to say of a request for it, the least first."""
        match = self.route.match
        odd = {PathKind.PREFIX: 0, PathKind.EXACT: 0, PathKind.TEMPLATE: 1, PathKind.REGEX: 2}
        conditions = len(match.headers) + len(match.query) + bool(match.hosts)
        return (conditions, odd[match.path_kind], self.serves, len(match.path), self.place)


def doors_of(plan: Plan, numbers: Mapping[str, int]) -> tuple[Door, ...]:
    """Give all doors that some node has; ``numbers`` are the bits of models."""
    listeners = {listener.name: listener for listener in plan.listeners}
    parts = _Parts(plan)
    found: list[Door] = []
    for place, route in enumerate(plan.routes):
        serve = route.action if isinstance(route.action, Serve) else None
        models = 0 if serve is None else sum(1 << numbers[one] for one in serve.models)
        shared = parts.of_route(route)
        for name in _standing(plan, route):
            listener = listeners[name]
            part = {**shared, **parts.of_listener(listener)}
            if not isinstance(route.action, Forward):
                found.append(Door(listener, route, place, "", models, part))
                continue
            for branch in route.action.branches:
                if branch.weight:
                    leads = {**part, Word.SERVICES: frozenset({branch.service})}
                    found.append(Door(listener, route, place, branch.service, 0, leads))
    return tuple(found)


def redactions_in(
    names: Iterable[str], redactions: Mapping[str, Redaction]
) -> Mapping[Slot, frozenset[str]]:
    """Give the slots of redactions, by those that hold."""
    held = [redactions[name] for name in names]
    inside = [one for one in held if one.rules.scope is Scope.ALL]
    return {
        Word.REDACTION: several(one.name for one in held),
        Second.REDACTION_INSIDE: several(one.name for one in inside),
        Word.DETECTORS: several(detectors_of(held)),
        Second.DETECTORS_INSIDE: several(detectors_of(inside)),
    }


def detectors_of(redactions: Iterable[Redaction]) -> Iterator[str]:
    """Give all that redactions look for, groups by their members."""
    for redaction in redactions:
        rules = redaction.rules
        for word in rules.detect:
            yield from GROUPS.get(word, (word,))
        yield from (one.name for one in rules.patterns)
        yield from (one.lower() for one in rules.entities)


def limits_in(placed: Iterable[PlacedLimit], *, own: bool = False) -> Mapping[Slot, frozenset[str]]:
    """Give the slots of limits; ``own`` says that they are the caller's own whatever they count."""
    limits = [one.limit for one in placed]
    plain, metered = limited(one.unit for one in limits)
    mine, mine_metered = limited(one.unit for one in limits if own or one.each in OWN)
    return {
        Word.LIMITS: plain,
        Second.LIMITS_METERED: metered,
        Word.OWN_LIMITS: mine,
        Second.OWN_LIMITS_METERED: mine_metered,
    }


class _Parts:
    """Parts of doors, of which many are alike."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._redactions = {one.name: one for one in plan.redactions}
        self._known: dict[tuple[str, ...], Mapping[Slot, frozenset[str]]] = {}
        self._ledger = frozenset({plan.ledger.store.kind})

    def of_route(self, route: Route) -> dict[Slot, frozenset[str]]:
        redact = tuple(dict.fromkeys((*self._plan.redact, *route.redact)))
        redacted = self._known.get(redact)
        if redacted is None:
            redacted = self._known[redact] = redactions_in(redact, self._redactions)
        return {
            **redacted,
            **limits_in((*self._plan.limits, *route.limits)),
            Word.ROUTES: frozenset({route.name}),
            Word.TAGS: frozenset(route.tags),
            Word.SERVES: frozenset({_does(route)}),
            Word.LEDGER: self._ledger,
        }

    def of_listener(self, listener: Listener) -> dict[Slot, frozenset[str]]:
        return {
            Word.LISTENERS: frozenset({listener.name}),
            Word.TRANSPORT: _transport(listener),
        }


def _transport(listener: Listener) -> frozenset[str]:
    tls = next((one.plan for one in listener.policies if isinstance(one.plan, DownstreamTls)), None)
    if tls is None:
        return frozenset({"plaintext"})
    return frozenset({"tls"} if tls.client_ca is None else {"tls", "mtls"})


def _does(route: Route) -> str:
    match route.action:
        case Serve():
            return "models"
        case Forward():
            return "services"
        case Redirect():
            return "redirect"
        case _:
            return "answer"


def _standing(plan: Plan, route: Route) -> Iterator[str]:
    """Give the listeners on which some node has a route."""
    for name in route.listeners:
        if not plan.groups or any(
            name in group.listeners and route.name in group.routes for group in plan.groups
        ):
            yield name
