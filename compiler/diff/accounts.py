"""Tenants' own parts: teams, grants, and by what their clients are known."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from compiler.diff.change import NOTHING, Area, Change, Reach, Severity
from compiler.diff.fields import Said, field_changes
from compiler.diff.keys import ends_sooner, keys, narrowed
from compiler.diff.sides import Sides, at, paired, passing, whole
from compiler.diff.values import arrow, names, said
from compiler.plan_accounts import Grant, Team, Tenant

_OTHER = (
    *("name", "tier", "models", "routes", "limits", "keys", "teams", "grants", "redact"),
    *("addresses", "certificates", "claims", "contacts"),
)
_TENANT = Said(Area.ACCESS, elsewhere=_OTHER)


def accounts(sides: Sides) -> Iterator[Change]:
    """Yield changes of tenants that are on both sides, and moves of keys between any."""
    yield from keys(sides)
    tiers: dict[tuple[str | None, str | None], list[tuple[Tenant, Tenant]]] = defaultdict(list)
    for had, has in paired(sides.before.tenants, sides.after.tenants)[0]:
        reach, who = Reach(frozenset({had.name})), f"tenant `{had.name}`"
        if had.tier != has.tier:
            tiers[had.tier, has.tier].append((had, has))
        yield from field_changes(who, had, has, _TENANT, NOTHING)
        if Counter(had.contacts) != Counter(has.contacts):
            yield from field_changes(who, had, has, _only("contacts"), NOTHING)
        yield from _known_by(who, had, has, reach)
        yield from _teams(had, has)
        yield from _grants(who, had, has)
    for (old, new), moved in tiers.items():
        members = frozenset(one.name for one, _ in moved)
        yield Change(
            Area.ACCESS,
            Severity.NEUTRAL,
            sides.crowd.called(members),
            f"tier: {arrow(old, new)}; what that changes is told by itself",
            said(old),
            said(new),
            NOTHING,
            at(*(one for one, _ in moved)),
            at(*(one for _, one in moved)),
        )


def _only(name: str) -> Said:
    return Said(Area.ACCESS, elsewhere=tuple(one for one in (*_OTHER, "tags") if one != name))


def _known_by(who: str, had: Tenant, has: Tenant, reach: Reach) -> Iterator[Change]:
    for field, words in (
        ("certificates", "client certificates"),
        ("claims", "values of the tenant claim of tokens"),
        ("addresses", "addresses that its clients may come from"),
    ):
        old, new = getattr(had, field), getattr(has, field)
        if old == new:
            continue
        # No addresses are all addresses; no certificates and no claims are none.
        any_old, any_new = (not old, not new) if field == "addresses" else (False, False)
        lost = any_old or (bool(set(old) - set(new)) and not any_new)
        severity = Severity.LOSS if lost else Severity.GAIN
        if field == "addresses" and any_new:
            severity = Severity.DANGER
        yield Change(
            Area.AUTH,
            severity,
            who,
            f"{words}: {_or_any(old, field)} -> {_or_any(new, field)}",
            _or_any(old, field),
            _or_any(new, field),
            reach,
            at(had),
            at(has),
        )


def _or_any(value: tuple[str, ...], field: str) -> str:
    return "any" if field == "addresses" and not value else said(value)


def _teams(had: Tenant, has: Tenant) -> Iterator[Change]:
    both, gone, come = paired(had.teams, has.teams)
    for one, other in both:
        subject = f"team `{had.name}/{one.name}`"
        if one.models != other.models:
            yield narrowed(subject, one.models, other.models, [one], [other], had.name)
        told = Said(Area.ACCESS, elsewhere=("name", "models", "limits", "keys", "contacts"))
        yield from field_changes(subject, one, other, told, NOTHING)
        if Counter(one.contacts) != Counter(other.contacts):
            told = Said(Area.ACCESS, elsewhere=("name", "models", "limits", "keys", "tags"))
            yield from field_changes(subject, one, other, told, NOTHING)
    for team, is_new in passing(gone, come):
        yield _team(had.name, team, is_new=is_new)


def _team(tenant: str, team: Team, *, is_new: bool) -> Change:
    models = "" if team.models is None or not is_new else f", with models {names(team.models)}"
    return whole(
        Area.ACCESS,
        Severity.GAIN if is_new else Severity.LOSS,
        f"team `{tenant}/{team.name}`",
        f"{'is new' if is_new else 'is gone'}{models}",
        team.name,
        Reach(frozenset({tenant})),
        team,
        is_new=is_new,
    )


def _grants(who: str, had: Tenant, has: Tenant) -> Iterator[Change]:
    """Tell grants by what they are for; their order in the text means nothing."""
    old, new = _by_thing(had.grants), _by_thing(has.grants)
    for thing in dict.fromkeys((*old, *new)):
        left = list((Counter(old[thing]) - Counter(new[thing])).elements())
        right = list((Counter(new[thing]) - Counter(old[thing])).elements())
        for index in range(max(len(left), len(right))):
            one = left[index] if index < len(left) else None
            other = right[index] if index < len(right) else None
            yield _grant(who, thing, one, other, had.name)


def _by_thing(grants: tuple[Grant, ...]) -> dict[str, list[Grant]]:
    found: dict[str, list[Grant]] = defaultdict(list)
    for grant in grants:
        found[f"model `{grant.model}`" if grant.model else f"route `{grant.route}`"].append(grant)
    return found


def _grant(who: str, thing: str, old: Grant | None, new: Grant | None, tenant: str) -> Change:
    def state(grant: Grant) -> str:
        if grant.approved_by is None:
            return "asked for, not approved"
        until = "" if grant.until is None else f" until {said(grant.until)}"
        return f"approved by {grant.approved_by}{until}"

    severity = Severity.NEUTRAL
    if old is not None and new is not None:
        words = f"the grant of {thing}: {state(old)} -> {state(new)}"
        if state(old) == state(new):
            words = f"the grant of {thing} is written otherwise: asked by or reason"
        elif (old.approved_by is None) != (new.approved_by is None):
            severity = Severity.GAIN if new.approved_by else Severity.LOSS
        elif old.until != new.until:
            severity = Severity.LOSS if ends_sooner(old.until, new.until) else Severity.GAIN
    elif new is not None:
        words = f"a grant of {thing} is new: {state(new)}"
        severity = Severity.GAIN if new.approved_by else Severity.NEUTRAL
    else:
        words = f"the grant of {thing} is gone"
        severity = Severity.LOSS if old is not None and old.approved_by else Severity.NEUTRAL
    grant = new or old
    models = frozenset({grant.model}) if grant and grant.model else None
    routes = frozenset({grant.route}) if grant and grant.route else None
    return Change(
        Area.ACCESS,
        severity,
        who,
        words,
        None if old is None else state(old),
        None if new is None else state(new),
        Reach(frozenset({tenant}), models, routes),
        at(old),
        at(new),
    )
