"""Running git: bounded in time and output, and ended with all that it started."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from cli.sources.git_command import Git, GitError, reason


def fake(tmp_path, script):
    binary = tmp_path / "git"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    return Git(str(binary), os.environ, frozenset())


def run(git, *arguments, **options):
    return asyncio.run(git.run(*arguments, **{"seconds": 20, **options}))


def test_output_without_end_is_cut_short(tmp_path):
    """A server may send what it likes; this process keeps no more than it said."""
    started = time.monotonic()
    with pytest.raises(GitError, match="`git ls-remote` gave more than 1 MiB"):
        run(fake(tmp_path, "exec yes"), "ls-remote", limit=1 << 20)
    assert time.monotonic() - started < 10


def test_errors_without_end_are_kept_at_their_end(tmp_path):
    """Where the reason stands."""
    script = "yes x | head -c 3000000 >&2; echo fatal: no >&2; exit 128"
    ended = run(fake(tmp_path, script))
    assert ended.err.endswith("fatal: no\n")
    assert len(ended.err) < 20_000
    with pytest.raises(GitError, match=r"^no$"):
        ended.checked()


def test_what_it_started_ends_with_it(tmp_path):
    """Also what does not listen to a polite word."""
    pid = tmp_path / "pid"
    script = f"sh -c 'trap \"\" TERM; echo $$ > {pid}; while true; do sleep 0.1; done' & wait"
    with pytest.raises(GitError, match=r"longer than 0\.5 s"):
        run(fake(tmp_path, script), "fetch", seconds=0.5)
    until_gone(int(pid.read_text()))


def test_a_command_that_reads_nothing_is_no_error(tmp_path):
    """Its stdin is closed before all was written."""
    assert run(fake(tmp_path, "echo done"), given=b"x" * (1 << 20)).out == b"done\n"


def test_a_watch_ends_it(tmp_path):
    """By what it raises."""

    def watch():
        raise GitError("too large")

    with pytest.raises(GitError, match="too large"):
        run(fake(tmp_path, "sleep 60"), watch=watch)


def test_the_reason_is_what_git_and_the_other_side_said():
    """On one line, and nothing for a terminal to act on."""
    err = "hint: x\nremote: Repository \x1b[31mnot found.\nfatal: Authentication failed\n"
    assert reason(err) == "remote: Repository  [31mnot found; Authentication failed"
    assert reason("ssh: no route\n") == "ssh: no route"
    assert len(reason("fatal: " + "x" * 1_000)) == 400


def until_gone(pid):
    end = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "Z" not in state(pid):
        assert time.monotonic() < end, "it runs on"
        time.sleep(0.02)


def state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
