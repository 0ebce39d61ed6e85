"""What a service is asked for: the path and host of a request that a route has rewritten.

Source: `RouteAction` (prefix_rewrite, regex_rewrite, path_rewrite_policy) in
envoy/config/route/v3/route_components.proto. Envoy rewrites the path without its query.
"""

from __future__ import annotations

import re
from typing import Any

import re2  # type: ignore[import-untyped]  # google-re2 has no types

from compiler.decide.matching import template_values
from compiler.decide.paths import Normal
from compiler.plan import Match, PathKind
from policies.rewrite import RewritePlan

_VARIABLE = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)[^}]*\}")


def rewritten_path(plan: RewritePlan, match: Match, path: Normal) -> str:
    """Give the path with its query as the service sees it."""
    new = path.path
    if plan.path is not None:
        new = plan.path
    elif plan.prefix is not None:
        new = swapped(match.path, plan.prefix, new)
    elif plan.regex is not None:
        pattern, to = plan.regex
        new = substituted(pattern, to, new)
    elif plan.template is not None and match.path_kind is PathKind.TEMPLATE:
        values = template_values(match.path, new)
        new = _VARIABLE.sub(lambda found: values.get(found[1], ""), plan.template)
    return f"{new}?{path.query}" if "?" in path.target else new


def swapped(old: str, new: str, path: str) -> str:
    """Replace the prefix that a route matched by, in whole segments."""
    if old.endswith("/"):
        return new.rstrip("/") + "/" + path[len(old) :]
    if new.rstrip("/"):
        return new.rstrip("/") + path[len(old) :]
    return "/" + path[len(old) :].removeprefix("/")


def substituted(pattern: str, to: str, text: str) -> str:
    """Replace every part of a text that matches, as RE2's GlobalReplace does."""
    compiled: Any = re2.compile(pattern)

    def replacement(found: Any) -> str:
        return re.sub(
            r"\\(\\|[0-9])",
            lambda group: "\\" if group[1] == "\\" else found.group(int(group[1])) or "",
            to,
        )

    result: str = compiled.sub(replacement, text)
    return result
