"""The names that routes get which have none."""

from hypothesis import given
from hypothesis import strategies as st

from compiler.linking.route_names import derived_name
from compiler.plan import Match, PathKind, ValueKind, ValueMatch


def match(path="/", kind=PathKind.PREFIX, hosts=(), methods=(), headers=(), query=()):
    return Match(tuple(hosts), kind, path, tuple(methods), tuple(headers), tuple(query))


def test_a_plain_prefix_is_its_segments():
    """The commonest routes have the shortest names."""
    assert derived_name(match("/orders"), None) == "orders"
    assert derived_name(match("/orders/line-items"), None) == "orders_line-items"
    assert derived_name(match("/"), None) == "root"


def test_other_matches_have_words_and_a_hash():
    """What asks for more says what, and ends with a hash of all of it."""
    name = derived_name(match("/users/{id}", PathKind.TEMPLATE, methods=["GET"]), None)
    words, _, digest = name.rpartition("-")
    assert words == "users-id-get"
    assert len(digest) == 8


def test_values_of_headers_do_not_show():
    """A header's value may be meant for few eyes, and names are shown in metrics."""
    secret = ValueMatch("x-token", ValueKind.EXACT, "hunter2")
    assert "hunter2" not in derived_name(match(headers=[secret]), None)


def test_the_root_is_not_the_path_root():
    """`/root` does not take the name of `/`."""
    assert derived_name(match("/root"), None) != derived_name(match("/"), None)


def test_listeners_that_were_written_count():
    """The same match on two listeners makes two routes."""
    assert derived_name(match("/a"), ("one",)) != derived_name(match("/a"), ("two",))


segments = st.text("ab-_.R%", min_size=1, max_size=4)
paths = st.lists(segments, max_size=3).map(lambda parts: "/" + "/".join(parts))
values = st.builds(ValueMatch, st.sampled_from(["a", "b"]), st.sampled_from(ValueKind), segments)
matches = st.builds(
    match,
    paths,
    st.sampled_from(PathKind),
    st.lists(st.sampled_from(["a.example", "b.example"]), unique=True).map(sorted),
    st.lists(st.sampled_from(["GET", "PUT"]), unique=True).map(sorted),
    st.lists(values, max_size=1),
    st.lists(values, max_size=1),
)


@given(matches, matches)
def test_different_matches_have_different_names(one, other):
    """A name is made from all that a route asks for."""
    assert (derived_name(one, None) == derived_name(other, None)) == (one == other)
