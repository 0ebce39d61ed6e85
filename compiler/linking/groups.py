"""Groups of nodes: what their globs take, and that every node knows which group it is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations

from compiler.diagnostic import did_you_mean
from compiler.linking.findings import Findings
from compiler.linking.linked import LinkedGroup, LinkedRoute
from compiler.schema import GatewayDocument
from compiler.schema.groups import GroupDocument, NodesDocument
from compiler.source import Path
from xds.glob import ANY, matches
from xds.node_match import NodeMatch


def link_groups(
    document: GatewayDocument, routes: Iterable[LinkedRoute], findings: Findings
) -> tuple[LinkedGroup, ...]:
    """Link all groups, in the order in which a node is held against them; faulty ones stay out."""
    nodes = {name: _node_match(group.nodes) for name, group in document.groups.items()}
    _check_overlaps(nodes, findings)
    known = {route.name: route for route in routes}
    # A route that is left out because of a fault is not unknown.
    complete = len(known) == len(document.routes)
    linked = []
    for name, group in document.groups.items():
        path: Path = ("groups", name)
        listeners = _listeners(name, group, document, findings)
        chosen = _routes(name, group, known, findings if complete else None)
        if listeners is None or chosen is None:
            continue
        _check_reach(name, group, chosen, listeners, findings)
        given = sorted(route.name for route in chosen if not listeners.isdisjoint(route.listeners))
        if not given and complete and known and document.listeners:
            findings.error(
                "empty-group",
                f"no route is left for the nodes of group `{name}`",
                path,
                hint="give it routes that stand on its listeners",
            )
        linked.append(LinkedGroup(name, nodes[name], tuple(sorted(listeners)), tuple(given), path))
    return tuple(sorted(linked, key=lambda group: (group.nodes.breadth, group.name)))


def _node_match(nodes: NodesDocument) -> NodeMatch:
    return NodeMatch(
        id=_asked(nodes.id),
        cluster=_asked(nodes.cluster),
        region=_asked(nodes.region),
        zone=_asked(nodes.zone),
        metadata=tuple(sorted(nodes.metadata.items())),
    )


def _asked(glob: str | None) -> str | None:
    """Take a glob that any text matches, and none too, for what it asks: nothing."""
    return None if glob == ANY else glob


def _listeners(
    name: str, group: GroupDocument, document: GatewayDocument, findings: Findings
) -> frozenset[str] | None:
    """Give the listeners that a group's globs name; None where one of them names none."""
    if group.listeners is None:
        return frozenset(document.listeners)
    found: set[str] = set()
    good = True
    for place, glob in enumerate(group.listeners):
        taken = {one for one in document.listeners if matches(glob, one)}
        found |= taken
        if taken:
            continue
        good = False
        path: Path = ("groups", name, "listeners", place)
        if ANY in glob:
            _matches_nothing(f"group `{name}` gets listeners `{glob}`", "listener", path, findings)
        else:
            message = f"group `{name}` gets listener `{glob}`"
            findings.unknown("listener", "listeners", glob, document.listeners, message, path)
    return frozenset(found) if good else None


def _routes(
    name: str, group: GroupDocument, known: Mapping[str, LinkedRoute], findings: Findings | None
) -> list[LinkedRoute] | None:
    """Give the routes that a group's globs name; None where one of them names none."""
    if group.routes is None:
        return list(known.values())
    found: set[str] = set()
    good = True
    for place, glob in enumerate(group.routes):
        taken = {one for one in known if matches(glob, one)}
        found |= taken
        if taken:
            continue
        good = False
        path: Path = ("groups", name, "routes", place)
        if findings is None:
            continue
        if ANY in glob:
            _matches_nothing(f"group `{name}` gets routes `{glob}`", "route", path, findings)
            continue
        close = did_you_mean(glob, known)
        findings.error(
            "unknown-route",
            f"group `{name}` gets route `{glob}`",
            path,
            "no such route",
            labels=[] if close is None else [(known[close].path, f"this is `{close}`")],
            hint="routes are called as `name` says, or as `gatewright compile --emit plan` shows"
            if close is None
            else f"did you mean `{close}`?",
        )
    return [known[one] for one in known if one in found] if good else None


def _matches_nothing(what: str, kind: str, path: Path, findings: Findings) -> None:
    findings.error("matches-nothing", f"{what}, and there are none", path, f"no {kind} matches")


def _check_reach(
    name: str,
    group: GroupDocument,
    chosen: Iterable[LinkedRoute],
    listeners: frozenset[str],
    findings: Findings,
) -> None:
    """Refuse routes that are given by name, and stand on no listener of the group."""
    for route in chosen:
        if route.name not in (group.routes or ()) or not route.listeners:
            continue
        if listeners.isdisjoint(route.listeners):
            where = ", ".join(f"`{one}`" for one in route.listeners)
            findings.error(
                "route-out-of-reach",
                f"group `{name}` gets route `{route.name}`, but no listener that it stands on",
                ("groups", name, "routes", (group.routes or ()).index(route.name)),
                f"stands on {where}",
                labels=[(route.path, "the route")],
                hint=f"give the group {where} too, or take the route away",
            )


def _check_overlaps(nodes: Mapping[str, NodeMatch], findings: Findings) -> None:
    """Refuse two groups that a node could be in, with nothing to tell which one it is."""
    for one, other in combinations(nodes, 2):
        a, b = nodes[one], nodes[other]
        if a.covers(b) != b.covers(a):
            continue  # the narrower one is tried first
        both = a.common(b)
        if both is None or any(
            third.settles(a, b) for third in nodes.values() if third not in (a, b)
        ):
            continue
        findings.error(
            "overlapping-groups",
            f"a node can be in group `{one}` and in group `{other}`",
            ("groups", other, "nodes"),
            f"takes {both}",
            labels=[(("groups", one, "nodes"), "and so does this")],
            hint="ask for more in one of them"
            if a == b
            else "make one narrower than the other, or add a group that asks for what both ask for",
        )
