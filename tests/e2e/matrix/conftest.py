"""The gateway of the matrix: one for all of its tests, as it was at its start for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.matrix.questions import Sdks
from tests.e2e.matrix.running import Running, started

_SLOW = (
    *("test_aimock.py", "test_content.py", "test_errors.py", "test_llamacpp.py"),
    "test_others.py",
)


@pytest.fixture(scope="session")
def matrix(tmp_path_factory) -> Iterator[Running]:
    with started(tmp_path_factory.mktemp("matrix")) as running:
        yield running


@pytest.fixture
def run(matrix) -> Running:
    matrix.simulator.reset()
    return matrix


@pytest.fixture
def sdks(run) -> Sdks:
    return run.sdks


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the whole matrix away where slow tests are: to collect thousands takes long itself."""
    fast = "not slow" in config.getoption("markexpr", "")
    return True if fast and collection_path.name in _SLOW else None
