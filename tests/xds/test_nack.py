"""Refusals: whom the text blames, and that equal faults read alike."""

from __future__ import annotations

import pytest

from tests.xds.hand_made import cluster, listener
from xds.nack import Nack, blamed, normalise
from xds.order import LISTENER
from xds.references import mentions, references
from xds.snapshot import snapshot

SENT = {"api": "1", "api-next": "2", "service/orders": "3"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Error adding/updating listener(s) api: cannot bind", {"api"}),
        ("Error adding/updating listener(s) api-next: cannot bind", {"api-next"}),
        ("Error adding/updating cluster(s) service/orders: bad", {"service/orders"}),
        ("Error adding/updating listener(s) api: x, api-next: y", {"api", "api-next"}),
    ],
)
def test_the_resources_that_the_text_names_are_to_blame(text, names):
    """A name within a longer one does not count."""
    assert blamed(text, SENT, {}).keys() == names


def test_without_a_name_all_that_is_not_known_to_be_good_is_to_blame():
    """A route configuration's error does not say which one it is."""
    assert blamed("prefix and regex rewrite", SENT, {"api": "1"}).keys() == {
        "api-next",
        "service/orders",
    }


def test_good_resources_are_not_blamed_unless_they_are_named():
    """Then the fault is that Envoy's own."""
    assert blamed("out of memory", {"api": "1"}, {"api": "1"}) == {}
    assert blamed("api: cannot bind", {"api": "1"}, {"api": "1"}) == {"api": "1"}


@pytest.mark.parametrize(
    "text",
    [
        "Error adding listener(s) x:  cannot bind\n",
        "INVALID_ARGUMENT: Error adding listener(s) x: cannot bind",
        "[source/common/x.cc:12] Error adding listener(s) x: cannot bind",
    ],
)
def test_what_varies_is_cut_from_the_text(text):
    """Prefixes and white space say nothing about the fault."""
    assert normalise(text) == "Error adding listener(s) x: cannot bind"


def test_a_long_text_is_cut():
    """Envoy may quote a whole resource."""
    assert len(normalise("x" * 100_000)) == 2_000


def test_a_refusal_reads_as_a_sentence():
    """For logs."""
    nack = Nack("edge-1", LISTENER, "v", {"public": "1"}, "cannot bind")
    assert str(nack) == "edge-1 refused listener public: cannot bind"


def test_references_are_found_inside_packed_messages():
    """A listener names its routes in a filter and its secret in a transport socket."""
    made = snapshot([listener("x", routes="r", secret="s"), cluster("c")])
    found = references(made.of(LISTENER).by_name["x"].body)
    assert (found.routes, found.secrets, found.endpoints) == ({"r"}, {"s"}, set())
    [one] = snapshot([cluster("c")]).types.values()
    assert references(one.by_name["c"].body).endpoints == {"c"}


def test_a_mention_is_the_whole_string():
    """A name is found with its length before it; long ones by their text."""
    body = snapshot([cluster("orders-next")]).types.popitem()[1].by_name["orders-next"].body
    assert mentions(body, "orders-next")
    assert not mentions(body, "orders")
    long = "x" * 200
    [one] = snapshot([cluster(long)]).types.values()
    assert mentions(one.by_name[long].body, long)
