"""The gateway of the matrix: one for all of its tests, as it was at its start for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.matrix.questions import Sdks
from tests.e2e.matrix.running import Running, started


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
