"""What is the whole gateway's: issuers, groups of nodes, rollouts, runtime keys, stores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from compiler.diff.change import NOTHING, Area, Change, Reach, Severity
from compiler.diff.fields import Said, field_changes
from compiler.diff.sides import Sides, at, paired, passing, whole
from compiler.diff.values import arrow, leaves, said, store_said
from xds.edge.limit import Away

_ISSUER = Said(Area.AUTH, elsewhere=("name",), words={"jwks": "key set", "client": "login client"})
_GROUP = Said(Area.FLEET, elsewhere=("name",))


def issuers(sides: Sides) -> Iterator[Change]:
    """Yield what changes of each issuer, and those that come and go."""
    both, gone, come = paired(sides.before.issuers, sides.after.issuers)
    for had, has in both:
        reach = Reach(None, None, _asking(sides, had.name))
        for change in field_changes(f"issuer `{had.name}`", had, has, _ISSUER, reach):
            lost = change.message.startswith("audiences") and set(had.audiences) - set(
                has.audiences
            )
            yield replace(change, severity=Severity.LOSS) if lost else change
    for one, is_new in passing(gone, come):
        yield whole(
            Area.AUTH,
            Severity.GAIN if is_new else Severity.LOSS,
            f"issuer `{one.name}`",
            f"is {'new' if is_new else 'gone'}: {one.issuer}",
            one.issuer,
            Reach(None, None, _asking(sides, one.name)),
            one,
            is_new=is_new,
        )


def _asking(sides: Sides, issuer: str) -> frozenset[str]:
    return frozenset(
        route.name
        for plan in (sides.before, sides.after)
        for route in plan.routes
        if any(method.issuer == issuer for method in route.auth)
    )


def fleet(sides: Sides) -> Iterator[Change]:
    """Yield changes of the gateway's name and version, of groups, rollouts and runtime keys."""
    before, after = sides.before, sides.after
    if before.name != after.name:
        yield _one("the gateway", "is called", before.name, after.name)
    if before.envoy != after.envoy:
        old, new = (".".join(map(str, plan.envoy)) for plan in (before, after))
        yield _one("the gateway", "oldest Envoy of the fleet:", old, new)
    both, gone, come = paired(before.groups, after.groups)
    for had, has in both:
        yield from field_changes(f"group `{had.name}`", had, has, _GROUP, NOTHING)
    for one, is_new in passing(gone, come):
        yield whole(
            Area.FLEET,
            Severity.NEUTRAL,
            f"group `{one.name}`",
            f"is {'new' if is_new else 'gone'}: nodes {one.nodes}",
            str(one.nodes),
            NOTHING,
            one,
            is_new=is_new,
        )
    names = [[one.name for one in plan.groups] for plan in (before, after)]
    if names[0] != names[1] and set(names[0]) == set(names[1]):
        was, now = (", ".join(each) for each in names)
        yield _one("groups", "are tried in the order", was, now)
    yield from _parts("rollout", before.rollout, after.rollout)
    yield from _runtime(sides)


def _runtime(sides: Sides) -> Iterator[Change]:
    old, new = sides.before.runtime, sides.after.runtime
    yield from _parts("runtime keys", _keys(old), _keys(new), at(old), at(new))
    ttl, other = (None if one is None else one.ttl for one in (old, new))
    if ttl != other:
        yield _one("runtime keys", "are kept without a control plane for", ttl, other)
    elif (old is None) != (new is None) and _keys(old) == _keys(new):
        yield _one("runtime keys", "are served:", old is not None, new is not None)


def _keys(runtime: Any) -> dict[str, Any]:
    return {} if runtime is None else dict(runtime.values)


def stores(sides: Sides) -> Iterator[Change]:
    """Yield changes of counters, the ledger and the edge; whole stores that move are told apart."""
    before, after = sides.before, sides.after
    for path, old, new in leaves(before.counting, after.counting):
        if path.startswith("store"):
            continue  # told of what is counted
        severity, words = Severity.NEUTRAL, f"{path.replace('_', ' ')}:"
        if path == "away":
            severity = Severity.DANGER if new is Away.OPEN else Severity.LOSS
            words = "while they are away, limits are"
        yield _one("the counters", words, old, new, severity, Area.LIMITS)
    if before.ledger.store != after.ledger.store:
        old, new = store_said(before.ledger.store), store_said(after.ledger.store)
        ends = after.ledger.store.kind == "none"
        severity = Severity.DANGER if ends else Severity.NEUTRAL
        yield _one("the ledger", "is kept in" if not ends else "ends:", old, new, severity)
    days, other = before.ledger.retention_days, after.ledger.retention_days
    if days != other:
        yield _one("the ledger", "days that rows are kept (0: for ever):", days, other)
    for path, old, new in leaves(before.edge, after.edge):
        yield _one("the edge", f"{path.replace('_', ' ')}:", old, new)


def _parts(
    subject: str, had: Any, has: Any, had_at: Any = None, has_at: Any = None
) -> Iterator[Change]:
    for path, old, new in leaves(had, has):
        words = f"{path.replace('_', ' ')}:" if path else "is written:"
        yield Change(
            Area.FLEET,
            Severity.NEUTRAL,
            subject,
            f"{words} {arrow(old, new)}",
            said(old),
            said(new),
            NOTHING,
            at(had) if had_at is None else had_at,
            at(has) if has_at is None else has_at,
        )


def _one(
    subject: str,
    words: str,
    old: Any,
    new: Any,
    severity: Severity = Severity.NEUTRAL,
    area: Area = Area.FLEET,
) -> Change:
    return Change(
        area,
        severity,
        subject,
        f"{words} {arrow(old, new)}",
        None if old is None else said(old),
        None if new is None else said(new),
        NOTHING,
    )
