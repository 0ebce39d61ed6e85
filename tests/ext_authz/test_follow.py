"""An edge's subscription over gRPC, against a real control plane."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from contextlib import ExitStack, contextmanager

import pytest

from ext_authz.subscription.follow import Source, follow, verified_names
from ext_authz.subscription.last_good import LastGood
from ext_authz.subscription.served import Served
from policies.secret import SecretKind, SecretRef
from tests.e2e.authority import Authority
from tests.e2e.envoy_process import until
from tests.e2e.plane_thread import running_plane
from tests.ext_authz.asking import digest_of, rules
from tests.ports import free_port
from xds.bootstrap import address
from xds.bootstrap_tls import ClientTls
from xds.credentials import CertificateFiles, ServerCertificates
from xds.edge.key_table import shards
from xds.edge.resources import KEYS, RULES, edge_resource
from xds.edge.rules import CounterStore, Key, write_rules
from xds.identity import Trust
from xds.secrets import SecretReader

COUNTERS = SecretRef(SecretKind.GENERIC, ("env:COUNTERS",))


def resources(*ids, **more):
    """Rules, and keys of these ids."""
    made = shards((digest_of(one), Key(id=one, tenant="acme")) for one in ids)
    yield edge_resource(RULES, "rules", write_rules(rules(**more)))
    for name, body in made.items():
        yield edge_resource(KEYS, name, body)


class Following:
    """What a follower has been served so far."""

    def __init__(self, source, served, keep):
        self.served: list[Served] = []
        self._source, self._start, self._keep = source, served, keep
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self):
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    async def _run(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await follow(
            self._source, self._start, self.served.append, keep=self._keep, stop=self._stop
        )

    def until(self, true, why):
        until(lambda: bool(self.served) and true(self.served[-1]), why)


@contextmanager
def following(*planes, served=None, keep=None, tls=None):
    source = Source(tuple(map(address, planes)), "edge-1", "test", tls=tls)
    with Following(source, served or Served(), keep) as running:
        yield running


def has(*ids):
    return lambda served: (
        len(served.keys) == len(ids) and all(digest_of(one) in served.keys for one in ids)
    )


def test_what_is_served_comes_and_goes():
    """Rules and keys at once, changes as they are published, and nothing that is not whole."""
    with running_plane() as plane, following(plane.plane.address) as edge:
        assert plane.publish_and_wait(*resources("acme/ci"))
        edge.until(has("acme/ci"), "the key does not come")
        assert plane.publish_and_wait(*resources("acme/ci", "acme/more"))
        edge.until(has("acme/ci", "acme/more"), "the other key does not come")
        assert plane.publish_and_wait(*resources("acme/more"))
        edge.until(has("acme/more"), "the key does not go")
        assert all(served.complete for served in edge.served)
        assert not plane.nacks


def test_what_cannot_be_used_is_told_and_changes_nothing(caplog):
    """The control plane hears why, the log too, and what comes after is taken again."""
    caplog.set_level(logging.WARNING, "gatewright.edge")
    with running_plane() as plane, following(plane.plane.address) as edge:
        assert plane.publish_and_wait(*resources("acme/ci"))
        edge.until(has("acme/ci"), "the key does not come")
        plane.publish(*list(resources("acme/ci"))[1:], edge_resource(RULES, "rules", b"{"))
        until(lambda: plane.nacks, "nobody is told")
        assert "the rules cannot be read" in str(plane.nacks[0])
        assert edge.served[-1].rules == rules()
        assert "is not used" in caplog.text
        assert plane.publish_and_wait(*resources("acme/ci", gateway="after"))
        edge.until(lambda served: served.rules.gateway == "after", "nothing comes any more")


def test_secrets_are_followed_while_rules_speak_of_them(tmp_path):
    """Their values come, and what the rules speak of no more is let go of."""
    remote = CounterStore(embedded=False, secret=COUNTERS.name)
    reader = SecretReader(tmp_path, {"COUNTERS": "redis://canary"})
    with running_plane(reader=reader) as plane, following(plane.plane.address) as edge:
        plane.publish(*resources("acme/ci", counters=remote), secrets=(COUNTERS,))
        edge.until(
            lambda served: served.secret(COUNTERS.name) == "redis://canary", "it does not come"
        )
        assert "canary" not in repr(edge.served)
        plane.publish(*resources("acme/ci"))
        edge.until(lambda served: served.wanted_secrets == frozenset(), "rules do not change")


def test_only_what_changed_comes_again_after_a_break(tmp_path):
    """Also to an edge that was started anew: it says which versions it has."""
    at = f"127.0.0.1:{free_port()}"
    keep = LastGood(tmp_path)
    with running_plane(at) as plane, following(at, keep=keep) as edge:
        plane.publish(*resources("acme/ci"))
        edge.until(has("acme/ci"), "the key does not come")
        until(lambda: LastGood(tmp_path).load().complete, "nothing is kept")
    served = LastGood(tmp_path).load()
    assert has("acme/ci")(served)
    with following(at, served=served) as edge, running_plane(at) as plane:
        plane.publish(*resources("acme/ci", gateway="after"))
        edge.until(lambda now: now.rules.gateway == "after", "it does not come back")
        assert edge.served[-1].keys.lookup(digest_of("acme/ci"))
        [name] = served.versions[KEYS]
        assert edge.served[-1].versions[KEYS][name] == served.versions[KEYS][name]


def test_another_control_plane_is_asked_while_one_is_away():
    """In turn, until one is there."""
    away = f"127.0.0.1:{free_port()}"
    with running_plane() as plane, following(away, plane.plane.address) as edge:
        plane.publish(*resources("acme/ci"))
        edge.until(has("acme/ci"), "the second one is not asked")


@pytest.fixture
def authority(tmp_path):
    made = Authority()
    (tmp_path / "ca.pem").write_bytes(made.pem)
    made.write(tmp_path, "edge", "spiffe://corp/edge/1")
    return made


@contextmanager
def guarded(folder, authority, *names):
    """A control plane whose certificate bears these names, and which asks for one."""
    authority.write(folder, "plane", *names)
    files = CertificateFiles(folder / "plane.pem", folder / "plane.key", folder / "ca.pem")
    certificates = ServerCertificates(files, lambda good, text: None)
    with running_plane(credentials=certificates.credentials(), trust=Trust.CERTIFICATE) as plane:
        yield plane


def tls(folder, *verify, sni=""):
    return ClientTls(folder / "ca.pem", verify, folder / "edge.pem", folder / "edge.key", sni)


@pytest.mark.parametrize(
    ("names", "verify"),
    [
        (("127.0.0.1",), ("127.0.0.1",)),
        (("plane.example",), ("plane.example",)),
        (("second.example",), ("first.example", "second.example")),
        (("plane.example",), ("spiffe://corp/plane", "plane.example")),
    ],
)
def test_a_control_plane_is_known_by_one_of_its_names(tmp_path, authority, names, verify):
    """By TLS both ways, where its address is not among them too."""
    with (
        guarded(tmp_path, authority, *names) as plane,
        following(plane.plane.address, tls=tls(tmp_path, *verify)) as edge,
    ):
        plane.publish(*resources("acme/ci"))
        edge.until(has("acme/ci"), "it is not believed")


def test_a_control_plane_with_another_name_is_not_believed(tmp_path, authority, caplog):
    """What it is asked for by SNI does not count, only what has to be verified."""
    caplog.set_level(logging.INFO, "gatewright.edge")
    with (
        guarded(tmp_path, authority, "asked.example") as plane,
        following(
            plane.plane.address, tls=tls(tmp_path, "verified.example", sni="asked.example")
        ) as edge,
    ):
        plane.publish(*resources("acme/ci"))
        until(lambda: caplog.text.count("no control plane at") >= 3, "it is not asked")
        assert edge.served == []


def test_each_control_plane_is_held_against_its_own_host_first(tmp_path):
    """They are other machines with other certificates; a URI is none of gRPC's names."""
    known = tls(tmp_path, "a.example", "b.example", "spiffe://corp/plane")
    assert verified_names(address("b.example:1"), known) == ["b.example", "a.example"]
    assert verified_names(address("c.example:1"), known) == ["a.example", "b.example"]
    assert verified_names(address("a.example:1"), tls(tmp_path, "spiffe://corp/plane")) == []


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path, caplog):
    """What is served holds, and the log says that it will not outlive a restart."""
    (tmp_path / "file").touch()
    with ExitStack() as stack:
        plane = stack.enter_context(running_plane())
        keep = LastGood(tmp_path / "file" / "served")
        edge = stack.enter_context(following(plane.plane.address, keep=keep))
        plane.publish(*resources("acme/ci"))
        edge.until(has("acme/ci"), "the key does not come")
    assert "could not be kept" in caplog.text


def test_it_stops_while_a_control_plane_says_nothing():
    """One that takes the connection and is dead behind it: who follows it can be stopped."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        following(f"127.0.0.1:{silent.getsockname()[1]}"),
    ):
        taken, _ = silent.accept()
        with taken:
            taken.settimeout(10)
            assert taken.recv(24).startswith(b"PRI")  # so it waits for an answer now
