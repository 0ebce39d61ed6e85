"""What needs a Docker engine; without one the tests are skipped, with what was said instead."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import docker
import pytest

from tests.docker.envoy_container import IMAGE

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder `docker`."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.docker)


@pytest.fixture(scope="session")
def engine():
    """The Docker engine."""
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="session")
def containerised_envoy(engine, tmp_path_factory):
    """The path of an executable that takes Envoy's arguments and runs the official image."""
    try:
        engine.images.get(IMAGE)
    except docker.errors.ImageNotFound:
        try:
            engine.images.pull(IMAGE)
        except docker.errors.APIError as error:
            pytest.skip(f"{IMAGE} is not here and cannot be pulled: {error.explanation}")
    path = tmp_path_factory.mktemp("envoy") / "envoy"
    script = shlex.join([sys.executable, str(HERE / "envoy_container.py")])
    path.write_text(f'#!/bin/sh\nexec {script} "$@"\n')
    path.chmod(0o755)
    return path
