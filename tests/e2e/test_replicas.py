"""Two `gatewright serve` processes of one repository are one control plane to every client."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.e2e.envoy_process import running, until
from tests.e2e.load import load
from tests.e2e.named_upstream import named_upstream
from tests.e2e.raw_stream import raw_stream
from tests.e2e.serve_process import bootstrap, serving
from tests.ports import free_port
from tests.sources.repositories import Repository
from xds.order import CLUSTER, ENDPOINT, LISTENER, ROUTE

both_protocols = pytest.mark.parametrize("protocol", ["delta", "sotw"])

POLICY = """\
gatewright: v1
name: edge
listeners: {{ public: {{ address: 127.0.0.1, port: {port} }} }}
services:
  a: {{ endpoints: ["127.0.0.1:{a}"] }}
  b: {{ endpoints: ["127.0.0.1:{b}"] }}
routes:
  - {{ match: /a, service: a }}
  - {{ match: /, service: {to} }}
"""
NAMES = {CLUSTER: ("*",), LISTENER: ("*",)}


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "repository")


def push(repository, to="a", port=8080, a=1, b=2):
    text = POLICY.format(to=to, port=port, a=a, b=b)
    return repository.push({"gateway.yaml": text})


def replica(repository, seed, state=None, listen="127.0.0.1:0"):
    """A replica with its own disk, hash seed and mirror."""
    words = ["--git", repository.url, "--every", "1s"]
    words += [] if state is None else ["--state", str(state)]
    return serving(*words, listen=listen, environment={"PYTHONHASHSEED": str(seed)})


@pytest.fixture
def two(repository, tmp_path):
    """Two replicas that have both compiled the same commit."""
    commit = push(repository)
    with ExitStack() as stack:
        found = [
            stack.enter_context(replica(repository, seed, tmp_path / f"state-{seed}"))
            for seed in (1, 2)
        ]
        yield [(serve, serve.next("published", revision=commit)) for serve in found]


def test_replicas_compile_the_same_commit_to_the_same_bytes(two, tmp_path):
    """The version, and the whole file that is stored, in two processes of two hash seeds."""
    (_, first), (_, second) = two
    assert first["version"] == second["version"]
    files = [tmp_path / f"state-{seed}" / "last-good.snapshot" for seed in (1, 2)]
    until(lambda: all(file.exists() for file in files), "nothing was stored")
    assert files[0].read_bytes() == files[1].read_bytes()


@both_protocols
def test_a_stream_that_moves_to_another_replica_is_sent_nothing_new(two, protocol):
    """It says what it has; endpoints alone are sent again, the same, for Envoy may wait for them.

    A name that does not exist is asked for last: whatever else there was to send comes before it.
    """
    (one, _), (other, _) = two
    with raw_stream(one.address, protocol) as before:
        before.subscribe(CLUSTER, "*")
        clusters = before.take()
        before.subscribe(ENDPOINT, *endpoint_names(clusters))
        before.take()
        before.subscribe(LISTENER, "*")
        before.take()
        before.subscribe(ROUTE, "public")
        before.take()
        assert {url for url, _ in before.bodies} == {CLUSTER, ENDPOINT, LISTENER, ROUTE}
    with raw_stream(other.address, protocol) as after:
        after.subscribe(CLUSTER, "*", brings=before)
        after.subscribe(ENDPOINT, *endpoint_names(clusters), brings=before)
        assert after.take().type_url == ENDPOINT
        of_endpoints = {key: body for key, body in before.bodies.items() if key[0] == ENDPOINT}
        assert after.bodies == of_endpoints
        after.subscribe(LISTENER, "*", brings=before)
        after.subscribe(ROUTE, "public", brings=before)
        after.subscribe(ENDPOINT, *endpoint_names(clusters), "nobody")
        last = after.take()
        assert last.type_url == ENDPOINT
        assert "nobody" in str(last) or not last.resources


@both_protocols
def test_a_stream_is_led_on_by_the_replica_that_it_moved_to(two, repository, protocol):
    """A change reaches it there, and holds only what changed."""
    (one, _), (other, _) = two
    with raw_stream(one.address, protocol) as before:
        before.subscribe(ROUTE, "public")
        before.take()
    with raw_stream(other.address, protocol) as after:
        after.subscribe(ROUTE, "public", brings=before)
        commit = push(repository, to="b")
        other.next("published", revision=commit)
        response = after.take()
        assert response.type_url == ROUTE
        assert len(response.resources) == 1


def endpoint_names(response):
    """The names under which the clusters of a response ask for their endpoints."""
    from xds.schema import envoy

    found = []
    for one in response.resources:
        packed = getattr(one, "resource", one)
        cluster = envoy.config.cluster.v3.Cluster.FromString(packed.value)
        found.append(cluster.eds_cluster_config.service_name or cluster.name)
    assert found
    return sorted(found)


@pytest.mark.slow
@both_protocols
def test_envoy_moves_between_replicas_and_loses_no_request(repository, tmp_path, protocol):
    """The first is killed with -9 under load, and the second serves on.

    The move itself changes nothing in Envoy; edits go live through the second, and through the
    first once it is back and the second is gone.
    """
    counted = "(cds|lds|rds.public).(update_success|update_rejected|update_failure)$"
    ports = [free_port(), free_port()]
    with (
        named_upstream("a") as a,
        named_upstream("b") as b,
        replica(repository, 2, listen=f"127.0.0.1:{ports[1]}") as second,
        ExitStack() as stack,
    ):

        def edit(to):
            return push(repository, to=to, port=public, a=a, b=b)

        def start():
            at = f"127.0.0.1:{ports[0]}"
            return stack.enter_context(replica(repository, 1, tmp_path / "state", listen=at))

        public = free_port()
        commit = edit("a")
        first = start()
        for serve in (first, second):
            serve.next("published", revision=commit)
        addresses = [word for port in ports for word in ("--ads", f"127.0.0.1:{port}")]
        envoy = stack.enter_context(
            running(bootstrap(*addresses, "--node-id", "moving", f"--{protocol}"))
        )
        first.next("log", message="stream opened")
        with load(envoy.url("public") + "/x") as requests:
            requests.wait_for("a")
            before = envoy.stats(counted)
            first.kill()
            second.next("log", message="stream opened")
            until(lambda: connected(envoy), "no stream to the second", envoy)
            moved = {n: v for n, v in envoy.stats(counted).items() if "success" in n}
            assert moved == {n: v for n, v in before.items() if "success" in n}

            commit = edit("b")
            second.next("published", revision=commit)
            requests.wait_for("b")

            first = start()
            first.next("published", revision=commit)
            commit = edit("a")
            for serve in (first, second):
                serve.next("published", revision=commit)
            requests.wait_for("a")

            second.kill()
            first.next("log", message="stream opened")
            commit = edit("b")
            first.next("published", revision=commit)
            requests.wait_for("b")
        assert not requests.failures
        assert len(requests.answers) > 100
        warming = envoy.json("/config_dump?resource=dynamic_warming_clusters")
        assert not warming.get("configs")
        rejected = {n: v for n, v in envoy.stats(counted).items() if "rejected" in n}
        assert not any(rejected.values())


def connected(envoy):
    """Whether Envoy says that a control plane answers it."""
    return any(envoy.stats("control_plane.connected_state$").values())


@pytest.mark.slow
@both_protocols
def test_envoy_starts_by_the_second_while_the_first_is_away(repository, protocol):
    """A fleet that is rolled out during an outage comes up."""
    absent, present = free_port(), free_port()
    public = free_port()
    with named_upstream("a") as a:
        commit = push(repository, port=public, a=a)
        with replica(repository, 1, listen=f"127.0.0.1:{present}") as serve:
            serve.next("published", revision=commit)
            words = ("--ads", f"127.0.0.1:{absent}", "--ads", f"127.0.0.1:{present}")
            with (
                running(bootstrap(*words, "--node-id", "late", f"--{protocol}")) as envoy,
                load(envoy.url("public")) as requests,
            ):
                requests.wait_for("a")
            assert not requests.failures


@pytest.mark.slow
@both_protocols
def test_a_replica_that_is_behind_takes_nothing_away(repository, tmp_path, protocol):
    """An Envoy that moves to one with an older commit is led there in order, without a failure."""
    ports = [free_port(), free_port()]
    public = free_port()
    with (
        named_upstream("a") as a,
        named_upstream("b") as b,
        ExitStack() as stack,
    ):
        older = push(repository, to="a", port=public, a=a, b=b)
        behind = stack.enter_context(
            serving(
                *("--git", repository.url, "--ref", older),
                listen=f"127.0.0.1:{ports[1]}",
            )
        )
        behind.next("published", revision=older)
        newer = push(repository, to="b", port=public, a=a, b=b)
        ahead = stack.enter_context(replica(repository, 1, listen=f"127.0.0.1:{ports[0]}"))
        ahead.next("published", revision=newer)
        words = [word for port in ports for word in ("--ads", f"127.0.0.1:{port}")]
        envoy = stack.enter_context(running(bootstrap(*words, "--node-id", "n", f"--{protocol}")))
        with load(envoy.url("public")) as requests:
            requests.wait_for("b")
            ahead.kill()
            requests.wait_for("a")
        assert not requests.failures
