"""The bootstrap of an Envoy that subscribes."""

from __future__ import annotations

import json

import pytest
import yaml
from google.protobuf import json_format

from cli.main import main
from tests.e2e.envoy_process import validate, validate_file
from xds.bootstrap import Address, AddressError, Bootstrap, address, bootstrap
from xds.node_match import NodeMatch
from xds.schema import envoy
from xds.wire import to_json


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:18000", Address("127.0.0.1", 18000)),
        ("control.internal:443", Address("control.internal", 443)),
        ("[::1]:18000", Address("::1", 18000)),
        ("unix:/run/ads.sock", Address(path="/run/ads.sock")),
    ],
)
def test_addresses_read_as_they_are_written(text, expected):
    """And are written as they are read."""
    assert address(text) == expected
    assert str(address(text)) == text


@pytest.mark.parametrize(
    "text", ["", "18000", "host:", ":18000", "host:port", "host:70000", "::1:18000", "unix:ads"]
)
def test_what_is_no_address_is_refused(text):
    """With what is expected."""
    with pytest.raises(AddressError):
        address(text)


def test_only_loopback_and_sockets_are_local():
    """Elsewhere secrets would cross a network."""
    assert address("127.0.0.1:1").is_local
    assert address("[::1]:1").is_local
    assert address("unix:/x").is_local
    assert not address("0.0.0.0:1").is_local
    assert not address("localhost.example:1").is_local


@pytest.mark.e2e
@pytest.mark.parametrize("protocol", ["delta", "sotw"])
@pytest.mark.parametrize("ads", ["127.0.0.1:18000", "unix:/run/ads.sock", "control:18000"])
def test_envoy_accepts_it(ads, protocol):
    """`envoy --mode validate` reads every shape of it."""
    wanted = Bootstrap(address(ads), "edge-1", "edge", protocol, Address("127.0.0.1", 9901))
    validate(to_json(bootstrap(wanted)))


def test_the_command_prints_the_same_as_yaml_and_json(capsys):
    """YAML is for files, JSON for programs."""
    line = ["bootstrap", "--node-id", "edge-1", "--ads", "control:18000", "--sotw"]
    assert main([*line]) == 0
    as_yaml = yaml.safe_load(capsys.readouterr().out)
    assert main([*line, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == as_yaml
    assert as_yaml["node"] == {
        "id": "edge-1",
        "cluster": "gatewright",
        "client_features": ["xds.config.supports-resource-ttl", "xds.config.resource-in-sotw"],
    }
    assert as_yaml["dynamic_resources"]["ads_config"]["api_type"] == "GRPC"
    assert as_yaml["admin"]["address"]["socket_address"]["port_value"] == 9901


def test_an_envoy_says_all_that_groups_are_told_apart_by(capsys):
    """Its cluster, region, zone and metadata: a group that asks for them takes it."""
    where = ["--cluster", "edge", "--region", "eu-west", "--zone", "b"]
    line = ["bootstrap", "--node-id", "n", *where, "--metadata", "canary=true", "--json"]
    assert main(line) == 0
    made = json.loads(capsys.readouterr().out)
    node = json_format.ParseDict(made["node"], envoy.config.core.v3.Node())
    asked = NodeMatch(cluster="edge", region="eu-*", zone="b", metadata=(("canary", "true"),))
    assert asked.takes(node)
    assert not NodeMatch(region="us-*").takes(node)


@pytest.mark.e2e
@pytest.mark.parametrize("name", ["n", "Y", "5e3", "0x1f", "1_0", "no", "null", "12", "a: b"])
def test_an_envoy_may_have_any_name(name, capsys, tmp_path):
    """Envoy reads YAML otherwise than Python does: `n` is false to it, and `5e3` a number."""
    assert main(["bootstrap", "--node-id", name, "--region", name, "--admin", "none"]) == 0
    path = tmp_path / "envoy.yaml"
    path.write_text(capsys.readouterr().out)
    validate_file(path)


def test_the_admin_interface_can_be_left_out(capsys):
    """Whoever reaches it can stop Envoy."""
    assert main(["bootstrap", "--node-id", "x", "--admin", "none", "--json"]) == 0
    assert "admin" not in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "wrong", [["--ads", "nowhere"], ["--keepalive", "0"], ["--metadata", "x"], []]
)
def test_a_wrong_line_says_what_is_wrong(wrong, capsys):
    """With exit code 2, as argparse has it."""
    ids = ["--node-id", "x"] if wrong else []
    with pytest.raises(SystemExit) as left:
        main(["bootstrap", *ids, *wrong])
    assert left.value.code == 2
    assert capsys.readouterr().err


def test_envoy_waits_for_its_configuration_without_limit():
    """One that gave up would call itself ready and serve nothing."""
    made = to_json(bootstrap(Bootstrap(Address("h", 1), "n", "c")))
    for source in ("cds_config", "lds_config"):
        assert made["dynamic_resources"][source]["initial_fetch_timeout"] == "0s"
