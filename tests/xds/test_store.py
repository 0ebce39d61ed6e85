"""The last good snapshot on disk: whole or not at all, and without secrets."""

from __future__ import annotations

import os

import pytest

from policies.secret import SecretKind, SecretRef
from tests.xds.hand_made import certificate, cluster, endpoints, listener, routes
from xds.lane import Build, Kept
from xds.node_match import NodeMatch
from xds.order import SECRET
from xds.rollout import State
from xds.snapshot import snapshot
from xds.store import DamagedError, Store, Stored
from xds.wave import Strategy

REFERENCE = SecretRef(SecretKind.CERTIFICATE, ("file:a.pem", "file:a.key"))
RESOURCES = [listener(), routes(), cluster("größe"), endpoints("größe", 1)]


def stored(resources, *secrets, published="", revision=""):
    """One group that has these."""
    build = Build("default", NodeMatch(), snapshot(resources), secrets, published=published)
    return Stored((Kept(build, None, State(stable=build.version)),), revision=revision)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "state")


def test_what_is_loaded_is_what_was_saved(store):
    """Bytes, versions, and where the secrets lie."""
    store.save(stored(RESOURCES, REFERENCE, published="published"))
    [kept] = store.load().groups
    assert kept.stable.snapshot == snapshot(RESOURCES)
    assert kept.stable.version == "published"
    [location] = kept.stable.secrets
    assert (location.kind, location.sources, location.name) == (
        REFERENCE.kind,
        REFERENCE.sources,
        REFERENCE.name,
    )


def test_secrets_are_never_written(store):
    """Only what refers to them is."""
    store.save(stored([*RESOURCES, certificate("s", b"chain", b"very-secret")]))
    assert b"very-secret" not in store.path.read_bytes()
    [kept] = store.load().groups
    assert kept.stable.snapshot.of(SECRET).by_name == {}


def test_groups_and_their_rollouts_are_kept_whole(store):
    """Which nodes they are for, what is stable and what is tried, and what is quarantined."""
    state = State("1", "2", 1, stand_in="edge-3", quarantined={"0": "no"})
    match = NodeMatch(cluster="edge", metadata=(("canary", "yes"), ("tier", "*")))
    wanted = Stored(
        tuple(
            Kept(
                Build(name, match, snapshot(RESOURCES[:2]), identity=("*.example.com",)),
                Build(name, match, snapshot(RESOURCES), identity=("*.example.com",)),
                state,
            )
            for name in ("eu", "us")
        ),
        Strategy((500, 10_000), 1.5, 10.0, 500),
        "a commit",
    )
    store.save(wanted)
    assert store.load().key == wanted.key
    assert [kept.candidate.snapshot for kept in store.load().groups] == [snapshot(RESOURCES)] * 2


def test_nothing_stored_is_nothing(store):
    """The first start of all."""
    assert store.load() is None


@pytest.mark.parametrize("keep", [0, 1, 40, -1])
def test_a_file_that_was_cut_is_refused(store, keep):
    """Wherever it was cut."""
    store.save(stored(RESOURCES))
    store.path.write_bytes(store.path.read_bytes()[:keep])
    with pytest.raises(DamagedError):
        store.load()


def test_a_file_with_one_bit_changed_is_refused(store):
    """Every body is hashed again."""
    store.save(stored(RESOURCES))
    data = bytearray(store.path.read_bytes())
    data[-10] ^= 1
    store.path.write_bytes(data)
    with pytest.raises(DamagedError):
        store.load()


def test_something_else_under_the_name_is_refused(store):
    """Also when it is JSON."""
    store.path.parent.mkdir()
    for text in ("[]\n", '{"format": "other"}\n', "null\n", "\x00\n"):
        store.path.write_text(text)
        with pytest.raises(DamagedError):
            store.load()


def test_a_failed_save_leaves_the_old_one_and_no_litter(store, monkeypatch):
    """The new file takes the place of the old one in a single step, or not at all."""
    store.save(stored(RESOURCES, revision="old"))

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.save(stored(RESOURCES[:1], revision="new"))
    assert store.load().revision == "old"
    assert list(store.path.parent.iterdir()) == [store.path]


def test_the_folder_is_for_its_owner_alone(store):
    """A policy may tell of internal hosts."""
    store.save(stored(RESOURCES))
    assert store.path.parent.stat().st_mode & 0o077 == 0
    assert store.path.stat().st_mode & 0o077 == 0
