"""The order of HTTP filters: each has one place and a reason."""

from __future__ import annotations

import pytest

from compiler.order import ORDER, arrange
from xds.schema import envoy

hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3


def test_filters_come_in_the_order_of_the_list():
    """However they were given."""
    filters = [hcm_v3.HttpFilter(name=position.name) for position in reversed(ORDER)]
    assert [f.name for f in arrange(filters)] == [position.name for position in ORDER]


def test_a_filter_without_a_place_is_refused():
    """Whoever adds a filter must say where it stands, and why."""
    with pytest.raises(KeyError):
        arrange([hcm_v3.HttpFilter(name="somebody.elses")])


def test_every_place_has_its_reason_and_the_router_is_last():
    """The list is documentation as much as it is code."""
    assert all(position.reason for position in ORDER)
    assert len({position.name for position in ORDER}) == len(ORDER)
    assert ORDER[-1].name == "envoy.filters.http.router"
