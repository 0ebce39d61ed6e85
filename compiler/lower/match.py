"""Lower a route's match: its path, methods, headers and query; the host chose the virtual host."""

from __future__ import annotations

from compiler.plan import Match, PathKind, ValueKind, ValueMatch
from xds.schema import envoy
from xds.wire import pack

route_v3 = envoy.config.route.v3
matcher_v3 = envoy.type.matcher.v3
template_v3 = envoy.extensions.path.match.uri_template.v3

_TEMPLATE = "envoy.path.match.uri_template.uri_template_matcher"


def lower_match(match: Match) -> route_v3.RouteMatch:
    """Make the RouteMatch of a policy's match."""
    lowered = route_v3.RouteMatch()
    match match.path_kind:
        case PathKind.EXACT:
            lowered.path = match.path
        case PathKind.PREFIX if match.path.endswith("/"):
            # Envoy refuses a `path_separated_prefix` with a slash at its end, and needs none.
            lowered.prefix = match.path
        case PathKind.PREFIX:
            lowered.path_separated_prefix = match.path
        case PathKind.REGEX:
            lowered.safe_regex.regex = match.path
        case PathKind.TEMPLATE:
            template = template_v3.UriTemplateMatchConfig(path_template=match.path)
            lowered.path_match_policy.name = _TEMPLATE
            lowered.path_match_policy.typed_config.CopyFrom(pack(template))
    if match.methods:
        method = lowered.headers.add(name=":method")
        if len(match.methods) == 1:
            method.string_match.exact = match.methods[0]
        else:
            method.string_match.safe_regex.regex = "|".join(match.methods)
    for header in match.headers:
        _header(header, lowered.headers.add(name=header.name.lower()))
    for parameter in match.query:
        _query(parameter, lowered.query_parameters.add(name=parameter.name))
    return lowered


def _header(condition: ValueMatch, matcher: route_v3.HeaderMatcher) -> None:
    if condition.kind is ValueKind.PRESENT:
        matcher.present_match = True
    elif condition.kind is ValueKind.ABSENT:
        matcher.present_match = True
        matcher.invert_match = True
    else:
        _text(condition, matcher.string_match)


def _query(condition: ValueMatch, matcher: route_v3.QueryParameterMatcher) -> None:
    if condition.kind is ValueKind.PRESENT:
        matcher.present_match = True
    elif condition.kind is ValueKind.ABSENT:
        matcher.present_match = False
    else:
        _text(condition, matcher.string_match)


def _text(condition: ValueMatch, matcher: matcher_v3.StringMatcher) -> None:
    match condition.kind:
        case ValueKind.EXACT:
            matcher.exact = condition.value
        case ValueKind.PREFIX:
            matcher.prefix = condition.value
        case ValueKind.SUFFIX:
            matcher.suffix = condition.value
        case ValueKind.CONTAINS:
            matcher.contains = condition.value
        case ValueKind.REGEX:
            matcher.safe_regex.regex = condition.value
        case ValueKind.PRESENT | ValueKind.ABSENT:
            raise AssertionError("has no text")
