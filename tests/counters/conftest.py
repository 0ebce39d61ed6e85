"""One Valkey for the tests of counters; each test has a gateway's name of its own."""

from __future__ import annotations

import pytest

from tests.counters.valkeys import url_of, valkey


@pytest.fixture(scope="session")
def store_url():
    with valkey() as server:
        yield url_of(server)
