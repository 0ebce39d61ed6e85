"""What goes live when a part of a snapshot must not: its last good version, the rest as is."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from xds.order import CLUSTER, SUPPORT
from xds.references import mentions
from xds.snapshot import Encoded, Snapshot, collect, layered

Key = tuple[str, str]
"""A resource's type URL and name."""


def withhold(wanted: Snapshot, good: Snapshot, blocked: Iterable[Key]) -> Snapshot:
    """Give ``wanted`` with the last good version in the place of each blocked resource.

    Where there is no good one, the resource is left out, and whatever routes to a cluster that is
    left out stays at its own last good version if it has one. So a fault costs what depends on it,
    and the rest of the policy goes live.
    """
    types = {url: dict(resources.by_name) for url, resources in wanted.types.items()}
    absent: set[str] = set()
    for url, name in blocked:
        if name not in types.get(url, {}):
            continue
        known = good.of(url).by_name.get(name)
        if known is not None:
            types[url][name] = known
            continue
        del types[url][name]
        if url == CLUSTER:
            absent.add(name)
    if absent:
        _hold_dependents(types, good, absent)
    changed = {
        url: collect(named) for url, named in types.items() if named != wanted.of(url).by_name
    }
    return layered(wanted, changed) if changed else wanted


def unresolved(wanted: Snapshot, missing: Collection[str]) -> frozenset[Key]:
    """Find the resources that name a secret which could not be resolved.

    A listener that is pushed without its certificate opens without it; so these are withheld.
    """
    return frozenset(
        (url, one.name)
        for url, resources in wanted.types.items()
        for one in resources.by_name.values()
        if any(mentions(one.body, name) for name in missing)
    )


def _hold_dependents(
    types: dict[str, dict[str, Encoded]], good: Snapshot, absent: Collection[str]
) -> None:
    for url, named in types.items():
        if url in SUPPORT:
            continue
        for name, one in named.items():
            known = good.of(url).by_name.get(name)
            if known is not None and any(mentions(one.body, cluster) for cluster in absent):
                named[name] = known
