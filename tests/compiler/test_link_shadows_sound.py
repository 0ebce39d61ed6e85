"""A route that is said to be in the shadow is never the first that matches, for any request."""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from compiler.diagnostic import Reporter
from compiler.linking.findings import Findings
from compiler.linking.linked import LinkedRoute
from compiler.linking.shadows import check_shadows
from compiler.plan import Match, PathKind, ValueKind, ValueMatch
from compiler.route_order import routes_by_host
from compiler.source import Span

HOSTS = ["a.c.b", "x.b", "other"]
PATHS = ["/", "/a", "/a/", "/a/b", "/a/b/c", "/b", "/ab", "/x"]
PATTERNS = {
    PathKind.EXACT: ["/", "/a", "/a/b"],
    PathKind.PREFIX: ["/", "/a", "/a/b"],
    PathKind.REGEX: [".*", "/.*", "/a/.*", "/a.*", "/a(/.*)?", "/a|/b", "/a?.*", r"/a\/.*", "/x.+"],
    PathKind.TEMPLATE: ["/{x}", "/a/{y}", "/a/{z}", "/{x=**}", "/a/**", "/a/*/c", "/*"],
}

values = st.builds(
    ValueMatch,
    st.sampled_from(["h", "k"]),
    st.sampled_from([ValueKind.EXACT, ValueKind.PRESENT, ValueKind.ABSENT]),
    st.just("v"),
)
paths = st.sampled_from([(kind, path) for kind, some in PATTERNS.items() for path in some])
matches = st.builds(
    lambda path, hosts, methods, headers: Match(
        tuple(sorted(hosts)), path[0], path[1], tuple(sorted(methods)), headers, ()
    ),
    paths,
    st.sets(st.sampled_from(["a.c.b", "*.b", "*.c.b"]), max_size=2),
    st.sets(st.sampled_from(["GET", "PUT"])),
    st.lists(values, max_size=2, unique_by=lambda one: one.name).map(
        lambda some: tuple(sorted(some, key=lambda one: one.name))
    ),
)


def linked(place, match):
    return LinkedRoute(f"r{place}", ("l",), match, (), None, ("routes", place), place)


def shadowed(routes):
    reporter = Reporter()
    lines = Findings(reporter, lambda path: Span("f", int(path[1]), 1, 1, 1))
    check_shadows(routes, lines)
    return {said.span.line for said in reporter.diagnostics}


def template(text):
    text = re.sub(r"\{[^}=]*\}", "*", text)
    text = re.sub(r"\{[^}=]*=([^}]*)\}", r"\1", text)
    parts = [re.escape(part) for part in text.split("**")]
    return ".*".join(part.replace(r"\*", "[^/]+") for part in parts)


def takes(match, method, path, headers):
    """Match as Envoy does; the host has chosen the list."""
    taken = {
        PathKind.EXACT: path == match.path,
        PathKind.PREFIX: path == match.path or path.startswith(match.path.rstrip("/") + "/"),
        PathKind.REGEX: match.path_kind is PathKind.REGEX and re.fullmatch(match.path, path),
        PathKind.TEMPLATE: match.path_kind is PathKind.TEMPLATE
        and re.fullmatch(template(match.path), path),
    }[match.path_kind]
    if not taken or (match.methods and method not in match.methods):
        return False
    for value in match.headers:
        there = headers.get(value.name)
        if value.kind is ValueKind.ABSENT:
            good = there is None
        else:
            good = there is not None and (value.kind is ValueKind.PRESENT or there == value.value)
        if not good:
            return False
    return True


@settings(max_examples=150)
@given(st.lists(matches, min_size=2, max_size=5))
@example(
    [Match((), PathKind.REGEX, "/a?.*", (), (), ()), Match((), PathKind.PREFIX, "/a", (), (), ())]
)
def test_a_shadowed_route_is_never_first_everywhere(drawn):
    """On some host's list, a route that is told gets no request, whatever is asked."""
    routes = [linked(place, match) for place, match in enumerate(drawn)]
    told = shadowed(routes)
    lists = routes_by_host(routes)
    requests = [
        (method, path, {**one, **other})
        for method in ("GET", "PUT", "TRACE")
        for path in PATHS
        for one in ({}, {"h": "v"}, {"h": "w"})
        for other in ({}, {"k": "v"})
    ]
    first = {
        host: {
            next((r.place for r in tried if takes(r.match, *request)), None) for request in requests
        }
        for host, tried in lists.items()
    }
    for place in told:
        hosts = routes[place].match.hosts or ("",)
        assert any(place not in first[host] for host in hosts), (place, lists)


@given(matches, st.lists(matches, max_size=3))
def test_the_same_match_is_always_told(match, others):
    """Two routes that ask for the same cannot both be meant."""
    routes = [linked(place, one) for place, one in enumerate([match, *others, match])]
    assert len(others) + 1 in shadowed(routes)
