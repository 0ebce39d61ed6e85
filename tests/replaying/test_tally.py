"""What is different is counted by kind, with tenants and examples, in bounded memory."""

from compiler.replaying.change import Change, Kind
from compiler.replaying.tally import MOST_GROUPS, MOST_TENANTS, OTHERS, Tally

STATUS = Change(Kind.STATUS, "200", "404")


def test_a_request_counts_once_however_much_of_it_changes():
    """And once for each kind."""
    tally = Tally()
    tally.add("a", "acme", (STATUS, Change(Kind.ROUTE, "x", "none")))
    tally.add("b", "acme", (STATUS,))
    tally.add("c", "", ())
    assert (tally.requests, tally.changed) == (3, 2)
    assert tally.by_kind == {Kind.STATUS: 2, Kind.ROUTE: 1}
    (group,) = tally.sorted_groups(Kind.STATUS)
    assert (group.count, dict(group.tenants), group.examples) == (2, {"acme": 2}, ["a", "b"])


def test_memory_is_bounded_whatever_comes():
    """Groups, tenants and examples are kept up to a number; the rest is counted together."""
    tally = Tally(examples=1)
    for number in range(5_000):
        tally.add(str(number), f"t{number}", (Change(Kind.ROUTE, str(number), "none"), STATUS))
    assert len(tally.groups) <= MOST_GROUPS + 2
    groups = tally.sorted_groups(Kind.ROUTE)
    assert groups[0].change == Change(Kind.ROUTE, OTHERS, OTHERS)
    assert sum(group.count for group in groups) == 5_000
    (status,) = tally.sorted_groups(Kind.STATUS)
    assert status.examples == ["0"]
    assert len(status.tenants) == MOST_TENANTS + 1
    assert sum(status.tenants.values()) == 5_000


def test_costs_are_summed_where_both_are_known():
    """And told where one is not."""
    tally = Tally()
    tally.spend("fast", 10, 20)
    tally.spend("fast", 10, None)
    spent = tally.costs["fast"]
    assert (spent.requests, spent.changed, spent.before, spent.after, spent.unknown) == (
        *(2, 1, 10, 20),
        1,
    )
