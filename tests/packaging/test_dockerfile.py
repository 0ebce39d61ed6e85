"""The container image is built from what pyproject.toml says, and hadolint has nothing to add."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def dockerfile(repository):
    return (repository / "deploy" / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def pyproject(repository):
    return tomllib.loads((repository / "pyproject.toml").read_text())


def test_both_stages_run_one_supported_python(dockerfile, pyproject):
    """The venv is moved between stages, so both need the same Python, and one that we list."""
    versions = re.findall(r"^FROM python:([\d.]+)-slim", dockerfile, re.MULTILINE)
    assert len(versions) == 2
    assert len(set(versions)) == 1
    assert f"Programming Language :: Python :: {versions[0]}" in pyproject["project"]["classifiers"]


def test_every_package_is_copied(dockerfile, pyproject):
    """A new package that the image forgets would fail only when someone runs it."""
    copied = re.findall(r"^COPY (\w+) \1$", dockerfile, re.MULTILINE)
    assert copied == pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def test_what_an_edge_may_be_asked_for_is_installed(dockerfile, pyproject):
    """A ledger in PostgreSQL needs an extra; Envoy is in an image of its own."""
    (extras,) = re.findall(r"pip install '\.\[([\w,]+)\]'$", dockerfile, re.MULTILINE)
    assert extras.split(",") == ["postgres"]
    assert "postgres" in pyproject["project"]["optional-dependencies"]


def test_what_is_copied_is_not_ignored(repository, dockerfile):
    """.dockerignore lists what may enter the build, and it lists all that the Dockerfile copies."""
    allowed = {
        line[1:]
        for line in (repository / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
    copied = {name for line in copies for name in line.split()}
    assert copied == allowed
    assert all((repository / name).exists() for name in copied)


def test_the_image_does_not_run_as_root(dockerfile):
    """The last USER is a number other than 0, so that Kubernetes' runAsNonRoot can see it."""
    assert int(re.findall(r"^USER (\d+):\d+$", dockerfile, re.MULTILINE)[-1]) > 0


def test_hadolint_finds_nothing(repository):
    """The Dockerfile follows hadolint's rules."""
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint is not None
    done = subprocess.run(
        [hadolint, str(repository / "deploy" / "Dockerfile")], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")
