"""Runtime keys by RTDS: the real Envoy follows them without a new route or listener."""

from __future__ import annotations

import httpx
import pytest

from tests.e2e.envoy_process import running, until
from tests.e2e.plane_thread import running_plane
from tests.xds.hand_made import listener, routes
from xds.resource import resource
from xds.runtime_layer import RUNTIME_LAYER
from xds.schema import envoy


def runtime(**values):
    """The layer that a policy sets."""
    made = envoy.service.runtime.v3.Runtime(name=RUNTIME_LAYER)
    made.layer.update({key.replace("_", "."): value for key, value in values.items()})
    return resource(made)


def forked():
    """Requests are answered `new` for the share that the key `test.share` says, `old` else."""
    table = routes(body="old")
    host = table.message.virtual_hosts[0]
    old = envoy.config.route.v3.Route()
    old.CopyFrom(host.routes[0])
    host.routes[0].match.runtime_fraction.runtime_key = "test.share"
    host.routes[0].match.runtime_fraction.default_value.numerator = 0
    host.routes[0].direct_response.body.inline_string = "new"
    host.routes.append(old)
    return table


@pytest.fixture(scope="module", params=["delta", "sotw"])
def served(request):
    with running_plane() as plane:
        plane.publish(listener(), forked())
        with running(plane.bootstrap(request.param)) as envoy:
            envoy.port("public")
            yield plane, envoy


def answer(envoy):
    return httpx.get(envoy.url("public"), trust_env=False).text


def test_a_runtime_fraction_changes_live(served):
    """A share of 100 and back, and the table of routes was sent once."""
    plane, envoy = served
    assert plane.publish_and_wait(listener(), forked(), runtime(test_share=100))
    until(lambda: answer(envoy) == "new", "not new", envoy)
    assert plane.publish_and_wait(listener(), forked(), runtime(test_share=0))
    until(lambda: answer(envoy) == "old", "not old", envoy)
    assert list(envoy.stats(r"rds\.public\.update_success$").values()) == [1]
    assert not plane.nacks


def test_a_layer_that_is_gone_leaves_no_key(served):
    """Without a runtime in the policy, the layer is there and empty."""
    plane, envoy = served
    assert plane.publish_and_wait(listener(), forked(), runtime(test_share=100))
    until(lambda: answer(envoy) == "new", "not new", envoy)
    assert plane.publish_and_wait(listener(), forked())
    until(lambda: answer(envoy) == "old", "not old", envoy)
    assert "test.share" not in envoy.json("/runtime")["entries"]
    assert not plane.nacks


def test_the_admin_interface_overrides_the_policy(served):
    """What an operator sets by hand on one Envoy wins there."""
    plane, envoy = served
    assert plane.publish_and_wait(listener(), forked(), runtime(test_share=0))
    httpx.post(envoy.admin + "/runtime_modify?test.share=100", trust_env=False).raise_for_status()
    until(lambda: answer(envoy) == "new", "not new", envoy)
    httpx.post(envoy.admin + "/runtime_modify?test.share=", trust_env=False).raise_for_status()
