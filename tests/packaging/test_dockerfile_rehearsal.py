"""The image's build, run without Docker: the files that it copies are enough to install and run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_what_the_image_copies_installs_and_checks_its_policy(repository, tmp_path):
    """Only the copied files, pip and the pins, as in the first stage; then what compose mounts."""
    source = tmp_path / "src"
    source.mkdir()
    dockerfile = (repository / "deploy" / "Dockerfile").read_text()
    for names, _into in re.findall(r"^COPY (?!--from)(.+) (\S+)$", dockerfile, re.MULTILINE):
        for name in names.split():
            found = repository / name
            ignored = shutil.ignore_patterns("__pycache__")
            if found.is_dir():
                shutil.copytree(found, source / name, ignore=ignored)
            else:
                shutil.copy(found, source)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    programs = tmp_path / "venv" / "bin"
    subprocess.run(
        [programs / "pip", "install", "--quiet", "."],
        cwd=source,
        env={**os.environ, "PIP_CONSTRAINT": str(source / "constraints.txt")},
        check=True,
    )
    shutil.rmtree(source)
    done = subprocess.run(
        [programs / "gatewright", "check", repository / "deploy" / "policy"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout.partition(".")[0]) == (0, "quickstart: ok")
