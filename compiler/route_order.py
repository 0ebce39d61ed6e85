"""The order in which routes are tried: the most particular first, whatever the order of the text.

First the host: an exact one, then wildcards (longer first), then any. Then the path: exact,
template, regex, prefix; of the same kind the longer literal first. Then what asks for more: more
conditions (method, headers, query), fewer methods, more particular comparisons. Then the order of
the text.

One list cannot say it all where a route has several hosts: it may be the most particular for one of
them and not for another. ``routes_by_host`` gives the order for each host; a plan's list is sorted
by each route's most particular host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

from compiler.plan import Match, PathKind, Route, ValueKind, ValueMatch

_PATH_RANK = {PathKind.EXACT: 0, PathKind.TEMPLATE: 1, PathKind.REGEX: 2, PathKind.PREFIX: 3}
_VALUE_RANK = {
    ValueKind.EXACT: 0,
    ValueKind.REGEX: 1,
    ValueKind.PREFIX: 2,
    ValueKind.SUFFIX: 2,
    ValueKind.CONTAINS: 2,
    ValueKind.PRESENT: 3,
    ValueKind.ABSENT: 3,
}
_WILD = re.compile(r"\{[^{}]*\}|\*+")
_LITERAL = re.compile(r"(?:[^\\.+*?()|\[\]{}^$]|\\[^A-Za-z0-9])*")
_ANY_METHOD = 1 << 16

Key = tuple[int, ...]


def host_rank(pattern: str) -> Key:
    """Rank a host pattern, smaller first; the empty pattern is any host."""
    if not pattern:
        return (2, 0)
    if pattern.startswith("*"):
        return (1, -len(pattern))
    return (0, 0)


def regex_head(regex: str) -> str:
    """Give the text with which everything that ``regex`` matches begins, as far as can be told."""
    if "|" in regex or regex.startswith("(?"):
        return ""
    found = _LITERAL.match(regex.removeprefix("^"))
    head = found[0] if found else ""
    rest = regex.removeprefix("^")[len(head) :]
    if rest[:1] in ("*", "?", "{"):
        # The last character may be absent: `/a/?` begins with `/a`.
        head = head[:-2] if head[-2:-1] == "\\" else head[:-1]
    return re.sub(r"\\(.)", r"\1", head)


def path_rank(kind: PathKind, path: str) -> Key:
    """Rank a path's comparison, smaller first."""
    if kind is PathKind.REGEX:
        return (2, -len(regex_head(path)), -len(path))
    literal = _WILD.sub("", path) if kind is PathKind.TEMPLATE else path
    return (_PATH_RANK[kind], -len(literal), -len(path))


def condition_rank(match: Match) -> Key:
    """Rank method, headers and query, smaller first."""
    values: tuple[ValueMatch, ...] = (*match.headers, *match.query)
    conditions = len(values) + (1 if match.methods else 0)
    methods = len(match.methods) or _ANY_METHOD
    return (-conditions, methods, sum(_VALUE_RANK[value.kind] for value in values))


def match_rank(match: Match) -> Key:
    """Rank a match for a host that it takes: path, then conditions."""
    return (*path_rank(match.path_kind, match.path), *condition_rank(match))


def order_key(match: Match) -> Key:
    """Rank a match in a list for all hosts, by its most particular host."""
    hosts = min(map(host_rank, match.hosts)) if match.hosts else (2, 0)
    return (*hosts, *match_rank(match))


R = TypeVar("R", bound=Route)


def routes_by_host(routes: Iterable[R]) -> dict[str, tuple[R, ...]]:
    """Give, for each host pattern that any route names, the routes tried there, in their order.

    The empty pattern (any other host) is there if a route names no host. Since the first match
    over all hosts wins, the routes of wider patterns follow those of narrower ones: Envoy looks
    into one virtual host only, so that each must hold all that may take its requests.
    """
    named: dict[str, list[tuple[Key, int, R]]] = {}
    for place, route in enumerate(routes):
        rank = match_rank(route.match)
        for pattern in route.match.hosts or ("",):
            named.setdefault(pattern, []).append((rank, place, route))
    ordered: dict[str, tuple[R, ...]] = {}
    for host in named:
        found: dict[int, R] = {}  # a route that names two covering patterns counts once, early
        for pattern in _covering(host):
            for _, place, route in sorted(named.get(pattern, ()), key=lambda item: item[:2]):
                found.setdefault(place, route)
        ordered[host] = tuple(found.values())
    return ordered


def _covering(host: str) -> Iterator[str]:
    """Give the patterns that cover ``host``, the narrowest first."""
    yield host
    labels = host.removeprefix("*.").split(".")
    for start in range(1, len(labels)):
        yield "*." + ".".join(labels[start:])
    yield ""
