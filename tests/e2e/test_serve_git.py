"""`gatewright serve --git` as a process: commits go live, are named, and never break what runs."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.e2e.envoy_process import running, until
from tests.e2e.load import load
from tests.e2e.serve_process import bootstrap, serving
from tests.ports import free_port
from tests.sources.https_repository import serving as serving_https
from tests.sources.repositories import AUTHORED, Repository, SigningKeys, policy

CANARY = "canary-token-51c0"


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "repository")


def push(repository, body, port=8080, **more):
    return repository.push({"policies/gateway.yaml": policy(body, port), **more})


def following(repository, *options, every="1s", **settings):
    words = ("--git", repository.url, "--path", "policies", "--every", every)
    return serving(*words, *options, **settings)


def test_a_push_goes_live_and_every_event_names_its_commit(repository):
    """Commit in full and short, its ref and its author's date; under load, nothing is lost."""
    port = free_port()
    first = push(repository, "one", port)
    with (
        following(repository) as serve,
        running(bootstrap("--ads", serve.address, "--node-id", "n")) as envoy,
    ):
        published = serve.next("published")
        named = {"revision": first, "short": first[:12], "authored": AUTHORED}
        assert named.items() <= published.items()
        assert published["ref"] == "refs/heads/main"
        serve.next("log", message="stream opened", revision=first)
        with load(envoy.url("public")) as requests:
            requests.wait_for("one")
            second = push(repository, "two", port)
            serve.next("published", revision=second)
            requests.wait_for("two")
        assert not requests.failures
        assert serve.stop() == 0


def test_hanging_up_asks_at_once(repository):
    """Which is what a webhook may do; otherwise it would have been an hour."""
    push(repository, "one")
    with following(repository, every="1h") as serve:
        serve.next("published")
        second = push(repository, "two")
        serve.hang_up()
        serve.next("published", revision=second)


def test_a_wrong_commit_changes_nothing(repository):
    """Its diagnostics name commit and line; the next right commit goes live."""
    port = free_port()
    first = push(repository, "one", port)
    with (
        following(repository) as serve,
        running(bootstrap("--ads", serve.address, "--node-id", "n")) as envoy,
    ):
        serve.next("published", revision=first)
        until(lambda: fetch(envoy) == "one", "one", envoy)
        wrong = push(repository, "two\n  - { match: /x, service: nobody }\n  # {", port)
        diagnostic = serve.next("diagnostic", revision=wrong)
        assert diagnostic["place"].startswith("policies/gateway.yaml:")
        serve.next("wrong", revision=wrong)
        assert fetch(envoy) == "one"
        third = push(repository, "three", port)
        serve.next("published", revision=third)
        until(lambda: fetch(envoy) == "three", "three", envoy)


def test_an_unsigned_commit_changes_nothing(repository, tmp_path):
    """It is told which commit and why; a signed one goes live, with its signer's name."""
    keys = SigningKeys(tmp_path / "keys")
    push(repository, "unsigned")
    ring = keys.allowed("ada")
    with following(repository, "--verify-signatures", ring) as serve:
        unsigned = repository.git("rev-parse", "HEAD")
        diagnostic = serve.next("diagnostic", code="untrusted-commit")
        assert diagnostic["message"] == f"commit {unsigned[:12]} is not served: it is not signed"
        serve.next("wrong", revision=unsigned)
        repository.commit({"policies/gateway.yaml": policy("signed")})
        repository.git(*keys.signing("ada"), "commit", "-q", "--amend", "--no-edit", "-S")
        repository.send("HEAD:refs/heads/main")
        published = serve.next("published")
        assert published["signer"].startswith("ada@example.com (SHA256:")
        push(repository, "unsigned again")
        serve.next("wrong", revision=repository.git("rev-parse", "HEAD"))


def test_a_repository_that_is_away_changes_nothing(repository, tmp_path):
    """Not while it runs, and not over a restart: the stored snapshot names its commit."""
    first = push(repository, "one")
    state = tmp_path / "state"
    with following(repository, "--state", state) as serve:
        version = serve.next("published", revision=first)["version"]
        hidden = repository.bare.rename(tmp_path / "hidden")
        away = serve.next("away")
        assert "does not appear to be a git repository" in away["reason"]
        until((state / "last-good.snapshot").exists, "nothing was stored")
        assert serve.stop() == 0
    assert not (state / "git").exists()
    with following(repository, "--state", state) as serve:
        assert (serve.listening["restored"], serve.listening["revision"]) == (version, first)
        serve.next("away")
        hidden.rename(repository.bare)
        second = repository.push({"policies/gateway.yaml": policy("two")}, "--amend")
        rewritten = serve.next("rewritten")
        assert (rewritten["before"], rewritten["revision"]) == (first, second)
        serve.next("published", revision=second)


def test_it_waits_for_a_repository_and_for_a_policy_that_is_right(repository, tmp_path):
    """From the very start: a control plane that gave up would have to be started by hand."""
    hidden = repository.bare.rename(tmp_path / "hidden")
    with following(repository) as serve:
        serve.next("away")
        hidden.rename(repository.bare)
        push(repository, "{")
        serve.next("wrong")
        right = push(repository, "right")
        serve.next("published", revision=right)


def test_a_stop_is_obeyed_while_the_repository_does_not_answer(tmp_path):
    """At once, and nothing that git started is left."""
    words = ("--git", "ssh://git.invalid/x", "--state", tmp_path)
    mark = "31.4159"
    environment = {"GIT_SSH_COMMAND": f"exec sleep {mark}; :"}
    with serving(*words, environment=environment) as serve:
        until(lambda: sleeping(mark), "git did not start ssh")
        started = time.monotonic()
        serve.process.send_signal(signal.SIGTERM)
        assert serve.process.wait(10) == 0
        assert time.monotonic() - started < 8
    until(lambda: not sleeping(mark), "ssh was left behind")


def test_credentials_are_in_nothing_that_is_written(repository, tmp_path):
    """Events, errors, tracebacks, and all files of the state; while it is well and while not."""
    push(repository, "one")
    state = tmp_path / "state"
    with serving_https(repository.bare.parent, CANARY, tmp_path) as served:
        url = f"https://ada:{CANARY}@{served.site}/{repository.bare.name}"
        environment = {"GIT_SSL_CAINFO": str(served.authority), "GATEWRIGHT_DEBUG": "1"}
        words = ("--git", url, "--path", "policies", "--every", "1s", "--state", state)
        with serving(*words, environment=environment) as serve:
            serve.next("published")
            served.password = "another"
            assert "Authentication failed" in serve.next("away")["reason"]
            files = [path for path in state.rglob("*") if path.is_file()]
            assert any("mirror.git" in str(path) for path in files)
            written = [path.read_bytes().decode("latin-1") for path in files]
            serve.stop()
    assert not [text for text in (*written, *serve.said) if CANARY in text]


def test_what_envoy_refuses_is_shown_at_the_commit_s_line(repository):
    """A port in use: the file's place in the repository, and the commit that is live."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        commit = push(repository, "one", taken.getsockname()[1])
        with (
            following(repository) as serve,
            running(bootstrap("--ads", serve.address, "--node-id", "n"), wait_ready=False),
        ):
            refused = serve.next("diagnostic", code="envoy-refused")
            assert refused["place"].startswith("policies/gateway.yaml:3:")
            assert refused["revision"] == commit


def fetch(envoy):
    return urlopen(envoy.url("public"), timeout=10).read().decode()


def sleeping(mark):
    """Whether a process runs with that argument."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "cmdline").read_bytes().split(b"\0"):
                return True
        except OSError:
            continue
    return False


def test_a_folder_names_the_commit_that_is_checked_out(repository):
    """And says where its files differ from it."""
    commit = repository.commit({"gateway.yaml": policy("one")})
    with serving(repository.work) as serve:
        assert serve.next("published")["revision"] == commit
        repository.write({"gateway.yaml": policy("two")})
        published = serve.next("published")
        assert published["revision"] == f"{commit}-dirty"
        assert published["ref"] == "refs/heads/main"
