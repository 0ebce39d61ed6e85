r"""What the service is asked for, where that is not what the client asked for.

One of ``path`` (the whole path), ``prefix`` (the part that the route matched by; the rest is kept),
``regex`` (every part of the path that matches becomes ``to``, in which ``\1`` is the first group)
and ``template`` (the variables of the match's template in new places). The query string is kept.
``host`` is the Host that the service sees: a name, or ``{ from: endpoint }`` for the DNS name of
the endpoint that gets the request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from policies.base import Place, PolicyKind, route_v3
from policies.document import Document, Maybe, keyed
from policies.values import Host, Regex, refuse, shown
from xds.schema import envoy
from xds.wire import pack

template_v3 = envoy.extensions.path.rewrite.uri_template.v3
matcher_v3 = envoy.type.matcher.v3

PathText = Annotated[
    str,
    Field(pattern=r"^/[\x21-\x22\x24-\x3e\x40-\x7e]*$", max_length=4096, examples=["/v2"]),
]

_TEMPLATE = "envoy.path.rewrite.uri_template.uri_template_rewriter"
_VARIABLE = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)[^}]*\}")
_GROUP = re.compile(r"\\(\\|[0-9])?")


class RegexRewrite(Document):
    """Replace every part of the path that matches."""

    match: Regex
    """What is replaced (RE2; a part of the path may match)."""
    to: Annotated[str, Field(max_length=4096, examples=[r"/v2/\1"])]
    r"""What takes its place; `\1` is the first group, `\\` a backslash."""

    @model_validator(mode="after")
    def _groups_exist(self) -> RegexRewrite:
        try:
            groups = re.compile(self.match).groups
        except re.error:
            return self  # RE2 knows it and Python does not: Envoy says the rest
        for found in _GROUP.finditer(self.to):
            what = found[1]
            if what is None or (what != "\\" and int(what) > groups):
                refuse(
                    "bad-rewrite",
                    f"{shown(found[0])} in `to` is no group of `match`",
                    rf"`match` has {groups}; a backslash itself is `\\`",
                )
        return self


class HostRewrite(Document):
    """The Host that the service sees."""

    name: Maybe[Host] = None
    """This name."""
    source: Annotated[Maybe[Literal["endpoint"]], Field(alias="from")] = None
    """The DNS name of the endpoint that gets the request."""

    @model_validator(mode="after")
    def _one(self) -> HostRewrite:
        if (self.name is None) is (self.source is None):
            refuse("bad-rewrite", "a host is rewritten in one way", "write a name")
        return self


class Rewrite(Document):
    """What the service is asked for, where that is not what the client asked for."""

    path: Maybe[PathText] = None
    """The whole path."""
    prefix: Maybe[PathText] = None
    """What takes the place of the prefix that the route matched by."""
    regex: Maybe[RegexRewrite] = None
    """Replace every part of the path that matches."""
    template: Maybe[Annotated[PathText, Field(examples=["/v2/{id}"])]] = None
    """The variables of the match's template in new places."""
    host: Annotated[
        Maybe[HostRewrite], keyed("name", {"type": "string", "examples": ["orders.internal"]}, str)
    ] = None
    """The Host that the service sees."""

    @model_validator(mode="after")
    def _one_path(self) -> Rewrite:
        keys = ("path", "prefix", "regex", "template")
        given = [key for key in keys if getattr(self, key) is not None]
        if len(given) > 1 or (not given and self.host is None):
            refuse(
                "bad-rewrite",
                f"a path is rewritten in one way, this in {len(given)}",
                "give one of `path`, `prefix`, `regex`, `template`, or `host` alone",
            )
        return self


@dataclass(frozen=True, slots=True)
class RewritePlan:
    """At most one of the first four; ``host`` is empty for the endpoint's own name."""

    path: str | None
    prefix: str | None
    regex: tuple[str, str] | None
    template: str | None
    host: str | None


def plan(document: Rewrite) -> RewritePlan:
    """Unfold the shapes."""
    regex = document.regex
    host = document.host
    return RewritePlan(
        path=document.path,
        prefix=document.prefix,
        regex=None if regex is None else (regex.match, regex.to),
        template=document.template,
        host=None if host is None else (host.name or ""),
    )


def template_variables(template: str) -> frozenset[str]:
    """The names of a template's variables: ``/users/{id}`` has ``id``."""
    return frozenset(_VARIABLE.findall(template))


def patch_route(plan: RewritePlan, route: route_v3.Route) -> None:
    """Rewrite the path and the Host on this route; its match must be in place."""
    action = route.route
    if plan.path is not None:
        # One whole match, so that the substitution happens once.
        _substitute(action.regex_rewrite, "^/.*$", _literal(plan.path))
    elif plan.prefix is not None:
        swap_prefix(plan.prefix, route.match, action)
    elif plan.regex is not None:
        _substitute(action.regex_rewrite, *plan.regex)
    elif plan.template is not None:
        rewriter = template_v3.UriTemplateRewriteConfig(path_template_rewrite=plan.template)
        action.path_rewrite_policy.name = _TEMPLATE
        action.path_rewrite_policy.typed_config.CopyFrom(pack(rewriter))
    if plan.host:
        action.host_rewrite_literal = plan.host
    elif plan.host is not None:
        action.auto_host_rewrite.value = True


def swap_prefix(
    new: str, match: route_v3.RouteMatch, action: route_v3.RouteAction | route_v3.RedirectAction
) -> None:
    """Replace whole segments: Envoy replaces characters, and so would make ``//`` or none."""
    old = match.path_separated_prefix or match.prefix
    if old.endswith("/"):
        action.prefix_rewrite = new.rstrip("/") + "/"
    elif new.rstrip("/"):
        action.prefix_rewrite = new.rstrip("/")
    else:
        _substitute(action.regex_rewrite, "^" + re.escape(old) + "/?", "/")


def _substitute(
    rewrite: matcher_v3.RegexMatchAndSubstitute, pattern: str, substitution: str
) -> None:
    rewrite.pattern.regex = pattern
    rewrite.substitution = substitution


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\")


KIND = PolicyKind(
    name="rewrite",
    places=frozenset({Place.ROUTE}),
    docs=__doc__,
    document=Rewrite,
    plan=plan,
    valid=r"""
regex: { match: "^/v[0-9]+/(.*)$", to: '/\1' }
host: orders.internal
""",
    invalid="{ prefix: /, path: /index.html }",
    invalid_code="bad-rewrite",
    patch_route=patch_route,
)
