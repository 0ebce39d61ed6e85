"""Things that are called otherwise and are the same: found by their content.

A thing that only the earlier plan has and one that only the later has are one if they are equal but
for their names, or, of routes, if they take the same requests. Sections are looked at in such an
order that what a thing speaks of has been found before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from compiler.diff.references import SECTIONS, Table, rewritten
from compiler.dump import plain
from compiler.plan import Plan, Route

_SELF = "\0"


def find_renames(before: Plan, after: Plan) -> dict[str, dict[str, str]]:
    """Give the later names by the earlier ones, by section; sections without any are left out."""
    found: dict[str, dict[str, str]] = {}
    for section in SECTIONS:
        old, new = _by_name(before, section), _by_name(after, section)
        gone = [old[name] for name in old if name not in new]
        come = [new[name] for name in new if name not in old]
        if not gone or not come:
            continue
        pairs = _pairs(gone, come, partial(_content, section=section), found)
        if section == "routes":
            left = [one for one in gone if one.name not in pairs]
            free = [one for one in come if one.name not in pairs.values()]
            pairs |= _pairs(left, free, _requests, found, alone=True)
        if pairs:
            found[section] = pairs
    return found


def renamed(plan: Plan, table: Table) -> Plan:
    """Give the earlier plan as the later one would write it; sections are sorted as ever."""
    if not table:
        return plan
    made: Plan = rewritten(plan, table)
    return made


def _by_name(plan: Plan, section: str) -> dict[str, Any]:
    return {one.name: one for one in getattr(plan, section)}


def _pairs(
    gone: Iterable[Any],
    come: Iterable[Any],
    content: Callable[[Any, Table], str],
    known: Table,
    *,
    alone: bool = False,
) -> dict[str, str]:
    """Pair what has the same content, in the order of names; ``alone``: only where it is unique."""
    waiting: dict[str, list[str]] = defaultdict(list)
    for one in come:
        waiting[content(one, {})].append(one.name)
    leaving: dict[str, list[str]] = defaultdict(list)
    for one in gone:
        leaving[content(one, known)].append(one.name)
    pairs: dict[str, str] = {}
    for key, old in leaving.items():
        new = waiting.get(key, [])
        if not alone or len(old) == len(new) == 1:
            pairs.update(zip(old, new, strict=False))
    return pairs


def _content(one: Any, known: Table, *, section: str) -> str:
    """All that a thing is but its name, as a text; a tenant's own claim is its name too."""
    table = {**known, section: {**known.get(section, {}), one.name: _SELF}}
    content = plain(rewritten(one, table))
    if section == "tenants" and content["claims"] == [one.name]:
        content["claims"] = [_SELF]
    return repr(content)


def _requests(route: Route, _known: Table) -> str:
    return repr((plain(route.match), sorted(route.listeners)))
