"""The folder that a source works in: one process's own, and gone with it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cli.sources.scratch import scratch


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A folder for temporary ones that nobody else uses."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def killed_holder(state):
    """A process that holds a folder, killed with -9; give the folder."""
    script = (
        "import sys, tempfile; from pathlib import Path; from cli.sources.scratch import scratch\n"
        f"tempfile.tempdir = {tempfile.tempdir!r}\n"
        f"with scratch({'None' if state is None else f'Path({str(state)!r})'}) as folder:\n"
        "    (folder / 'x').write_text('x'); print(folder, flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        folder = Path(process.stdout.readline().strip())
        process.kill()
    return folder


@pytest.mark.parametrize("named", [True, False])
def test_it_is_gone_afterwards(tmp_path, temporary, named):
    """With all that is in it."""
    with scratch(tmp_path / "state" if named else None) as folder:
        (folder / "mirror.git").mkdir()
        assert folder.stat().st_mode & 0o077 == 0
        assert folder.parent == (tmp_path / "state" if named else temporary)
    assert not folder.exists()


def test_two_processes_of_one_state_do_not_share_it(tmp_path, temporary):
    """The second works elsewhere: one that drains and its successor may run side by side."""
    with scratch(tmp_path) as first, scratch(tmp_path) as second:
        assert (first.parent, second.parent) == (tmp_path, temporary)


def test_what_a_killed_process_left_is_used_again(tmp_path):
    """Its lock ended with it."""
    left = killed_holder(tmp_path)
    with scratch(tmp_path) as folder:
        assert folder == left


def test_what_a_killed_process_left_among_temporary_folders_is_removed(temporary):
    """Once it is no longer young; what another process holds, or another user owns, is not."""
    left = killed_holder(None)
    with scratch(None) as held:
        assert left.exists()
        for folder in (left, held):
            os.utime(folder, (0, 0))
        link = temporary / "gatewright-git-link"
        link.symlink_to(held)
        with scratch(None):
            assert not left.exists()
            assert (held / "lock").exists()
            assert link.is_symlink()
