"""Redaction: what was taken out of requests and no longer is, before anything else.

What covers a request is compared for each kind of tenant, route and provider, by what is looked for
and not by what a redaction is called; kinds that are alike share one answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from compiler.diff.change import Area, Change, Reach, Severity
from compiler.diff.cover import Cover, called, finds
from compiler.diff.sides import Sides, at, paired, passing, whole
from compiler.diff.values import arrow, leaves, names, plural, said
from compiler.plan import Plan, Route
from compiler.plan_llm import Redaction, Trust
from xds.edge.processing import Scope


def redactions(sides: Sides) -> Iterator[Change]:
    """Yield what is not covered any more, what is covered now, and how else redaction changes."""
    old, new = Cover(sides.before), Cover(sides.after)
    covered = list(_coverage(sides, old, new))
    yield from covered
    yield from _bare(old, new)
    yield from _rules(sides, told=bool(covered))
    yield from _lists(sides, told=bool(covered))


class _Moved(NamedTuple):
    """What of a kind of request is covered otherwise; ``how`` is `lost`, `gained` or two actions.

    ``bare``: nothing at all is looked for any more.
    """

    how: str
    these: frozenset[str]
    routes: frozenset[str]
    bare: bool


def _coverage(sides: Sides, old: Cover, new: Cover) -> Iterator[Change]:
    """Yield coverage that is lost or gained, or replaces by something else."""
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
    found: dict[_Moved, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for ((had, has), who), routes in product(people.items(), kinds.values()):
        one, other = old.routes[routes[0]], new.routes[routes[0]]
        for provider in old.reaches(one) & new.reaches(other):
            before = old.of(one, had, old.providers[provider])
            after = new.of(other, has, new.providers[provider])
            for how, these in _ways(before, after).items():
                moved = _Moved(how, frozenset(these), frozenset(routes), not after)
                found[moved][provider] |= who or {""}
    merged: dict[tuple[_Moved, frozenset[str]], set[str]] = defaultdict(set)
    for moved, by_provider in found.items():
        for provider, who in by_provider.items():
            merged[moved, frozenset(who)].add(provider)
    same = {one.name: one for one in sides.before.redactions}
    retold = any(
        one.name in same and same[one.name].rules != one.rules for one in sides.after.redactions
    )
    for (moved, who), providers in merged.items():
        # Another action of a redaction that is still there is told of that redaction.
        if moved.how in ("lost", "gained") or not retold:
            yield _covered(moved, who - {""}, providers, sides, set(new.routes))


def _ways(
    before: Mapping[str, frozenset[str]], after: Mapping[str, frozenset[str]]
) -> dict[str, set[str]]:
    ways: dict[str, set[str]] = defaultdict(set)
    for one in {*before, *after}:
        if one not in after:
            ways["lost"].add(one)
        elif one not in before:
            ways["gained"].add(one)
        elif before[one] != after[one]:
            old, new = (" and ".join(sorted(side[one])) for side in (before, after))
            ways[f"{old} -> {new}"].add(one)
    return ways


def _covered(
    moved: _Moved, tenants: frozenset[str], providers: set[str], sides: Sides, all_routes: set[str]
) -> Change:
    anybody = tenants >= sides.crowd.everybody or not tenants
    whose = "" if anybody else f" of {sides.crowd.called(tenants)}"
    where = f"to {plural('provider', providers)} {names(providers)}"
    on = ""
    if not moved.routes >= all_routes:
        on = f" on {plural('route', moved.routes)} {names(moved.routes)}"
    requests, these = f"requests{whose} {where}{on}", called(moved.these)
    shown = ", ".join(sorted(moved.these))
    before: str | None = shown
    after: str | None = shown
    severity = Severity.NEUTRAL
    if moved.how == "lost":
        severity, after = Severity.DANGER, None
        words = f"no longer covers {requests}: {these} go out as they are"
        words += "; nothing is redacted there any more" if moved.bare else ""
    elif moved.how == "gained":
        severity, before = Severity.GAIN, None
        words = f"covers {requests}: {these}"
    else:
        words = f"does something else in {requests}: {these}: {moved.how}"
    return Change(
        Area.REDACTION,
        severity,
        "redaction",
        words,
        before,
        after,
        Reach(None if anybody else tenants, None, moved.routes),
        _written(sides.before, moved.routes, tenants),
        _written(sides.after, moved.routes, tenants),
    )


def _bare(old: Cover, new: Cover) -> Iterator[Change]:
    """Tell of new routes to external providers without redaction, where others have some."""
    if not any(old.of(route, (), one) for route in old.routes.values() for one in _outside(old)):
        return
    for name, route in new.routes.items():
        if name in old.routes:
            continue
        reached = new.reaches(route)
        bare = {one.name for one in _outside(new) if one.name in reached}
        bare = {one for one in bare if not new.of(route, (), new.providers[one])}
        if bare:
            yield Change(
                Area.REDACTION,
                Severity.DANGER,
                f"route `{name}`",
                f"is new, and nothing is redacted in what it sends to {names(bare)}",
                None,
                "none",
                Reach(None, None, frozenset({name})),
                (),
                at(route),
            )


def _outside(cover: Cover) -> list[Any]:
    return [one for one in cover.providers.values() if one.trust is Trust.EXTERNAL]


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
    for redaction, is_new in passing(gone, come):
        shown = ", ".join(sorted(finds(redaction)))
        yield whole(
            Area.REDACTION,
            Severity.NEUTRAL,
            f"redaction `{redaction.name}`",
            f"is {'new' if is_new else 'gone'}: {called(frozenset(finds(redaction)))}",
            shown,
            Reach(),
            redaction,
            is_new=is_new,
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
