"""Routes that never get a request, because those tried before them take it.

In each list that Envoy tries (one for a listener and a host) a route is in the shadow when earlier
ones with the same path and the same conditions take all of its methods, or when an earlier pattern
takes all of its paths (``.*``, ``/files/**``) and asks for nothing that it does not ask for itself.
What cannot be proven is not reported. One pass with dictionaries: patterns are found by the
beginnings of a path, never by comparing every route with every other.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from compiler.linking.findings import Findings
from compiler.linking.linked import LinkedRoute
from compiler.plan import Match, PathKind, ValueMatch
from compiler.route_order import match_rank, regex_head

Conditions = frozenset[tuple[str, ValueMatch]]
_NONE: Conditions = frozenset()

_TAKES_ALL_BELOW = re.compile(
    r"\^?((?:[^\\.+*?()|\[\]{}^$]|\\[^A-Za-z0-9])*)(\.\*|\(\/\.\*\)\?)\$?"
)
_VARIABLE = re.compile(r"\{[^{}=]*\}")
_NAMED = re.compile(r"\{[^{}=]*=([^{}]*)\}")


@dataclass(slots=True)
class _Seen:
    """What was tried before, in one list."""

    same: dict[tuple[PathKind, str, Conditions], dict[str, LinkedRoute]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    below: dict[str, list[LinkedRoute]] = field(default_factory=lambda: defaultdict(list))


def check_shadows(routes: Sequence[LinkedRoute], findings: Findings) -> None:
    """Report every route that is in the shadow on some listener for some host."""
    told: set[int] = set()
    for listener, host, listed in _lists(routes):
        seen = _Seen()
        for route in listed:
            conditions = _conditions(route.match)
            hiding = _hiding(route, conditions, seen)
            if hiding and route.place not in told:
                told.add(route.place)
                _report(route, hiding, listener, host, findings)
            _remember(route, conditions, seen)


def _lists(
    routes: Iterable[LinkedRoute],
) -> Iterable[tuple[str, str, list[LinkedRoute]]]:
    """Give the routes of each listener and host pattern, as they are tried.

    Listeners on which the same routes stand need to be looked at once.
    """
    on: dict[str, list[LinkedRoute]] = defaultdict(list)
    for route in routes:
        for listener in route.listeners or ("",):
            on[listener].append(route)
    done: set[tuple[int, ...]] = set()
    for listener, standing in on.items():
        signature = tuple(route.place for route in standing)
        if signature in done:
            continue
        done.add(signature)
        hosts: dict[str, list[LinkedRoute]] = defaultdict(list)
        for route in standing:
            for host in route.match.hosts or ("",):
                hosts[host].append(route)
        for host, listed in hosts.items():
            listed.sort(key=lambda route: (match_rank(route.match), route.place))
            yield listener, host, listed


def _conditions(match: Match) -> Conditions:
    if not match.headers and not match.query:
        return _NONE
    return frozenset(
        [("header", value) for value in match.headers] + [("query", value) for value in match.query]
    )


def _same_path(match: Match) -> str:
    """Give the path, with templates freed of what their variables are called."""
    if match.path_kind is not PathKind.TEMPLATE:
        return match.path
    return _NAMED.sub(r"\1", _VARIABLE.sub("*", match.path))


def _hiding(route: LinkedRoute, conditions: Conditions, seen: _Seen) -> list[LinkedRoute]:
    """Give the earlier routes that take everything which this one would."""
    match = route.match
    before = seen.same.get((match.path_kind, _same_path(match), conditions), {})
    if "" in before:
        return [before[""]]
    if match.methods and all(method in before for method in match.methods):
        return list({before[m].place: before[m] for m in match.methods}.values())
    if not seen.below:
        return []
    head = _head(match)
    for end in range(len(head) + 1):
        for other in seen.below.get(head[:end], ()):
            if _asks_no_more(other.match, match, conditions):
                return [other]
    return []


def _head(match: Match) -> str:
    """Give the text with which all paths of a match begin, as far as can be told."""
    if match.path_kind is PathKind.REGEX:
        return regex_head(match.path)
    if match.path_kind is PathKind.TEMPLATE:
        return _same_path(match).partition("*")[0]
    return match.path


def _asks_no_more(earlier: Match, later: Match, conditions: Conditions) -> bool:
    methods = not earlier.methods or (
        bool(later.methods) and set(later.methods) <= set(earlier.methods)
    )
    return methods and _conditions(earlier) <= conditions


def _remember(route: LinkedRoute, conditions: Conditions, seen: _Seen) -> None:
    match = route.match
    takers = seen.same[match.path_kind, _same_path(match), conditions]
    for method in match.methods or ("",):
        takers.setdefault(method, route)
    below = _takes_all_below(match)
    if below is not None:
        seen.below[below].append(route)


def _takes_all_below(match: Match) -> str | None:
    """Give the beginning all of whose continuations this pattern takes, if it is such a one."""
    if match.path_kind is PathKind.REGEX:
        found = _TAKES_ALL_BELOW.fullmatch(match.path)
        if found is None:
            return None
        head = re.sub(r"\\(.)", r"\1", found[1])
        return head if found[2] == ".*" else f"{head}/"
    if match.path_kind is PathKind.TEMPLATE:
        head, deep, tail = _same_path(match).partition("**")
        return head if deep and not tail and "*" not in head else None
    return None


def _report(
    route: LinkedRoute,
    hiding: list[LinkedRoute],
    listener: str,
    host: str,
    findings: Findings,
) -> None:
    first = hiding[0]
    same = _same_path(first.match) == _same_path(route.match)
    what = "the same requests" if same else "all of its requests"
    where = ""
    if len(route.match.hosts) > 1:
        where += f" for host `{host}`"
    if len(route.listeners) > 1 and set(route.listeners) != set(first.listeners):
        where += f" on listener `{listener}`"
    hint = (
        "remove one, or let it ask for more (host, method, headers)"
        if same
        else "patterns are tried before prefixes: make that route a `prefix`, which is tried last"
    )
    findings.error(
        "shadowed-route",
        f"route `{route.name}` never gets a request{where}",
        (*route.path, "match"),
        "never reached",
        labels=[((*other.path, "match"), f"takes {what} before it") for other in hiding],
        hint=hint,
    )
