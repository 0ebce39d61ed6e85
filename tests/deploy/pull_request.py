"""A repository with a pull request, as a runner of GitHub's or GitLab's checks it out."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]

BEFORE = """\
gatewright: v1
name: shop
listeners: { public: 8080 }
services:
  orders: { endpoints: ['10.0.0.1:80'] }
routes:
  - { match: /orders, service: orders }
"""
AFTER = BEFORE + "  - { match: /gone, respond: 410 }\n"
BROKEN = BEFORE.replace("service: orders", "service: ordres")

FAKE = """\
#!{python}
import json, os, sys
calls = os.environ["RECORDED"]
answers = json.loads(os.environ.get("ANSWERS", "{{}}"))
argv = sys.argv[1:]
sent = {{}}
for one in argv:
    for mark in ("body=@", "body@"):
        if one.startswith(mark):
            sent["body"] = open(one.removeprefix(mark)).read()
if "--config" in argv:
    sent["config"] = sys.stdin.read()
with open(calls, "a") as file:
    file.write(json.dumps({{"name": os.path.basename(sys.argv[0]), "argv": argv, **sent}}) + "\\n")
for word, answer in answers.items():
    if word in argv or any(word in one for one in argv):
        if isinstance(answer, int):
            sys.exit(answer)
        print(answer)
        break
"""


def git(folder, *arguments):
    """Run git without a user's configuration."""
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env={
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            **{
                f"GIT_{who}_{what}": f"{what}@x"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


class PullRequest:
    """The server's repository, a shallow checkout of the merge, and commands that record."""

    def __init__(self, folder, before, after, *, path="policies/gateway.yaml"):
        self.folder = folder
        self.server = folder / "server"
        self.checkout = folder / "checkout"
        self.temp = folder / "temp"
        for one in (self.server, self.temp, folder / "bin"):
            one.mkdir()
        git(self.server, "init", "--quiet", "--initial-branch=main")
        # Runners fetch commits by their hash.
        git(self.server, "config", "uploadpack.allowAnySHA1InWant", "true")
        self._write(path, before)
        self._commit("before")
        git(self.server, "checkout", "--quiet", "-b", "change")
        self._write(path, after)
        self.head = self._commit("after")
        git(self.server, "checkout", "--quiet", "main")
        (self.server / "README.md").write_text("moved on\n")
        self.base = self._commit("somebody else's")
        git(self.server, "merge", "--quiet", "--no-ff", "--no-edit", "change")
        self.merge = git(self.server, "rev-parse", "HEAD")
        for name in ("gh", "curl"):
            fake = folder / "bin" / name
            fake.write_text(FAKE.format(python=sys.executable))
            fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
        self.recorded = folder / "recorded"
        self.clone()

    def clone(self):
        """What actions/checkout does: the merge alone, and nothing of its past."""
        self.checkout.mkdir()
        git(self.checkout, "init", "--quiet")
        git(self.checkout, "remote", "add", "origin", self.server.as_uri())
        git(self.checkout, "fetch", "--quiet", "--depth=1", "origin", self.merge)
        git(self.checkout, "checkout", "--quiet", "--detach", "FETCH_HEAD")

    def env(self, **more):
        """What a step has around it."""
        venv = Path(sys.executable).parent
        return {
            "PATH": f"{self.folder / 'bin'}:{venv}:{os.environ['PATH']}",
            "HOME": str(self.temp),
            "RECORDED": str(self.recorded),
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_OUTPUT": str(self.temp / "output"),
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary"),
            "GITHUB_PATH": str(self.temp / "path"),
            "GITHUB_REPOSITORY": "corp/shop",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_SHA": self.merge,
            **more,
        }

    def calls(self, name):
        """What a recorded command was run with."""
        if not self.recorded.exists():
            return []
        told = [json.loads(line) for line in self.recorded.read_text().splitlines()]
        return [one for one in told if one["name"] == name]

    def _write(self, path, text):
        file = self.server / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(text)

    def _commit(self, message):
        git(self.server, "add", "--all")
        git(self.server, "commit", "--quiet", "--allow-empty", "--message", message)
        return git(self.server, "rev-parse", "HEAD")


def steps_of_action():
    """The steps of action.yml by name."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    return action["inputs"], {step["name"]: step for step in action["runs"]["steps"]}
