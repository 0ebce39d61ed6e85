"""What a repository, and who can write to it, cannot do; and what is shown to nobody."""

from __future__ import annotations

import os
import re

import pytest

from cli.sources.git_command import git_environment
from cli.sources.source import Checkout
from tests.sources.following import Followed
from tests.sources.https_repository import serving
from tests.sources.repositories import policy

CANARY = "canary-token-7d1f"


def own_configuration(tmp_path, text):
    """The operator's own git configuration, by a variable that git honours."""
    path = tmp_path / "gitconfig"
    path.write_text(text)
    return {**os.environ, "GIT_CONFIG_GLOBAL": str(path)}


def executable(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_no_hook_runs(repository, tmp_path):
    """Not even those that the operator's own git would run on every change of a ref."""
    mark = tmp_path / "mark"
    hooks = tmp_path / "hooks"
    for name in ("reference-transaction", "post-checkout", "post-merge", "pre-auto-gc"):
        executable(hooks / name, f"touch {mark}")
    template = tmp_path / "template"
    executable(template / "hooks" / "reference-transaction", f"touch {mark}")
    environ = own_configuration(
        tmp_path, f"[core]\n\thooksPath = {hooks}\n[init]\n\ttemplateDir = {template}\n"
    )
    repository.push({"gateway.yaml": policy()})
    Followed(repository.url, tmp_path, environ=environ).good()
    assert not mark.exists()


def test_no_filter_runs(repository, tmp_path):
    """Nor LFS: texts are the bytes that were committed, whatever attributes say."""
    mark = tmp_path / "mark"
    environ = own_configuration(
        tmp_path, f'[filter "lfs"]\n\tsmudge = touch {mark}; cat\n\tprocess = touch {mark}\n'
    )
    text = f"# $Format:%an$ $Id$\r\n{policy()}"
    (repository.work / "gateway.yaml").write_bytes(text.encode())
    repository.push({".gitattributes": "*.yaml filter=lfs ident export-subst text eol=crlf\n"})
    raw = repository.git("cat-file", "blob", "HEAD:gateway.yaml")
    _, texts = Followed(repository.url, tmp_path, environ=environ).good()
    assert texts["gateway.yaml"].strip() == raw.strip()
    assert "$Format:%an$ $Id$" in texts["gateway.yaml"]
    assert not mark.exists()


def test_a_submodule_is_not_fetched(repository, tmp_path):
    """In the place of a policy file it is said to be none."""
    other = "1" * 40
    repository.write({"gateway.yaml": policy()})
    repository.write({".gitmodules": '[submodule "x"]\n\tpath = x.yaml\n\turl = /nowhere\n'})
    repository.git("add", "--all")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{other},x.yaml")
    repository.git("commit", "-q", "-m", "submodule")
    repository.send("HEAD:refs/heads/main")
    checkout = Followed(repository.url, tmp_path).fetch()
    assert isinstance(checkout, Checkout)
    [problem] = checkout.sources.problems
    assert (problem.code, problem.span.file) == ("unreadable-file", "x.yaml")


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("/etc/hostname", "leads out of"),
        ("../secret.yaml", "leads out of"),
        ("../../../../../../etc/hostname", "leads out of"),
        ("nowhere.yaml", "leads nowhere"),
        ("link.yaml", "it is no file"),
        (".", "leads nowhere"),
    ],
)
def test_a_link_is_not_followed_out_of_the_policy(repository, tmp_path, to, said):
    """Neither to this machine's files nor to others of the repository."""
    repository.write({"secret.yaml": "secret: 1", "edge/gateway.yaml": policy()})
    (repository.work / "edge" / "link.yaml").symlink_to(to)
    repository.push({})
    checkout = Followed(repository.url, tmp_path, path="edge").fetch()
    [problem] = checkout.sources.problems
    assert problem.span.file == "edge/link.yaml"
    assert said in problem.message
    assert [one.name for one in checkout.sources.policies] == ["edge/gateway.yaml"]


def test_a_link_within_the_policy_is_followed(repository, tmp_path):
    """As it is on disk; the policy's own folder may be one as well."""
    repository.write({"releases/7/real.txt": policy("linked")})
    (repository.work / "releases" / "7" / "gateway.yaml").symlink_to("real.txt")
    (repository.work / "current").symlink_to("releases/7")
    repository.push({})
    _, texts = Followed(repository.url, tmp_path, path="current").good()
    assert texts == {"releases/7/gateway.yaml": policy("linked")}


def test_only_allowed_protocols_are_spoken(repository, tmp_path):
    """Also where the operator's git turns one address into another."""
    environ = own_configuration(
        tmp_path, '[url "http://git.invalid/"]\n\tinsteadOf = https://git.invalid/\n'
    )
    followed = Followed("https://git.invalid/edge", tmp_path, environ=environ)
    assert "transport 'http' not allowed" in followed.away()


def test_git_is_not_given_the_keys_of_this_process(repository, tmp_path):
    """Nor can it ask anybody: what ssh is started with tells."""
    seen = tmp_path / "seen"
    spy = executable(tmp_path / "ssh", f"env > {seen}; exit 1")
    environ = {
        "PATH": os.environ["PATH"],
        "GIT_SSH_COMMAND": str(spy),
        "OPENAI_API_KEY": CANARY,
        "GIT_TRACE_CURL": "1",
        "SSH_ASKPASS": "/bin/true",
    }
    Followed("git@git.invalid:edge.git", tmp_path, environ=environ).away()
    given = seen.read_text()
    assert CANARY not in given
    assert "GIT_TERMINAL_PROMPT=0" in given
    assert "GIT_TRACE" not in given
    assert "ASKPASS" not in given


def test_settings_are_not_arguments():
    """Arguments are shown to everybody by `ps`; the environment is not."""
    made = git_environment({}, frozenset({"https"}), [("http.extraHeader", CANARY)])
    last = int(made["GIT_CONFIG_COUNT"]) - 1
    assert made[f"GIT_CONFIG_KEY_{last}"] == "http.extraHeader"
    assert made["GIT_ALLOW_PROTOCOL"] == "https"


@pytest.fixture
def guarded(repository, tmp_path):
    """The repository over HTTPS with a password, and a git that notes how it is called."""
    calls = tmp_path / "calls"
    git = executable(tmp_path / "bin" / "git", f'echo "$@" >> {calls}\nexec {real_git()} "$@"')
    with serving(repository.bare.parent, CANARY, tmp_path) as served:
        environ = {
            "PATH": f"{git.parent}:{os.environ['PATH']}",
            "GIT_SSL_CAINFO": str(served.authority),
            "HOME": str(tmp_path),
        }
        yield served, environ, calls


def real_git():
    import shutil

    return shutil.which("git")


def test_credentials_of_the_url_open_the_repository_and_are_shown_nowhere(
    repository, tmp_path, guarded
):
    """Not in arguments, events, the mirror, or reprs; they are sent to that site alone."""
    served, environ, calls = guarded
    commit = repository.push({"gateway.yaml": policy()})
    url = f"https://ada:{CANARY}@{served.site}/{repository.bare.name}"
    followed = Followed(url, tmp_path, environ=environ)
    revision, _ = followed.good()
    assert revision.commit == commit
    assert any(sent for _, sent in served.authorizations)
    served.password = "changed"
    reason = followed.away()
    assert "Authentication failed" in reason
    assert "terminal prompts disabled" not in reason
    written = [calls.read_text(), repr(followed.told), repr(followed.source._settings), reason]
    written += [
        path.read_bytes().decode("latin-1") for path in followed.folder.rglob("*") if path.is_file()
    ]
    assert not [text for text in written if CANARY in text]
    assert "ls-remote" in written[0]


def test_a_token_is_read_again_before_each_question(repository, tmp_path, guarded):
    """It may be good for an hour only."""
    served, environ, _ = guarded
    repository.push({"gateway.yaml": policy()})
    given = {"token": "stale"}
    url = f"https://{served.site}/{repository.bare.name}"
    followed = Followed(url, tmp_path, environ=environ, credentials=lambda: ("ada", given["token"]))
    assert "Authentication failed" in followed.away()
    given["token"] = CANARY
    followed.good()
    assert CANARY not in repr(followed.told)


def test_a_certificate_that_nobody_vouches_for_is_refused(repository, tmp_path, guarded):
    """The password is not sent there."""
    served, environ, _ = guarded
    del environ["GIT_SSL_CAINFO"]
    url = f"https://ada:{CANARY}@{served.site}/{repository.bare.name}"
    assert re.search("certificate", Followed(url, tmp_path, environ=environ).away())
    assert served.authorizations == []
