"""Which counter a request is counted in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ext_authz.counters.names import counter_name
from xds.edge.limit import Each, Limit, Period, Shape, Unit


def limit_of(each: Each) -> Limit:
    return Limit(
        id="x",
        owner="x",
        text="x",
        unit=Unit.REQUESTS,
        amount=1,
        period=Period.MINUTE,
        shape=Shape.SLIDING,
        each=each,
    )


WHO = {"tenant": "acme", "team": "search", "key": "acme/search/ci", "user": "bob"}


@pytest.mark.parametrize(
    ("each", "name"),
    [
        (Each.ALL, "x"),
        (Each.TENANT, "x|tenant=acme"),
        (Each.TEAM, "x|team=acme/search"),
        (Each.KEY, "x|key=acme/search/ci"),
        (Each.USER, "x|user=acme/bob"),
        (Each.CLIENT, "x|client=192.0.2.1"),
    ],
)
def test_a_counter_is_named_after_whose_it_is(each, name):
    """Each kind of `each` names its own part of an identity."""
    assert counter_name(limit_of(each), **WHO, client="192.0.2.1") == name


def test_who_has_no_key_is_counted_by_user_and_then_by_address():
    """Nobody escapes a limit for each key by coming without one."""
    per_key, per_user = limit_of(Each.KEY), limit_of(Each.USER)
    assert counter_name(per_key, "acme", "", "", "bob", "192.0.2.1") == "x|user=acme/bob"
    assert counter_name(per_user, "acme", "", "acme/ci", "", "192.0.2.1") == "x|key=acme/ci"
    assert counter_name(per_key, "", "", "", "", "192.0.2.1") == "x|client=192.0.2.1"


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
    ],
)
def test_an_ipv6_client_is_its_network(address, counted):
    """Addresses that a client may choose freely are one client."""
    assert counter_name(limit_of(Each.CLIENT), "", "", "", "", address) == f"x|client={counted}"


@given(st.text(), st.text())
def test_different_users_have_different_counters(one, other):
    """No user name, however odd, is counted in another's counter, nor makes long names."""
    per_user = limit_of(Each.USER)
    names = {counter_name(per_user, "acme", "", "acme/ci", user, "") for user in (one, other)}
    assert len(names) == len({one, other})
    assert all(len(name) < 200 and name.count("|") == 1 for name in names)
