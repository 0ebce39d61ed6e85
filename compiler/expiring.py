"""What of a plan has ended, or ends soon: keys and grants. The one who asks brings the clock.

The edge refuses what has ended, whatever the policy says; these warnings are for those who keep it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from compiler.diagnostic import Diagnostic, Severity
from compiler.plan import Plan
from compiler.plan_accounts import AccessKey, Tenant
from compiler.source import Span
from policies.timestamp import spelled

SOON = timedelta(days=14)
"""How long before the end people are told of it."""


def expiring(plan: Plan, now: datetime) -> tuple[Diagnostic, ...]:
    """Warn of keys and approved grants that have ended by ``now``, or end within `SOON`."""
    found: list[Diagnostic] = []
    for tenant in plan.tenants:
        found.extend(_keys(tenant, now))
        found.extend(_grants(tenant, now))
    return tuple(found)


def _keys(tenant: Tenant, now: datetime) -> Iterator[Diagnostic]:
    """Tell of each key by its last end: of one that is being rotated, the new one counts."""
    last: dict[str, AccessKey] = {}
    for key in tenant.every_key:
        last.setdefault(key.id, key)
    for key in last.values():
        if key.expires is not None:
            hint = f"`gatewright keys rotate {key.id}` makes a new one, or remove the line"
            yield from _ending("key", f"the key `{key.id}`", key.expires, now, key.at, hint)


def _grants(tenant: Tenant, now: datetime) -> Iterator[Diagnostic]:
    for grant in tenant.grants:
        if grant.approved_by is None or grant.until is None:
            continue
        kind, name = ("model", grant.model) if grant.model else ("route", grant.route)
        what = f"the grant of {kind} `{name}` for tenant `{tenant.name}`"
        hint = "write a later `until`, approved anew, or remove the grant"
        yield from _ending("grant", what, grant.until, now, grant.at, hint)


def _ending(
    kind: str, what: str, end: datetime, now: datetime, at: Span, hint: str
) -> Iterator[Diagnostic]:
    if end <= now:
        said = f"{what} has ended: it was good until {spelled(end)}"
        yield _warning(f"expired-{kind}", said, at, "is refused", hint)
    elif end - now <= SOON:
        days = (end - now) // timedelta(days=1)
        left = f"in {days} days" if days > 1 else "in a day" if days else "within a day"
        yield _warning(f"expiring-{kind}", f"{what} ends {left}", at, spelled(end), hint)


def _warning(code: str, message: str, at: Span, text: str, hint: str) -> Diagnostic:
    return Diagnostic(code, Severity.WARNING, message, at, text, (), hint)
