"""The subscription of a stream to a type, as the protocol's page words it."""

from __future__ import annotations

import pytest

from xds.order import CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET
from xds.subscription import Change, Subscription


@pytest.mark.parametrize("type_url", [CLUSTER, LISTENER])
def test_an_empty_first_request_asks_for_everything(type_url):
    """The legacy wildcard of listeners and clusters."""
    subscription = Subscription(type_url)
    subscription.state([])
    assert subscription.wildcard


@pytest.mark.parametrize("type_url", [ENDPOINT, ROUTE, SECRET])
def test_an_empty_first_request_for_other_types_asks_for_nothing(type_url):
    """Clients send empty lists for endpoints and routes when they shut down."""
    subscription = Subscription(type_url)
    subscription.state([])
    assert not subscription
    delta = Subscription(type_url)
    delta.amend([], [])
    assert not delta


def test_a_legacy_wildcard_lasts_while_no_name_is_given():
    """An ACK repeats the empty list and changes nothing."""
    subscription = Subscription(CLUSTER)
    subscription.state([])
    assert subscription.state([]) == Change()
    assert subscription.wildcard


def test_once_a_name_was_given_an_empty_list_means_nothing():
    """Empty is then an unsubscription from all names."""
    subscription = Subscription(CLUSTER)
    subscription.state(["a"])
    assert subscription.state([]) == Change(removed=frozenset({"a"}))
    assert not subscription


def test_names_end_a_legacy_wildcard_unless_a_star_is_among_them():
    """`*` is the explicit wildcard."""
    subscription = Subscription(CLUSTER)
    subscription.state([])
    subscription.state(["a"])
    assert not subscription.wildcard
    subscription.state(["a", "*"])
    assert subscription.wildcard
    assert subscription.names == {"a"}


def test_state_tells_what_is_new_and_what_is_gone():
    """A SotW request holds all names; the change is the difference."""
    subscription = Subscription(ENDPOINT)
    assert subscription.state(["a", "b"]) == Change(added=frozenset({"a", "b"}))
    assert subscription.state(["b", "c"]) == Change(frozenset({"c"}), frozenset({"a"}))


def test_in_delta_the_first_empty_request_is_a_wildcard_and_later_ones_are_acks():
    """Only the first request can be legacy."""
    subscription = Subscription(LISTENER)
    subscription.amend([], [])
    assert subscription.wildcard
    named = Subscription(LISTENER)
    named.amend(["a"], [])
    named.amend([], [])
    assert not named.wildcard


def test_in_delta_a_name_beside_a_legacy_wildcard_leaves_it_on():
    """Lists are changes, not states."""
    subscription = Subscription(CLUSTER)
    subscription.amend([], [])
    subscription.amend(["a"], [])
    assert subscription.wildcard
    subscription.amend([], ["*"])
    assert not subscription.wildcard
    assert subscription.names == {"a"}


def test_star_asked_for_and_dropped_at_once_means_nothing():
    """It neither starts nor ends a wildcard, and the request is not a legacy one."""
    subscription = Subscription(CLUSTER)
    subscription.amend(["*"], ["*"])
    assert not subscription
    subscription.amend(["*"], [])
    subscription.amend(["*"], ["*"])
    assert subscription.wildcard


def test_asking_again_counts_as_new():
    """A client that re-subscribes wants to be sent the resource again."""
    subscription = Subscription(ENDPOINT)
    subscription.amend(["a"], [])
    assert subscription.amend(["a"], []).added == {"a"}


def test_dropping_an_unknown_name_is_harmless():
    """A phantom unsubscription is not answered."""
    subscription = Subscription(ENDPOINT)
    assert subscription.amend([], ["ghost"]) == Change()


def test_dropping_a_name_under_a_wildcard_is_answered_even_if_it_was_never_asked_for():
    """The wildcard still covers it, so the client must hear how it stands."""
    subscription = Subscription(CLUSTER)
    subscription.amend(["*"], [])
    assert subscription.amend([], ["ghost"]).removed == {"ghost"}


def test_secrets_cannot_be_had_by_a_wildcard():
    """A client gets the secrets it can name."""
    subscription = Subscription(SECRET)
    subscription.state(["*"])
    assert not subscription
    delta = Subscription(SECRET)
    delta.amend(["*"], [])
    assert not delta
