"""Rewrites that lean on the route's match: what they replace must be there."""

from __future__ import annotations

from compiler.diagnostic import did_you_mean
from compiler.linking.findings import Findings
from compiler.plan import Match, PathKind
from compiler.schema.routes import RouteDocument
from compiler.source import Path
from policies.rewrite import Rewrite, template_variables


def check_rewrite(route: RouteDocument, match: Match, path: Path, findings: Findings) -> None:
    """Check a route's ``rewrite`` against its match."""
    rewrite = getattr(route, "rewrite", None)
    if not isinstance(rewrite, Rewrite):
        return
    at: Path = (*path, "rewrite")
    if rewrite.prefix is not None and match.path_kind is not PathKind.PREFIX:
        findings.error(
            "prefix-without-match",
            "`rewrite.prefix` takes the place of `match.prefix`, and this route has none",
            (*at, "prefix"),
            labels=[((*path, "match"), f"compares the path by `{match.path_kind}`")],
            hint="match by `prefix`, or rewrite by `path`, `regex` or `template`",
        )
    if rewrite.template is None:
        return
    if match.path_kind is not PathKind.TEMPLATE:
        findings.error(
            "template-without-match",
            "`rewrite.template` uses the variables of `match.template`, and this route has none",
            (*at, "template"),
            labels=[((*path, "match"), f"compares the path by `{match.path_kind}`")],
            hint="match by `template`, or rewrite by `path`, `prefix` or `regex`",
        )
        return
    known = template_variables(match.path)
    for name in sorted(template_variables(rewrite.template) - known):
        close = did_you_mean(name, sorted(known))
        findings.error(
            "unknown-variable",
            f"the rewrite uses variable `{name}`, which the match does not have",
            (*at, "template"),
            "no such variable",
            labels=[((*path, "match", "template"), "its variables")],
            hint=f"did you mean `{close}`?" if close else "use a variable of the match",
        )
