"""CSDS over the wire: asked by raw calls and by gRPC's own package, refused to strangers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from cli.operating import Operating
from tests.e2e.envoy_process import running, until
from tests.e2e.envoy_versions import CACHE
from tests.e2e.plane_thread import running_plane
from tests.e2e.proxyless import METHOD, backend, grpc_bootstrap, service
from tests.xds.hand_made import cluster, endpoints, listener, routes
from xds.csds import SERVICE, ClientStatus, may_see
from xds.identity import Peer, Trust
from xds.observers import Observers
from xds.schema import envoy as api

PEER = Path(__file__).parent.parent / "peers" / "csds_client.py"
PACKAGE = "grpcio-csds==1.85.0"

status = api.service.status.v3


def operated(plane):
    return Operating(plane, Trust.MACHINE)


def fetch(address, request=None):
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(
            f"/{SERVICE}/FetchClientStatus",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=status.ClientStatusResponse.FromString,
        )
        return call(request or status.ClientStatusRequest(), timeout=10)


@pytest.mark.parametrize("protocol", ["delta", "sotw"])
def test_a_real_envoy_is_told_as_synced(protocol):
    """Every resource that it has, under the node it named itself."""
    resources = (listener(), routes(body="one"), cluster("a"), endpoints("a", 1))
    with running_plane(prepare=operated) as plane:
        plane.publish(*resources)
        with running(plane.bootstrap(protocol)):
            assert plane.publish_and_wait(*resources)
            [config] = fetch(plane.plane.address).config
            told = {(one.type_url, one.name): one for one in config.generic_xds_configs}
            assert told.keys() >= {(one.type_url, one.name) for one in resources}
            assert {one.config_status for one in told.values()} == {1}
            assert (config.node.id, config.node.user_agent_name) == ("test", "envoy")
            nobody = status.ClientStatusRequest(node_matchers=[{"node_id": {"exact": "x"}}])
            assert not fetch(plane.plane.address, nobody).config
        until(lambda: not fetch(plane.plane.address).config, "it is still told")


def test_a_stranger_is_told_nothing():
    """Who may not see it is refused, whatever is asked for."""

    def strict(plane):
        plane.attend(Observers(), [ClientStatus(lambda: (), lambda _context: False).handler()])

    with running_plane(prepare=strict) as plane, pytest.raises(grpc.RpcError) as refused:
        fetch(plane.plane.address)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("peer", "may"),
    [
        (Peer(Trust.MACHINE), True),
        (Peer(Trust.NOBODY, "127.0.0.1"), True),
        (Peer(Trust.NOBODY, "192.0.2.7"), False),
        (Peer(Trust.CERTIFICATE, "192.0.2.7", uris=("spiffe://corp/ops/ann",)), True),
        (Peer(Trust.CERTIFICATE, "192.0.2.7", uris=("spiffe://corp/edge/1",)), False),
    ],
)
def test_operators_are_on_this_machine_or_say_who_they_are(peer, may):
    """An Envoy's certificate is none of an operator."""
    assert may_see(peer, ["spiffe://corp/ops/*"]) is may


@pytest.fixture(scope="module")
def grpc_csds() -> Path:
    """The package in a folder of its own, installed if need be; skipped where it cannot be had."""
    wanted = CACHE / PACKAGE.replace("==", "-")
    if not (wanted / "grpc_csds").exists():
        uv = Path(sys.executable).with_name("uv")
        done = subprocess.run(
            [
                *(uv, "pip", "install", "--quiet", "--python", sys.executable),
                *("--target", wanted, PACKAGE),
            ],
            capture_output=True,
            text=True,
            timeout=100,
        )
        if done.returncode != 0:
            pytest.skip(f"{PACKAGE} cannot be had: {done.stderr.strip()[-300:]}")
    return wanted


@pytest.mark.slow
def test_our_view_is_what_the_client_says_itself(grpc_csds):
    """The package reads our answer, and its own list of what it accepted is the same."""
    with backend("a") as port, running_plane(prepare=operated) as plane:
        plane.publish(*service("orders", to="only", port=port))
        done = subprocess.run(
            [sys.executable, "-I", "-S", PEER, grpc_csds, "orders", METHOD, plane.plane.address],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "GRPC_XDS_BOOTSTRAP_CONFIG": grpc_bootstrap(plane.plane.address)},
        )
        assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["answer"] == "a"
    assert told["server"] == told["streamed"]
    assert len(told["server"]) == 4
    synced, accepted = 1, 3
    assert {(row[3], row[4]) for row in told["server"]} == {(synced, accepted)}
    assert [row[:2] for row in told["server"]] == [row[:2] for row in told["client"]]
    assert {row[4] for row in told["client"]} == {accepted}
