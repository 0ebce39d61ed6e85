"""Extension configs (ECDS): followed like any other type, and never said to be gone."""

from __future__ import annotations

import pytest

from tests.xds.client import Client
from xds.group import Group
from xds.order import EXTENSION
from xds.resource import resource
from xds.schema import envoy
from xds.snapshot import snapshot
from xds.wire import pack


def extension(name="limits", *, suppress=False):
    """A router filter's config, served by name."""
    router = envoy.extensions.filters.http.router.v3.Router(suppress_envoy_headers=suppress)
    made = envoy.config.core.v3.TypedExtensionConfig(name=name)
    made.typed_config.CopyFrom(pack(router))
    return resource(made)


@pytest.fixture(params=["delta", "sotw"])
def client(request):
    group = Group()
    group.publish(snapshot([extension()]))
    return Client(group, request.param)


def acknowledge(client, response):
    """In SotW every request names what is wanted; in delta that would ask for it again."""
    client.ack(response, *(["limits"] if client.protocol == "sotw" else []))


def test_a_changed_config_is_sent(client):
    """To whoever has asked for its name."""
    [response] = client.ask(EXTENSION, "limits")
    acknowledge(client, response)
    [response] = client.publish(snapshot([extension(suppress=True)]))
    assert response.names == {"limits"}


def test_a_config_that_is_gone_is_met_with_silence(client):
    """Envoy would drop the filter, or refuse requests: it goes with the listener that names it."""
    [response] = client.ask(EXTENSION, "limits")
    acknowledge(client, response)
    assert client.publish(snapshot([extension("other")])) == []


def test_a_config_that_is_not_there_yet_is_waited_for(client):
    """No "there is none", which would end the wait; it comes when it is there."""
    assert client.ask(EXTENSION, "late") == []
    [response] = client.publish(snapshot([extension(), extension("late")]))
    assert response.names == {"late"}
