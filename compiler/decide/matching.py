"""Whether a route's match takes a request, as Envoy compares.

Source: `RouteMatch` in envoy/config/route/v3/route_components.proto. Patterns are RE2, which is the
library that Envoy uses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]  # google-re2 has no types

from compiler.decide.paths import Normal
from compiler.decide.request import Request
from compiler.plan import Match, PathKind, ValueKind, ValueMatch

_VARIABLE = re.compile(r"\{[^{}=]*(?:=([^{}]*))?\}")


def takes(match: Match, request: Request, path: Normal) -> bool:
    """Tell whether a match takes a request; the host has been seen to."""
    if not path_matches(match.path_kind, match.path, path.path):
        return False
    if match.methods and request.method not in match.methods:
        return False
    if not all(_header_holds(one, request.values(one.name)) for one in match.headers):
        return False
    if not match.query:
        return True
    query = parameters(path.query)
    return all(_holds(one, query.get(one.name)) for one in match.query)


def path_matches(kind: PathKind, pattern: str, path: str) -> bool:
    """Compare a path without its query."""
    match kind:
        case PathKind.EXACT:
            return path == pattern
        case PathKind.PREFIX:
            below = pattern if pattern.endswith("/") else f"{pattern}/"
            return path == pattern or path.startswith(below)
        case PathKind.REGEX:
            return whole(pattern, path)
        case PathKind.TEMPLATE:
            return _template(pattern).fullmatch(path) is not None


def parameters(query: str) -> dict[str, str]:
    """Read a query string as Envoy does to match it: nothing is decoded, the first value counts."""
    found: dict[str, str] = {}
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        found.setdefault(name, value)
    return found


def whole(pattern: str, text: str) -> bool:
    """Tell whether all of a text matches an RE2 pattern."""
    return _compiled(pattern).fullmatch(text) is not None


def template_values(pattern: str, path: str) -> Mapping[str, str]:
    """Give the variables of a template in a path that it matches."""
    found = _template(pattern).fullmatch(path)
    return {} if found is None else {k: v for k, v in found.groupdict().items() if v is not None}


def _header_holds(condition: ValueMatch, values: tuple[str, ...]) -> bool:
    """Envoy looks at each value of a header by itself, and one that holds is enough."""
    if not values:
        return _holds(condition, None)
    return any(_holds(condition, value) for value in values)


def _holds(condition: ValueMatch, value: str | None) -> bool:
    if condition.kind is ValueKind.ABSENT:
        return value is None
    if value is None:
        return False
    match condition.kind:
        case ValueKind.PRESENT:
            return True
        case ValueKind.EXACT:
            return value == condition.value
        case ValueKind.PREFIX:
            return value.startswith(condition.value)
        case ValueKind.SUFFIX:
            return value.endswith(condition.value)
        case ValueKind.CONTAINS:
            return condition.value in value
        case ValueKind.REGEX:
            return whole(condition.value, value)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern)


@lru_cache(maxsize=4096)
def _template(pattern: str) -> re.Pattern[str]:
    """Write a URI template as an expression, as Envoy itself does.

    Source: source/extensions/path/uri_template_lib/uri_template_internal.cc.
    """
    parts: list[str] = []
    at = 0
    for found in _VARIABLE.finditer(pattern):
        parts.append(_glob(pattern[at : found.start()]))
        name = found[0][1:-1].partition("=")[0]
        parts.append(f"(?P<{name}>{_glob(found[1] or '*')})")
        at = found.end()
    parts.append(_glob(pattern[at:]))
    return re.compile("".join(parts))


_SEGMENT = r"[a-zA-Z0-9\-._~%!$&'()+,;:@=]+"
_REST = r"[a-zA-Z0-9\-._~%!$&'()+,;:@=/]*"


def _glob(text: str) -> str:
    """Write what has `*` (a segment) and `**` (any number of them) as an expression."""
    pieces = re.split(r"(\*\*|\*)", text)
    return "".join(
        _REST if piece == "**" else _SEGMENT if piece == "*" else re.escape(piece)
        for piece in pieces
    )
