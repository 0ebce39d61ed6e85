"""Keys are told by their values: by these clients are known, whatever a key is called."""

from tests.diff.policies import BASE, changes, edited

ONE = "6fc6dd1165374aaa5867747315129cbebf5eadf7e513223101047dbc1b51e46d"
TWO = f"7{ONE[1:]}"
THREE = f"8{ONE[1:]}"
TWO_TENANTS = edited(("b: { tier: free }", f"b: {{ tier: free, keys: {{ two: {TWO} }} }}"))


def test_a_value_that_another_tenant_s_key_has_now_is_a_danger():
    """Who holds it is not refused: it speaks for the other tenant."""
    found = changes((f", keys: {{ one: {ONE} }}", ""), (TWO, ONE), base=TWO_TENANTS)
    assert found == [
        "danger auth: key `a/one` has a value that is `b/two`'s now, and speaks for another",
        "loss auth: key `b/two` has a new value: who still uses the old one is answered 401",
    ]


def test_no_holder_is_said_to_be_refused_where_two_keys_changed_their_values():
    found = changes((ONE, THREE), (TWO, ONE), (THREE, TWO), base=TWO_TENANTS)
    assert found == [
        "danger auth: key `a/one` has a value that is `b/two`'s now, and speaks for another",
        "danger auth: key `b/two` has a value that is `a/one`'s now, and speaks for another",
        "gain auth: key `a/one` has a new value",
        "gain auth: key `b/two` has a new value",
    ]


def test_what_else_changes_of_a_key_that_is_called_otherwise_is_told():
    until = f"{{ sha256: {ONE}, expires: 2030-01-01 }}"
    assert changes((f"one: {ONE}", f"other: {until}"), base=BASE) == [
        "loss auth: key `a/other` ends: never -> 2030-01-01",
        "neutral auth: key `a/one` is called `a/other` now",
    ]
