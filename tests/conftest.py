"""What every test shares: the repository's root, hypothesis without deadlines, the docker marker.

Kept small on purpose: a fixture of one subject lives in the folder of that subject.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Tests start Envoy with a `preexec_fn`, hence by fork, while a control plane's threads run beside
# them. gRPC's own fork handlers then abort the child before it becomes Envoy. Read by gRPC when it
# is imported, so it stands here.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

REPOSITORY = Path(__file__).resolve().parent.parent

# Shared cores make single examples slow now and then; the test's own timeout is the limit.
# In CI the same examples each time: a failure there must be one that a contributor can repeat.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


# Last: the folders' own hooks have marked their tests by then, and -m has chosen among them.
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked `docker` where no engine answers, and say what it said."""
    marked = [item for item in items if item.get_closest_marker("docker")]
    if marked and (reason := _no_docker()):
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=reason))


def _no_docker() -> str | None:
    """Why there is no Docker engine to use, or None where one answers."""
    import docker

    try:
        engine = docker.from_env(timeout=5)
        try:
            engine.ping()
        finally:
            engine.close()
    except docker.errors.DockerException as error:
        return f"no Docker engine answers: {error}"
    return None
