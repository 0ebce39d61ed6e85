"""Redaction: what was taken out of requests and no longer is, before anything else.

What covers a request is worked out for each kind of tenant, route and provider, by what is looked
for and not by what a redaction is called; kinds that are alike share one answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from compiler.diff.change import Area, Change, Reach, Severity
from compiler.diff.sides import Sides, at, paired
from compiler.diff.values import arrow, leaves, names, plural, said
from compiler.plan import Plan, Route, Serve
from compiler.plan_llm import Provider, Redaction, Trust
from xds.edge.detectors import GROUPS
from xds.edge.processing import Scope

Finds = frozenset[str]


def redactions(sides: Sides) -> Iterator[Change]:
    """Yield what is not covered any more, what is covered now, and how else redaction changes."""
    covered = list(_coverage(sides))
    yield from covered
    yield from _rules(sides, told=bool(covered))
    yield from _lists(sides, told=bool(covered))


def finds(redaction: Redaction) -> Finds:
    """What a redaction looks for: detectors by name, own patterns by name and text, entities."""
    rules = redaction.rules
    found: set[str] = set()
    for name in rules.detect:
        found.update(GROUPS.get(name, (name,)))
    for pattern in rules.patterns:
        text = pattern.pattern or ", ".join(pattern.words)
        found.add(
            f"{pattern.name} ({text})" if len(text) <= 40 else f"{pattern.name} ({text[:37]}...)"
        )
    found.update(f"{entity} ({rules.language})" for entity in rules.entities)
    return frozenset(found)


class _Cover:
    """What is taken out of requests by one plan."""

    def __init__(self, plan: Plan) -> None:
        self._everywhere = plan.redact
        self._known = {
            one.name: (finds(one), one.rules.scope is Scope.ALL) for one in plan.redactions
        }
        self.providers = {one.name: one for one in plan.providers}
        self.routes: dict[str, Route] = {
            one.name: one for one in plan.routes if isinstance(one.action, Serve)
        }
        self.tenants = {one.name: one.redact for one in plan.tenants}
        targets = {
            model.name: {target.provider for group in model.groups for target in group.targets}
            for model in plan.models
        }
        self.reached: dict[tuple[str, ...], frozenset[str]] = {}
        for route in self.routes.values():
            served = route.action.models if isinstance(route.action, Serve) else ()
            if served not in self.reached:
                found = (targets.get(name, set()) for name in served)
                self.reached[served] = frozenset().union(*found)

    def reaches(self, route: Route) -> frozenset[str]:
        """The providers that requests on a route may go to."""
        return self.reached[route.action.models] if isinstance(route.action, Serve) else frozenset()

    def of(self, route: Route, tenant: tuple[str, ...], provider: Provider) -> Finds:
        """What is looked for in requests of such a tenant on a route, for a provider."""
        found: set[str] = set()
        for name in {*self._everywhere, *route.redact, *tenant}:
            looked_for, for_all = self._known.get(name, (frozenset(), False))
            if for_all or provider.trust is Trust.EXTERNAL:
                found |= looked_for
        return frozenset(found)


def _coverage(sides: Sides) -> Iterator[Change]:
    """Yield coverage that is lost or gained."""
    old, new = _Cover(sides.before), _Cover(sides.after)
    people: dict[tuple[tuple[str, ...], tuple[str, ...]], set[str]] = defaultdict(set)
    for tenant, redact in old.tenants.items():
        if tenant in new.tenants:
            people[redact, new.tenants[tenant]].add(tenant)
    # Who says nothing of himself is under what the gateway and the route say.
    people[(), ()] |= set()
    kinds: dict[Any, list[str]] = defaultdict(list)
    for name, route in old.routes.items():
        if name in new.routes:
            other = new.routes[name]
            kinds[route.redact, other.redact, old.reaches(route), new.reaches(other)].append(name)
    found: dict[tuple[bool, Finds, frozenset[str]], dict[str, set[str]]]
    found = defaultdict(lambda: defaultdict(set))
    for ((had, has), who), routes in product(people.items(), kinds.values()):
        one, other = old.routes[routes[0]], new.routes[routes[0]]
        for provider in old.reaches(one) & new.reaches(other):
            before = old.of(one, had, old.providers[provider])
            after = new.of(other, has, new.providers[provider])
            for lost, these in ((True, before - after), (False, after - before)):
                if these:
                    key = lost, these, frozenset(routes)
                    found[key][provider] |= who or {""}
    merged: dict[tuple[bool, Finds, frozenset[str], frozenset[str]], set[str]] = defaultdict(set)
    for (lost, these, on), by_provider in found.items():
        for provider, who in by_provider.items():
            merged[lost, these, on, frozenset(who)].add(provider)
    for (lost, these, on, who), providers in merged.items():
        yield _covered(lost, these, on, who, providers, sides, (old, new))


def _covered(
    lost: bool,
    these: Finds,
    routes: frozenset[str],
    who: frozenset[str],
    providers: Iterable[str],
    sides: Sides,
    covers: tuple[_Cover, _Cover],
) -> Change:
    old, new = covers
    tenants = who - {""}
    whole = tenants >= sides.crowd.everybody
    whose = "" if whole or not tenants else f" of {sides.crowd.called(tenants)}"
    listed = list(providers)
    left = [old.of(old.routes[r], (), old.providers[p]) for r in routes for p in listed]
    nothing = lost and not any(
        new.of(new.routes[r], (), new.providers[p]) for r in routes for p in listed
    )
    where = f"to {plural('provider', listed)} {names(listed)}"
    on = "" if routes >= set(new.routes) else f" on {plural('route', routes)} {names(routes)}"
    if lost:
        words = f"no longer covers requests{whose} {where}{on}: {names(these)} go out as they are"
        if nothing and any(left):
            words += "; nothing is redacted there any more"
    else:
        words = f"covers requests{whose} {where}{on}: {names(these)}"
    shown = ", ".join(sorted(these))
    anybody = whole or not tenants
    return Change(
        Area.REDACTION,
        Severity.DANGER if lost else Severity.GAIN,
        "redaction",
        words,
        shown if lost else None,
        None if lost else shown,
        Reach(None if anybody else frozenset(tenants), None, routes),
        _written(sides.before, routes, tenants),
        _written(sides.after, routes, tenants),
    )


def _written(plan: Plan, routes: frozenset[str], tenants: frozenset[str]) -> Any:
    """Give the lines that say what is redacted there: redactions in use, routes, tenants."""
    used: set[str] = set(plan.redact)
    speaking: list[Any] = []
    everything: tuple[Any, ...] = (*plan.routes, *plan.tenants)
    for one in everything:
        if one.redact and (one.name in routes or one.name in tenants):
            speaking.append(one)
            used.update(one.redact)
    return at(*(one for one in plan.redactions if one.name in used), *speaking[:4])


def _rules(sides: Sides, *, told: bool) -> Iterator[Change]:
    both, gone, come = paired(sides.before.redactions, sides.after.redactions)
    for had, has in both:
        subject = f"redaction `{had.name}`"
        for path, old, new in (*leaves(had.rules, has.rules), *_secret(had, has)):
            known = path in ("detect", "patterns", "entities")
            if known and told and finds(had) != finds(has):
                continue
            yield Change(
                Area.REDACTION,
                _severity(path, old, new),
                subject,
                f"{_WORDS.get(path, path.replace('_', ' '))}: {arrow(old, new)}",
                said(old),
                said(new),
                Reach(),
                at(had),
                at(has),
            )
    for redaction, is_new in (*((one, False) for one in gone), *((one, True) for one in come)):
        shown = ", ".join(sorted(finds(redaction)))
        yield Change(
            Area.REDACTION,
            Severity.NEUTRAL,
            f"redaction `{redaction.name}`",
            f"is {'new' if is_new else 'gone'}: {names(finds(redaction))}",
            None if is_new else shown,
            shown if is_new else None,
            Reach(),
            () if is_new else at(redaction),
            at(redaction) if is_new else (),
        )


def _secret(had: Redaction, has: Redaction) -> Iterator[tuple[str, Any, Any]]:
    if had.hash_key != has.hash_key and had.rules.hash_key == has.rules.hash_key:
        yield "hash_key", had.hash_key, has.hash_key


_WORDS: Mapping[str, str] = {
    "detect": "looks for",
    "patterns": "patterns and words of its own",
    "action": "what stands in the place of values",
    "answers": "what becomes of values that the model says",
    "restore": "values are put back into answers",
    "scope": "is for providers",
    "hash_key": "the key that values are hashed with",
}


def _severity(path: str, old: Any, new: Any) -> Severity:
    if path == "scope":
        return Severity.DANGER if new is Scope.EXTERNAL else Severity.GAIN
    if path == "answers" and old and not new:
        return Severity.DANGER
    return Severity.NEUTRAL


def _lists(sides: Sides, *, told: bool) -> Iterator[Change]:
    """Tell of lists of redactions that are written otherwise and cover the same, or nothing."""
    if told:
        return
    if set(sides.before.redact) != set(sides.after.redact):
        yield _list("the gateway", sides.before, sides.after)
    both: list[tuple[Any, Any]] = [*paired(sides.before.routes, sides.after.routes)[0]]
    both += paired(sides.before.tenants, sides.after.tenants)[0]
    for had, has in both:
        if set(had.redact) != set(has.redact):
            noun = "route" if isinstance(had, Route) else "tenant"
            yield _list(f"{noun} `{had.name}`", had, has)


def _list(subject: str, had: Any, has: Any) -> Change:
    return Change(
        Area.REDACTION,
        Severity.NEUTRAL,
        subject,
        f"names redactions {arrow(had.redact, has.redact)}; no request is covered otherwise",
        said(had.redact),
        said(has.redact),
        Reach(),
        at(had),
        at(has),
    )
