"""Marks what runs a real Envoy, and shows the log of Envoy with each failure."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.envoy_process import RUNNING

HERE = Path(__file__).parent
LOG_TAIL = 20_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder `e2e`."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the tail of each running Envoy's log to the report of a test that failed."""
    report = yield
    if report.failed:
        for envoy in RUNNING:
            report.sections.append((f"Envoy {envoy.pid}", envoy.log[-LOG_TAIL:]))
    return report
