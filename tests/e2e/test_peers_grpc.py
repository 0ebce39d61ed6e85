"""gRPC's own xDS clients, in C++ (grpcio) and JavaScript (grpc-js), follow the control plane."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.envoy_versions import CACHE
from tests.e2e.plane_thread import running_plane
from tests.e2e.proxyless import METHOD, api_endpoints, backend, grpc_bootstrap, service

PEERS = Path(__file__).parent.parent / "peers"
TARGET = "orders"


@pytest.fixture(scope="module")
def grpcio() -> list[str]:
    return [sys.executable, str(PEERS / "grpcio_client.py"), TARGET, METHOD]


@pytest.fixture(scope="module")
def grpc_js() -> list[str]:
    """The client's command, its packages installed into the cache; skipped without npm."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("npm is not installed")
    wanted = CACHE / "grpc-js-peers"
    wanted.mkdir(parents=True, exist_ok=True)
    shutil.copy(PEERS / "package.json", wanted)
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"],
        cwd=wanted,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert "ERESOLVE" not in done.stderr, done.stderr
    if done.returncode != 0:
        pytest.skip(f"the packages cannot be had: {done.stderr.strip()[-300:]}")
    script = str(PEERS / "grpc_js_client.js")
    return [node, script, str(wanted / "node_modules"), TARGET, METHOD]


@pytest.fixture(params=["grpcio", "grpc_js"])
def command(request) -> list[str]:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def backends():
    with backend("a") as a, backend("b") as b:
        yield a, b


@contextmanager
def client(
    command: list[str], address: str, *, strict: bool = False
) -> Iterator[Callable[[], str]]:
    """Run the client until the block ends; gives a function that makes one call.

    A ``strict`` one does not go on with what is gone or was refused.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "GRPC_XDS_BOOTSTRAP_CONFIG": grpc_bootstrap(address, strict=strict),
            # gRFC A88, which reads what a server says of names it does not have; off by default.
            "GRPC_EXPERIMENTAL_XDS_DATA_ERROR_HANDLING": "true",
        },
    ) as process:

        def call() -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        try:
            yield call
        finally:
            process.kill()


def until_answer(call: Callable[[], str], wanted: Callable[[str], bool]) -> list[str]:
    """Call until an answer is as wanted; give all that came before it."""
    end = time.monotonic() + 20
    before: list[str] = []
    while not wanted(answer := call()):
        before.append(answer)
        assert time.monotonic() < end, f"it never came: {before[-5:]}"
    return before


def test_a_change_of_cluster_is_followed_without_a_failed_call(command, backends):
    """Calls go to a, then to b once the route names another cluster, and none fails."""
    a, b = backends
    with running_plane() as plane:
        plane.publish(*service(TARGET, to="first", port=a))
        with client(command, plane.plane.address) as call:
            assert call() == "a"
            plane.publish(*service(TARGET, to="second", port=b))
            assert set(until_answer(call, lambda answer: answer == "b")) <= {"a"}
        assert not plane.nacks


def test_new_endpoints_are_followed(command, backends):
    """The cluster's endpoints move from a to b: a change of EDS alone."""
    a, b = backends
    with running_plane() as plane:
        plane.publish(*service(TARGET, to="only", port=a))
        with client(command, plane.plane.address) as call:
            assert call() == "a"
            plane.publish(*service(TARGET, to="only", port=b))
            assert set(until_answer(call, lambda answer: answer == "b")) <= {"a"}
        assert not plane.nacks


def test_a_removed_listener_ends_the_calls(command, backends):
    """A target that is gone is UNAVAILABLE; a client that comes when it is back is served."""
    a, _b = backends
    other = service("other", to="other", port=a)
    with running_plane() as plane:
        plane.publish(*service(TARGET, to="only", port=a), *other)
        with client(command, plane.plane.address, strict=True) as call:
            assert call() == "a"
            plane.publish(*other)
            until_answer(call, lambda answer: answer.startswith("UNAVAILABLE"))
        plane.publish(*service(TARGET, to="only", port=a), *other)
        with client(command, plane.plane.address) as call:
            assert call() == "a"
        assert not plane.nacks


def test_a_listener_that_comes_back_is_followed_by_the_same_client(grpcio, backends):
    """The client asks again for all that the listener names, and gets it though it is unchanged.

    Not so grpc-js: 1.14.1 takes the listener, and asks for nothing more.
    """
    a, _b = backends
    other = service("other", to="other", port=a)
    with running_plane() as plane:
        plane.publish(*service(TARGET, to="only", port=a), *other)
        with client(grpcio, plane.plane.address, strict=True) as call:
            assert call() == "a"
            plane.publish(*other)
            until_answer(call, lambda answer: answer.startswith("UNAVAILABLE"))
            plane.publish(*service(TARGET, to="only", port=a), *other)
            until_answer(call, lambda answer: answer == "a")


def test_an_unknown_target_fails_at_once(grpcio, backends):
    """A name that the policy does not have is said to be missing: no 15 seconds of waiting.

    Said in `resource_errors`, which grpc-js does not read.
    """
    a, _b = backends
    with running_plane() as plane:
        plane.publish(*service("other", to="other", port=a))
        with client(grpcio, plane.plane.address) as call:
            started = time.monotonic()
            assert call().startswith("UNAVAILABLE")
            assert time.monotonic() - started < 5


def test_a_configuration_that_the_client_refuses_leaves_it_on_the_last_good_one(command, backends):
    """The client says why it refuses, and calls go on as they were; what is mended is followed."""
    a, b = backends
    with running_plane() as plane:
        good = service(TARGET, to="only", port=a)
        plane.publish(*good)
        with client(command, plane.plane.address) as call:
            assert call() == "a"
            bad = api_endpoints("only", a)
            bad.message.endpoints[0].priority = 1  # and none of priority 0
            plane.publish(*(bad if one.type_url == bad.type_url else one for one in good))
            until_answer(call, lambda _: bool(plane.nacks))
            assert call() == "a"
            plane.publish(*service(TARGET, to="mended", port=b))
            assert set(until_answer(call, lambda answer: answer == "b")) <= {"a"}
