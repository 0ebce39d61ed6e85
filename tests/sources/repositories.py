"""Repositories that tests make for themselves: a bare one, and a clone of it to write with.

Nothing of this machine's own git configuration counts, and no date is taken from the clock.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

AUTHORED = "2026-03-01T12:00:00+01:00"

POLICY = """\
gatewright: v1
name: edge
listeners: {{ public: {{ address: 127.0.0.1, port: {port} }} }}
routes:
  - {{ match: /, respond: {{ status: 200, body: {body} }} }}
"""


def policy(body="one", port=8080):
    """The text of a policy that answers ``body`` to everything."""
    return POLICY.format(body=body, port=port)


def program(name):
    """Skip the test, with its reason, where a program is not there."""
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name} on this machine")
    return name


class Repository:
    """A bare repository ``bare`` and a clone ``work`` that pushes to it."""

    def __init__(self, folder: Path, branch: str = "main") -> None:
        program("git")
        self.bare = folder / "policies.git"
        self.work = folder / "work"
        self.branch = branch
        self._home = folder / "home"
        self._home.mkdir(parents=True)
        git = ("-c", f"init.defaultBranch={branch}")
        self.git(*git, "init", "--quiet", "--bare", str(self.bare), at=folder)
        self.git(*git, "init", "--quiet", str(self.work), at=folder)

    @property
    def url(self) -> str:
        return f"file://{self.bare}"

    def git(self, *arguments: str, at: Path | None = None, **variables: str) -> str:
        """Run git in the clone, or elsewhere, and give its stdout."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=at or self.work,
            env=self.environment(variables),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"git {arguments}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_AUTHOR_DATE": AUTHORED,
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.com",
            "GIT_COMMITTER_DATE": AUTHORED,
            **variables,
        }

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def commit(self, files: Mapping[str, str], *options: str, message: str = "change") -> str:
        """Write files, commit all that changed, and give the commit's id."""
        self.write(files)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "-m", message, *options)
        return self.git("rev-parse", "HEAD")

    def push(self, files: Mapping[str, str], *options: str, message: str = "change") -> str:
        """Commit and push, by force, and give the commit's id."""
        commit = self.commit(files, *options, message=message)
        self.send(f"HEAD:refs/heads/{self.branch}")
        return commit

    def send(self, *refspecs: str) -> None:
        self.git("push", "--quiet", "--force", str(self.bare), *refspecs)


class SigningKeys:
    """Throwaway SSH keys by name, and allowed_signers files of some of them."""

    def __init__(self, folder: Path) -> None:
        program("ssh-keygen")
        self._folder = folder
        folder.mkdir()

    def key(self, name: str) -> Path:
        path = self._folder / name
        if not path.exists():
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
            subprocess.run(command, check=True, timeout=60)
        return path

    def allowed(self, *names: str, file: str = "allowed_signers") -> Path:
        path = self._folder / file
        lines = []
        for name in names:
            public = self.key(name).with_suffix(".pub").read_text().strip()
            lines.append(f'{name}@example.com namespaces="git" {public}\n')
        path.write_text("".join(lines))
        return path

    def signing(self, name: str) -> tuple[str, ...]:
        """Options for git that make a command with -S or -s sign with a key."""
        return ("-c", "gpg.format=ssh", "-c", f"user.signingkey={self.key(name)}")
