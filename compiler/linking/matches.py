"""Matches: from what was written to conditions that are compared alike."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.linking.findings import Findings
from compiler.plan import Match, PathKind, ValueKind, ValueMatch
from compiler.schema.matches import PATHS, MatchDocument, ValueMatchDocument
from compiler.schema.routes import RouteDocument
from compiler.source import Path

_KINDS = {
    "path": PathKind.EXACT,
    "prefix": PathKind.PREFIX,
    "regex": PathKind.REGEX,
    "template": PathKind.TEMPLATE,
}


def link_match(route: RouteDocument, path: Path, findings: Findings) -> Match | None:
    """Give a route's match in its one normal form; None where it has faults.

    Hosts and header names are lower-case; hosts, methods and conditions are sorted, so that equal
    matches are equal however they were written.
    """
    at: Path = (*path, "match")
    document = route.match
    kinds = [key for key in PATHS if getattr(document, key) is not None]
    if len(kinds) > 1:
        findings.error(
            "several-paths",
            f"a path is compared in one way, this with `{kinds[0]}` and `{kinds[1]}`",
            (*at, kinds[1]),
            "the second",
            labels=[((*at, kinds[0]), "the first")],
            hint="keep one, or make two routes",
        )
        return None
    kind, text = _path(document, kinds)
    headers = _conditions(document.headers, (*at, "headers"), findings, fold=True)
    query = _conditions(document.query, (*at, "query"), findings, fold=False)
    if headers is None or query is None:
        return None
    return Match(
        hosts=tuple(sorted({host.lower().rstrip(".") for host in route.host})),
        path_kind=kind,
        path=text,
        methods=tuple(sorted(set(document.method))),
        headers=headers,
        query=query,
    )


def _path(document: MatchDocument, kinds: list[str]) -> tuple[PathKind, str]:
    if not kinds:
        return PathKind.PREFIX, "/"
    text: str = getattr(document, kinds[0])
    kind = _KINDS[kinds[0]]
    if kind is PathKind.PREFIX and len(text) > 1:
        # `/orders/` and `/orders` are the same segments.
        text = text.rstrip("/") or "/"
    return kind, text


def _conditions(
    documents: Mapping[str, ValueMatchDocument], path: Path, findings: Findings, *, fold: bool
) -> tuple[ValueMatch, ...] | None:
    """Link the conditions on headers (whose names fold to lower case) or query parameters."""
    if not documents:
        return ()
    linked: dict[str, ValueMatch] = {}
    first: dict[str, str] = {}
    good = True
    for name, document in documents.items():
        at: Path = (*path, name)
        key = name.lower() if fold else name
        condition = _condition(key, document, at, findings)
        if condition is None:
            good = False
            continue
        if key in linked:
            good = False
            findings.error(
                "duplicate-header",
                f"`{first[key]}` and `{name}` are the same header",
                at,
                "again",
                labels=[((*path, first[key]), "first here")],
                hint="header names do not differ by case",
            )
        first.setdefault(key, name)
        linked[key] = condition
    return tuple(linked[key] for key in sorted(linked)) if good else None


def _condition(
    name: str, document: ValueMatchDocument, path: Path, findings: Findings
) -> ValueMatch | None:
    written = document.model_fields_set
    if len(written) == 1:
        (key,) = written
        value = getattr(document, key)
        return ValueMatch(name, ValueKind(key), value if isinstance(value, str) else "")
    kinds = [kind for kind in ValueKind if kind in written]
    if not kinds:
        findings.error(
            "no-condition",
            f"nothing is asked of `{name}`",
            path,
            hint='write a value (`"yes"`), or one of `prefix`, `suffix`, `contains`, `regex`, '
            "`present`, `absent`",
        )
    else:
        findings.error(
            "several-conditions",
            f"`{name}` is compared in one way, this with `{kinds[0]}` and `{kinds[1]}`",
            (*path, kinds[1]),
            "the second",
            labels=[((*path, kinds[0]), "the first")],
            hint="keep one; a `regex` can say more",
        )
    return None
