"""A policy in a real repository, by the real git: what is read, and what is said of it."""

from __future__ import annotations

import asyncio
import time

import pytest

from cli.sources.git_mirror import Bounds
from tests.sources.following import Followed
from tests.sources.repositories import AUTHORED, policy


def test_the_default_branch_is_followed(repository, tmp_path):
    """Its commit, its full name and the author's date are known; names are the repository's."""
    commit = repository.push({"a/gateway.yaml": policy("one"), "README.md": "x"})
    revision, texts = Followed(repository.url, tmp_path).good()
    assert texts == {"a/gateway.yaml": policy("one")}
    assert (revision.commit, revision.ref) == (commit, "refs/heads/main")
    assert (revision.authored, revision.short) == (AUTHORED, commit[:12])


@pytest.mark.parametrize(
    ("ref", "body", "name"),
    [
        ("next", "two", "refs/heads/next"),
        ("refs/heads/next", "two", "refs/heads/next"),
        ("v1", "one", "refs/tags/v1"),
        ("refs/tags/v1-plain", "one", "refs/tags/v1-plain"),
    ],
)
def test_a_branch_or_tag_is_followed(repository, tmp_path, ref, body, name):
    """An annotated tag stands for its commit."""
    repository.commit({"gateway.yaml": policy("one")})
    repository.git("tag", "-a", "-m", "first", "v1")
    repository.git("tag", "v1-plain")
    repository.commit({"gateway.yaml": policy("two")})
    repository.send("HEAD:refs/heads/next", "--tags")
    revision, texts = Followed(repository.url, tmp_path, ref=ref).good()
    assert texts == {"gateway.yaml": policy(body)}
    assert revision.ref == name


def test_a_full_commit_is_served_wherever_the_branches_are(repository, tmp_path):
    """It has no ref, for none is followed."""
    first = repository.push({"gateway.yaml": policy("one")})
    repository.push({"gateway.yaml": policy("two")})
    revision, texts = Followed(repository.url, tmp_path, ref=first).good()
    assert texts == {"gateway.yaml": policy("one")}
    assert (revision.commit, revision.ref) == (first, "")


def test_a_path_names_the_policy_folder(repository, tmp_path):
    """What is beside it is no policy of ours."""
    repository.push({"edge/a.yaml": "a: 1", "edge/endpoints/e.yaml": "[]", "other.yaml": "b: 1"})
    _, texts = Followed(repository.url, tmp_path, path="edge").good()
    assert set(texts) == {"edge/a.yaml", "edge/endpoints/e.yaml"}


def test_a_path_may_name_one_file(repository, tmp_path):
    """It is read with the endpoints beside it."""
    repository.push({"edge/a.yaml": "a: 1", "edge/endpoints/e.yaml": "[]", "edge/b.yaml": "b: 1"})
    _, texts = Followed(repository.url, tmp_path, path="edge/a.yaml").good()
    assert set(texts) == {"edge/a.yaml", "edge/endpoints/e.yaml"}


@pytest.mark.parametrize(
    ("path", "code"), [("nowhere", "no-such-file"), ("text", "no-policy-files")]
)
def test_a_commit_without_a_policy_is_not_served(repository, tmp_path, path, code):
    """The diagnostic names the commit and the path."""
    commit = repository.push({"gateway.yaml": policy(), "text/x.txt": "x"})
    revision, problem = Followed(repository.url, tmp_path, path=path).refused()
    assert problem.code == code
    assert path in problem.message
    assert commit[:12] in problem.message
    assert revision.commit == commit


def test_a_rewritten_branch_is_followed_and_said_aloud(repository, tmp_path):
    """From which commit to which; a branch that goes on is nothing to tell of."""
    followed = Followed(repository.url, tmp_path)
    repository.push({"gateway.yaml": policy("one")})
    followed.good()
    before = repository.push({"gateway.yaml": policy("two")})
    followed.good()
    assert followed.events == []
    after = repository.push({"gateway.yaml": policy("three")}, "--amend")
    _, texts = followed.good()
    assert texts == {"gateway.yaml": policy("three")}
    [(event, text, facts)] = followed.told
    assert event == "rewritten"
    assert facts == {"ref": "refs/heads/main", "before": before, "revision": after}
    assert before[:12] in text
    assert after[:12] in text


def test_a_branch_set_back_is_rewritten(repository, tmp_path):
    """The older commit is served, for that is what the branch is."""
    followed = Followed(repository.url, tmp_path)
    first = repository.push({"gateway.yaml": policy("one")})
    repository.push({"gateway.yaml": policy("two")})
    followed.good()
    repository.send(f"{first}:refs/heads/main")
    revision, _ = followed.good()
    assert (revision.commit, followed.events) == (first, ["rewritten"])


def test_many_commits_at_once_are_no_rewriting(repository, tmp_path):
    """More than the history that is looked at first."""
    followed = Followed(repository.url, tmp_path)
    repository.push({"gateway.yaml": policy("one")})
    followed.good()
    tip = repository.git("rev-parse", "HEAD")
    tree = repository.git("rev-parse", "HEAD^{tree}")
    for _ in range(80):
        tip = repository.git("commit-tree", "-p", tip, "-m", "x", tree)
    repository.send(f"{tip}:refs/heads/main")
    revision, _ = followed.good()
    assert (revision.commit, followed.events) == (tip, [])


def test_a_moved_tag_is_followed_and_said_aloud(repository, tmp_path):
    """Even where the new commit goes on from the old one."""
    followed = Followed(repository.url, tmp_path, ref="v1")
    repository.commit({"gateway.yaml": policy("one")})
    repository.send("HEAD:refs/tags/v1")
    followed.good()
    repository.commit({"gateway.yaml": policy("two")})
    repository.send("HEAD:refs/tags/v1")
    _, texts = followed.good()
    assert texts == {"gateway.yaml": policy("two")}
    assert [(event, "moved" in text) for event, text, _ in followed.told] == [("rewritten", True)]


def test_a_rewriting_while_nobody_looked_is_said_after_the_restart(repository, tmp_path):
    """The commit that was served before is known from the stored snapshot."""
    before = repository.push({"gateway.yaml": policy("one")})
    repository.push({"gateway.yaml": policy("two")}, "--amend")
    followed = Followed(repository.url, tmp_path, last=before)
    followed.good()
    assert followed.events == ["rewritten"]


def test_a_repository_that_is_away_is_said_and_comes_back(repository, tmp_path):
    """Nothing is given meanwhile, which keeps what is served."""
    followed = Followed(repository.url, tmp_path)
    repository.push({"gateway.yaml": policy("one")})
    followed.good()
    hidden = repository.bare.rename(tmp_path / "hidden")
    assert "does not appear to be a git repository" in followed.away()
    hidden.rename(repository.bare)
    followed.good()
    assert followed.events == ["away", "back"]


def test_a_ref_that_is_not_there_is_said(repository, tmp_path):
    """By its name; it may be made later."""
    repository.push({"gateway.yaml": policy()})
    followed = Followed(repository.url, tmp_path, ref="nxet")
    assert "no branch or tag `nxet`" in followed.away()


def test_a_fetch_that_was_cut_short_does_not_stop_the_next(repository, tmp_path):
    """What it left behind in the mirror, locks above all, is not met again."""
    followed = Followed(repository.url, tmp_path)
    repository.push({"gateway.yaml": policy("one")})
    followed.good()
    (followed.folder / "mirror.git" / "shallow.lock").write_text("")
    repository.push({"gateway.yaml": policy("two")})
    assert "shallow.lock" in followed.away()
    _, texts = followed.good()
    assert texts == {"gateway.yaml": policy("two")}


def test_a_repository_that_does_not_answer_is_given_up(repository, tmp_path):
    """Within the time that was set, and with all that git started."""
    followed = Followed(
        "ssh://git.invalid/x",
        tmp_path,
        bounds=Bounds(ask=0.5),
        environ={"PATH": "/usr/bin:/bin", "GIT_SSH_COMMAND": "sleep 100; :"},
    )
    started = time.monotonic()
    assert "longer than 0.5 s" in followed.away()
    assert time.monotonic() - started < 10


def test_a_repository_that_is_too_large_is_given_up(repository, tmp_path):
    """Bytes on disk are bounded, whatever a server sends."""
    followed = Followed(repository.url, tmp_path, bounds=Bounds(mirror=1 << 20))
    repository.push({"gateway.yaml": policy()})
    followed.good()
    (repository.work / "noise").write_bytes(bytes_of_noise(2 << 20))
    repository.push({})
    assert "more than 1 MiB" in followed.away()


def test_a_policy_that_is_too_large_is_given_up(repository, tmp_path):
    """In all; a single file of more than 4 MiB is a diagnostic, as on disk."""
    followed = Followed(repository.url, tmp_path, bounds=Bounds(policy=1 << 20))
    repository.push({"a.yaml": "#" * (1 << 20), "b.yaml": "x"})
    assert "MiB are the most" in followed.away()
    repository.push({"a.yaml": "#" * ((4 << 20) + 1), "b.yaml": "x"})
    checkout = followed.fetch()
    assert [problem.code for problem in checkout.sources.problems] == ["file-too-large"]


def test_changes_are_noticed(repository, tmp_path):
    """Once for each commit, and none while nothing changes."""
    followed = Followed(repository.url, tmp_path, every=0.02)
    repository.push({"gateway.yaml": policy("one")})
    bodies = []

    async def follow():
        stop = asyncio.Event()
        await followed.source.fetch()
        repository.push({"gateway.yaml": policy("two")})
        async for _ in followed.source.changes(stop):
            bodies.append(await followed.source.fetch())
            if len(bodies) == 1:
                # A few rounds without a change must not yield; then comes a change.
                asyncio.get_running_loop().call_later(
                    0.2, lambda: repository.push({"gateway.yaml": policy("three")})
                )
            else:
                stop.set()

    asyncio.run(asyncio.wait_for(follow(), 30))
    texts = [checkout.sources.policies[0].text for checkout in bodies]
    assert texts == [policy("two"), policy("three")]


def test_a_repository_that_comes_back_is_noticed(repository, tmp_path):
    """Also where it was away from the very start."""
    hidden = repository.bare.rename(tmp_path / "hidden")
    followed = Followed(repository.url, tmp_path, every=0.02)

    async def follow():
        stop = asyncio.Event()
        assert await followed.source.fetch() is None
        hidden.rename(repository.bare)
        repository.push({"gateway.yaml": policy("one")})
        async for _ in followed.source.changes(stop):
            stop.set()
        return await followed.source.fetch()

    checkout = asyncio.run(asyncio.wait_for(follow(), 30))
    assert checkout.sources.policies[0].text == policy("one")
    assert followed.events == ["away", "back"]


def bytes_of_noise(count):
    """Bytes that do not compress, the same each time."""
    import random

    return random.Random(1).randbytes(count)
