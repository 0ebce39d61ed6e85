"""A repository of its own for each test."""

from __future__ import annotations

import pytest

from tests.sources.repositories import Repository, SigningKeys


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "repository")


@pytest.fixture
def keys(tmp_path):
    return SigningKeys(tmp_path / "keys")
