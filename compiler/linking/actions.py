"""What routes do: exactly one thing, with names that exist and policies that have an effect."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.linking.findings import Findings
from compiler.plan import Match, PathKind
from compiler.schema import GatewayDocument
from compiler.schema.attached import policy_documents
from compiler.schema.routes import ACTIONS, RouteDocument
from compiler.source import Path
from policies.base import Place

_WITHOUT_EFFECT: Mapping[str, frozenset[str]] = {
    # A model has timeouts and retries of its own; its paths are the provider's.
    "serve": frozenset(("retries", "rewrite", "timeout", "upgrade")),
    # Nothing is forwarded, and no body is read.
    "redirect": frozenset(
        ("body_limit", "idle_timeout", "retries", "rewrite", "timeout", "upgrade")
    ),
    "respond": frozenset(
        ("body_limit", "idle_timeout", "retries", "rewrite", "timeout", "upgrade")
    ),
}
_INSTEAD = {
    ("serve", "timeout"): "write `timeout` on the models, or `defaults.model_timeout`",
    ("serve", "retries"): "write `fallback` on the models",
}
_BODILESS = frozenset((204, 205, 304))
"""Statuses whose answers have no body (RFC 9110, 15.3.5, 15.3.6 and 15.4.5); Envoy would send it,
and clients would take it for the next answer."""


def link_action(
    route: RouteDocument,
    match: Match | None,
    path: Path,
    document: GatewayDocument,
    findings: Findings,
) -> bool:
    """Check a route's action; tell whether it has exactly one and its names exist."""
    given = [key for key in ACTIONS if getattr(route, key) is not None]
    if not given:
        findings.error(
            "no-action",
            "this route does nothing",
            path,
            hint="write one of `service`, `split`, `serve`, `redirect`, `respond`",
        )
        return False
    if len(given) > 1:
        findings.error(
            "several-actions",
            f"a route does one thing, this has `{given[0]}` and `{given[1]}`",
            (*path, given[1]),
            "the second",
            labels=[((*path, given[0]), "the first")],
            hint="for two services write `split`, otherwise make two routes",
        )
        return False
    action = given[0]
    _check_policies(route, action, path, findings)
    if route.models is not None and action != "serve":
        findings.error(
            "models-without-llm",
            "`models` says what `serve: llm` offers, and this route serves no models",
            (*path, "models"),
            labels=[((*path, action), "what it does")],
            hint="write `serve: llm`, or remove `models`",
        )
    match action:
        case "service":
            return _check_service(route.service or "", (*path, "service"), document, findings)
        case "split":
            return _check_split(route, path, document, findings)
        case "redirect":
            return _check_redirect(route, match, path, findings)
        case "respond":
            return _check_respond(route, path, findings)
        case _:
            return True


def _check_policies(route: RouteDocument, action: str, path: Path, findings: Findings) -> None:
    idle = _WITHOUT_EFFECT.get(action, frozenset())
    for kind, _ in policy_documents(route, Place.ROUTE):
        if kind.name in idle:
            findings.error(
                "policy-without-effect",
                f"`{kind.name}` has no effect on a route with `{action}`",
                (*path, kind.name),
                labels=[((*path, action), "what the route does")],
                hint=_INSTEAD.get((action, kind.name), "remove it"),
            )


def _check_service(name: str, path: Path, document: GatewayDocument, findings: Findings) -> bool:
    if name in document.services:
        return True
    hint = None
    if name in document.providers or name in document.models:
        what = "provider" if name in document.providers else "model"
        hint = f"`{name}` is a {what}: models are offered by `serve: llm`"
    findings.unknown(
        "service",
        "services",
        name,
        document.services,
        f"this route goes to service `{name}`",
        path,
        hint=hint,
    )
    return False


def _check_split(
    route: RouteDocument, path: Path, document: GatewayDocument, findings: Findings
) -> bool:
    branches = route.split or ()
    at: Path = (*path, "split")
    first: dict[str, int] = {}
    good = True
    for place, branch in enumerate(branches):
        good &= _check_service(branch.to, (*at, place, "to"), document, findings)
        if branch.to in first:
            good = False
            findings.error(
                "duplicate-branch",
                f"service `{branch.to}` is there twice",
                (*at, place),
                "again",
                labels=[((*at, first[branch.to]), "first here")],
                hint="add the weights up in one of them",
            )
        first.setdefault(branch.to, place)
    if not any(branch.weight for branch in branches):
        good = False
        findings.error(
            "zero-weights",
            "no branch gets a request: all weights are 0",
            (*at, 0, "weight"),
            hint="give at least one a weight above 0",
        )
    return good


def _check_redirect(
    route: RouteDocument, match: Match | None, path: Path, findings: Findings
) -> bool:
    to = route.redirect
    if to is None:
        return True
    at: Path = (*path, "redirect")
    if to.path is not None and to.prefix is not None:
        findings.error(
            "several-paths",
            "a redirect has `path` or `prefix`, not both",
            (*at, "prefix"),
            "the second",
            labels=[((*at, "path"), "the first")],
            hint="`path` replaces all of the path, `prefix` the part that the route matched",
        )
        return False
    if to.prefix is not None and match is not None and match.path_kind is not PathKind.PREFIX:
        findings.error(
            "prefix-without-match",
            "`redirect.prefix` takes the place of `match.prefix`, and this route has none",
            (*at, "prefix"),
            labels=[((*path, "match"), f"compares the path by `{match.path_kind}`")],
            hint="write `redirect: { path: .. }`, or match by `prefix`",
        )
        return False
    elsewhere = (to.scheme, to.host, to.port, to.path, to.prefix)
    if all(part is None for part in elsewhere):
        findings.error(
            "redirect-loop",
            "this redirect leads to where it came from",
            at,
            hint="say where to: a URL, or one of `scheme`, `host`, `port`, `path`, `prefix`",
        )
        return False
    return True


def _check_respond(route: RouteDocument, path: Path, findings: Findings) -> bool:
    answer = route.respond
    if answer is None or not answer.body or answer.status not in _BODILESS:
        return True
    at: Path = (*path, "respond")
    findings.error(
        "body-with-status",
        f"an answer with status {answer.status} has no body, and this one would",
        (*at, "body"),
        labels=[((*at, "status"), "this status")],
        hint="remove `body`, or answer with another status, such as 200",
    )
    return False
