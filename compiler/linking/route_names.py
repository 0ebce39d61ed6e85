"""Names of routes that were given none: made from the match alone.

A name must not change when another route is added or removed, so it cannot depend on what other
routes are called. A plain prefix becomes its segments (``/orders/items`` is ``orders_items``),
which nothing else can become; every other match gets its words and a hash of all that it asks for
(``healthz-get-3fa2b1c4``).
"""

from __future__ import annotations

import re
from hashlib import blake2s

from compiler.plan import Match, PathKind

_PLAIN = re.compile(r"(?:/[a-z0-9]+(?:-[a-z0-9]+)*)+")
_WORD = re.compile(r"[a-z0-9]+")
_LONGEST = 48
_ROOT = "root"


def derived_name(match: Match, listeners: tuple[str, ...] | None) -> str:
    """Name a route by its match and by the listeners that were written for it, if any were.

    Values of headers and of the query are in the hash alone: names are shown in metrics and logs.
    """
    if _asks_only_prefix(match) and listeners is None:
        if match.path == "/":
            return _ROOT
        name = match.path[1:].replace("/", "_")
        if _PLAIN.fullmatch(match.path) and len(name) <= _LONGEST and name != _ROOT:
            return name
    words = _WORD.findall(match.path.lower()) or [_ROOT]
    words += [method.lower() for method in match.methods]
    words += [word for host in match.hosts for word in _WORD.findall(host)]
    words += [
        word for value in (*match.headers, *match.query) for word in _WORD.findall(value.name)
    ]
    readable = "-".join(words)[:_LONGEST].rstrip("-")
    return f"{readable}-{_fingerprint(match, listeners)}"


def _asks_only_prefix(match: Match) -> bool:
    return match.path_kind is PathKind.PREFIX and not (
        match.hosts or match.methods or match.headers or match.query
    )


def _fingerprint(match: Match, listeners: tuple[str, ...] | None) -> str:
    """Hash all that the match asks for; ``repr`` of sorted plain tuples is the same everywhere."""
    asked = (
        match.hosts,
        str(match.path_kind),
        match.path,
        match.methods,
        tuple((value.name, str(value.kind), value.value) for value in match.headers),
        tuple((value.name, str(value.kind), value.value) for value in match.query),
        listeners,
    )
    return blake2s(repr(asked).encode(), digest_size=4).hexdigest()
