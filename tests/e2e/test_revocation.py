"""A revoked key is refused by a commit and ahead of it, at all that serve it.

How soon (the promise is a second) is measured in `bench.revocation`; here it has to come at all.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from urllib.request import urlopen

import httpx
import pytest

from cli.operator_client import Operator
from tests.canaries import Canaries
from tests.e2e.edges import gateway
from tests.e2e.envoy_process import until
from tests.e2e.raw_stream import raw_stream
from tests.e2e.serve_process import REPOSITORY, serving
from tests.ports import free_port
from tests.sources.repositories import Repository
from xds.bootstrap import address
from xds.edge.key_table import KeyTable
from xds.edge.resources import KEYS, MESSAGES, REVOKED
from xds.schema import google


@pytest.fixture
def canaries():
    planted = Canaries()
    for name in ("acme/ci", "acme/search/batch"):
        planted.plant(name)
    return planted


def policy(canaries, *, rollout=""):
    return f"""\
gatewright: v1
name: revoking
listeners:
  public: {{ address: 127.0.0.1, port: {free_port()} }}
services:
  api: {{ endpoints: ["127.0.0.1:1"] }}
tenants:
  acme:
    keys:
      ci: {canaries.digest("acme/ci")}   # the build
    teams:
      search:
        keys: {{ batch: {{ sha256: {canaries.digest("acme/search/batch")} }} }}
{rollout}routes:
  - {{ match: /, service: api, auth: keys }}
"""


@pytest.fixture
def path(tmp_path, canaries):
    file = tmp_path / "policy" / "gateway.yaml"
    file.parent.mkdir()
    file.write_text(policy(canaries))
    return file


def keys(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "cli", "keys", *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
    )


class RawEdge:
    """What an edge holds, of a bare stream: the table, and what is revoked ahead of it."""

    def __init__(self, stream):
        self.stream = stream
        self.table = KeyTable()
        for type_url in (KEYS, REVOKED):
            stream.subscribe(type_url, "*")

    def take(self):
        response = self.stream.take()
        named = {
            one.name: MESSAGES[response.type_url].FromString(one.resource.value).body
            for one in response.resources
        }
        if response.type_url == KEYS:
            self.table = self.table.with_shards(named, response.removed_resources)
        for name in response.removed_resources:
            self.stream.bodies.pop((REVOKED, name), None)

    def admits(self, digest):
        bodies = (
            MESSAGES[REVOKED].FromString(_value(body)).body
            for (url, _), body in self.stream.bodies.items()
            if url == REVOKED
        )
        revoked = b"".join(bodies)
        cut = {revoked[at : at + 32] for at in range(0, len(revoked), 32)}
        return digest in self.table and digest not in cut

    def until(self, digest, *, admitted):
        """Take what comes until it is so."""
        end = time.monotonic() + 20
        while self.admits(digest) is not admitted and time.monotonic() < end:
            try:
                self.take()
            except queue.Empty:
                break
        assert self.admits(digest) is admitted


def _value(body):
    return google.protobuf.Any.FromString(body).value


@contextmanager
def raw_edges(*serves, count=1):
    for one in serves:
        one.next("published")
    with ExitStack() as stack:
        yield [
            RawEdge(stack.enter_context(raw_stream(one.address, "delta"))) for one in serves * count
        ]


def operator_of(serve):
    return serve.next("operator")["address"]


def status(operator):
    with urlopen(f"http://{operator}/status", timeout=10) as answer:
        return json.load(answer)


def digest(canaries, name):
    return bytes.fromhex(canaries.digest(name))


def test_a_saved_revocation_is_everywhere(path, canaries):
    """`keys revoke` writes the file, `serve` follows it, every edge has the new keys."""
    ci, batch = digest(canaries, "acme/ci"), digest(canaries, "acme/search/batch")
    with serving(path) as serve, raw_edges(serve, count=2) as edges:
        for one in edges:
            one.until(ci, admitted=True)
        done = keys("revoke", "acme/ci", path)
        assert done.returncode == 0, done.stderr
        for one in edges:
            one.until(ci, admitted=False)
        assert all(one.admits(batch) for one in edges)
    assert canaries.leaks({"serve": "".join(serve.said), "keys": done.stdout + done.stderr}) == []


def test_a_commit_that_revokes_is_everywhere(tmp_path, canaries):
    """From the webhook's SIGHUP after the push."""
    repository = Repository(tmp_path / "repository")
    text = policy(canaries)
    repository.push({"gateway.yaml": text})
    ci = digest(canaries, "acme/ci")
    with serving("--git", repository.url, "--every", "1h") as serve, raw_edges(serve) as [edge]:
        edge.until(ci, admitted=True)
        copy = tmp_path / "copy.yaml"
        copy.write_text(text)
        assert keys("revoke", "acme/ci", copy).returncode == 0
        repository.push({"gateway.yaml": copy.read_text()})
        serve.hang_up()
        edge.until(ci, admitted=False)


def test_a_key_is_revoked_ahead_of_the_policy(path, canaries, tmp_path):
    """At every replica at once, shown as drift, kept over kill -9, until the file says so."""
    ci, batch = digest(canaries, "acme/ci"), digest(canaries, "acme/search/batch")
    said = {}
    options = [(path, "--operator", "127.0.0.1:0", "--state", tmp_path / str(n)) for n in (1, 2)]
    with serving(*options[0]) as one, serving(*options[1]) as two:
        operators = [operator_of(one), operator_of(two)]
        planes = [word for at in operators for word in ("--control-plane", at)]
        with raw_edges(one, two) as edges:
            for edge in edges:
                edge.until(ci, admitted=True)
            done = keys("revoke", "acme/ci", "--now", *planes)
            assert done.returncode == 0, done.stderr
            said["revoke"] = done.stdout + done.stderr
            for edge in edges:
                edge.until(ci, admitted=False)
            assert all(edge.admits(batch) for edge in edges)
        for operator in operators:
            [drift] = status(operator)["revoked"]
            assert (drift["id"], drift["digests"]) == ("acme/ci", 1)
        with urlopen(f"http://{operators[0]}/metrics", timeout=10) as answer:
            assert b"\ngatewright_keys_revoked_ahead 1.0\n" in answer.read()
        shown = _cli("status", "--operator", operators[0])
        assert "revoked ahead of the policy: acme/ci" in shown
        one.kill()
    with serving(*options[0]) as again:
        operator = operator_of(again)
        with raw_edges(again) as [edge]:
            edge.until(batch, admitted=True)
            edge.until(ci, admitted=False)
            assert keys("revoke", "acme/ci", path).returncode == 0
            until(lambda: status(operator)["revoked"] == [], "the drift does not end")
            edge.until(ci, admitted=False)
        said["status"] = json.dumps(status(operator))
    said["serve"] = "".join(one.said + two.said + again.said)
    assert canaries.leaks({**said, "state": tmp_path}) == []


def test_a_revocation_is_taken_back(path, canaries):
    """And what makes no sense is told with an exit code; without a state, that it is forgotten."""
    ci = digest(canaries, "acme/ci")
    with ExitStack() as stack:
        serve = stack.enter_context(serving(path, "--operator", "127.0.0.1:0"))
        at = ("--now", "--control-plane", operator_of(serve))
        [edge] = stack.enter_context(raw_edges(serve))
        edge.until(ci, admitted=True)
        done = keys("revoke", "acme/ci", *at)
        assert "a restart of it forgets this" in done.stderr
        edge.until(ci, admitted=False)
        assert keys("restore", "acme/ci", *at).returncode == 0
        edge.until(ci, admitted=True)
        assert keys("restore", "acme/ci", *at).returncode == 1
        assert "has no key" in keys("revoke", "acme/nobody", *at).stderr
        nowhere = ("--control-plane", f"127.0.0.1:{free_port()}")
        assert keys("revoke", "acme/ci", *nowhere, *at).returncode == 3
        edge.until(ci, admitted=False)


GUARDED = """\
gatewright: v1
name: revoking
edge: {{ folder: edge, workers: 1 }}
tenants:
  acme:
    keys:
      ci: {ci}   # the build
      other: {other}
routes:
  - {{ match: /, respond: 200, auth: keys }}
"""


@pytest.mark.slow
@pytest.mark.e2e
def test_two_real_edges_refuse_a_revoked_key(tmp_path, canaries):
    """Requests with the key get 200, then 401: after a save, after `--now`, and over a restart."""
    canaries.plant("acme/other")
    text = GUARDED.format(ci=canaries.digest("acme/ci"), other=canaries.digest("acme/other"))
    with gateway(tmp_path, text, serve_with=("--operator", "127.0.0.1:0")) as running:
        [operator] = [one["address"] for one in running.serve.events if one["event"] == "operator"]
        statuses = [Status(url, canaries) for url in running.urls()]
        for one in statuses:
            one.until("acme/ci", 200)
            one.until("acme/other", 200)
        control = Operator(address(operator))
        control.post("/keys/revoke", {"id": "acme/ci"})
        for one in statuses:
            one.until("acme/ci", 401)
        assert all(one.of("acme/other") == 200 for one in statuses)
        edge = running.edges[0]
        edge.stop()
        edge.start()
        statuses[0].until("acme/other", 200)
        assert statuses[0].of("acme/ci") == 401
        control.post("/keys/restore", {"id": "acme/ci"})
        for one in statuses:
            one.until("acme/ci", 200)
        assert keys("revoke", "acme/ci", running.policy).returncode == 0
        for one in statuses:
            one.until("acme/ci", 401)
        assert all(one.of("acme/other") == 200 for one in statuses)
        outputs = running.outputs()
    assert canaries.leaks({**outputs, "folder": tmp_path}) == []


class Status:
    """Requests to one Envoy, as a client sends them."""

    def __init__(self, url, canaries):
        self.client = httpx.Client(base_url=url)
        self.canaries = canaries

    def of(self, name):
        headers = {"authorization": f"Bearer {self.canaries.keys[name]}"}
        return self.client.get("/", headers=headers).status_code

    def until(self, name, status):
        """Ask until it is answered so."""
        until(lambda: self.of(name) == status, f"{name} is not answered {status}")


def _cli(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "cli", *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
