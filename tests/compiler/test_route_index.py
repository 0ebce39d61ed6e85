"""The index over a long list of routes: it leaves out only what cannot match, and keeps order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from compiler.lower.lowered import SIZE_BUDGET
from compiler.lower.route_index import (
    GROWTH,
    INDEX_FROM,
    _entries,
    index_hosts,
    index_routes,
    route_lists,
)
from xds.schema import envoy

route_v3 = envoy.config.route.v3

TEXTS = st.text(alphabet="ab/", max_size=6)


def virtual_host(*routes):
    host = route_v3.VirtualHost(name="any", domains=["*"])
    host.routes.extend(routes)
    return host


def a_route(n, **match):
    return route_v3.Route(name=f"r{n}", match=route_v3.RouteMatch(**match))


def candidates(entries, path):
    """What Envoy's prefix map finds: the entry with the longest beginning of the path."""
    fitting = [entry for entry in entries if path.startswith(entry[0])]
    return max(fitting, key=lambda entry: len(entry[0]))[1] if fitting else []


@given(st.lists(TEXTS, min_size=1, max_size=80), TEXTS.map(lambda text: text * 2))
def test_every_route_that_can_match_is_a_candidate_in_its_order(heads, path):
    """The list for a path holds all routes whose beginning fits, first come first."""
    entries = _entries(heads)
    if entries is None:
        return
    found = candidates(entries, path)
    assert found == sorted(set(found))
    assert {n for n, head in enumerate(heads) if path.startswith(head)} <= set(found)


def test_a_short_list_stays_a_list():
    """What is read by people is left readable."""
    host = virtual_host(*(a_route(n, path_separated_prefix=f"/{n}") for n in range(INDEX_FROM - 1)))
    index_routes(host)
    assert not host.HasField("matcher")
    assert len(host.routes) == INDEX_FROM - 1


def test_a_long_list_is_divided_and_no_entry_is_long():
    """10,000 routes below one prefix: no request is held against more than a few."""
    host = virtual_host(
        *(a_route(n, path_separated_prefix=f"/api/part{n:05d}") for n in range(10_000)),
        a_route(10_000, prefix="/"),
    )
    index_routes(host)
    lists = list(route_lists(host))
    assert len(host.routes) == 0
    assert max(map(len, lists)) <= 30
    assert {route.name for routes in lists for route in routes} == {f"r{n}" for n in range(10_001)}
    assert all(routes[-1].name == "r10000" for routes in lists)


def test_a_list_that_cannot_be_divided_stays_a_list():
    """Expressions that may match any path would have to stand in every entry."""
    host = virtual_host(
        *(a_route(n, path_separated_prefix=f"/p{n}") for n in range(500)),
        *(
            route_v3.Route(
                name=f"x{n}",
                match=route_v3.RouteMatch(
                    safe_regex=envoy.type.matcher.v3.RegexMatcher(regex=f".*/x{n}")
                ),
            )
            for n in range(500)
        ),
    )
    index_routes(host)
    assert not host.HasField("matcher")
    assert len(host.routes) == 1000


def test_lists_whose_index_would_outgrow_grpc_stay_lists():
    """Slower is better than refused: hosts are indexed as long as there is room."""
    configuration = route_v3.RouteConfiguration(name="public")
    for n in range(6):
        host = configuration.virtual_hosts.add(name=f"h{n}", domains=[f"h{n}"])
        for m in range(1_000):
            host.routes.add(name="x", match=route_v3.RouteMatch(path=f"/{m}"))
    room = 50_000
    configuration.virtual_hosts.add(name="x" * (SIZE_BUDGET - configuration.ByteSize() - room))
    index_hosts(configuration)
    indexed = [host.HasField("matcher") for host in configuration.virtual_hosts]
    assert True in indexed
    assert False in indexed
    assert configuration.ByteSize() <= SIZE_BUDGET


@given(st.lists(TEXTS, min_size=1, max_size=200))
def test_the_index_is_bounded(heads):
    """The entries together repeat the routes a few times at most."""
    entries = _entries(heads)
    if entries is not None:
        assert sum(len(members) for _, members in entries) <= GROWTH * len(heads)


def test_the_same_routes_give_the_same_bytes():
    """Map entries are written in the order of their keys."""

    def made():
        host = virtual_host(*(a_route(n, path=f"/{n}") for n in range(300)))
        index_routes(host)
        return host.SerializeToString(deterministic=True)

    assert made() == made()
