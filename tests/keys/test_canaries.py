"""The search for planted keys can fail, and so can be believed."""

from __future__ import annotations

import base64

import pytest

from cli.key_text import is_key
from tests.canaries import Canaries


@pytest.fixture
def canaries():
    planted = Canaries()
    planted.plant("acme/ci")
    return planted


def test_what_is_planted_is_a_key(canaries):
    """Of the kind that `keys create` makes, and known by its SHA-256."""
    assert is_key(canaries.keys["acme/ci"])
    assert len(canaries.digest("acme/ci")) == 64


@pytest.mark.parametrize(
    "form",
    [
        lambda key: f"x {key} y",
        lambda key: f"{key[:20]}...",
        lambda key: base64.b64encode(f"user:{key}".encode()),
        lambda key: base64.b64encode(f"me:{key}".encode()),
        lambda key: base64.b64encode(f"a:{key}!".encode()),
    ],
)
def test_a_key_is_found(canaries, form, tmp_path):
    """As it is, cut off, in base64; in a text, in a file, in a folder of files."""
    written = form(canaries.keys["acme/ci"])
    (tmp_path / "inner").mkdir()
    file = tmp_path / "inner" / "log"
    file.write_bytes(written if isinstance(written, bytes) else written.encode())
    found = canaries.leaks({"text": written, "file": file, "folder": tmp_path, "clean": "gw_"})
    assert found == [
        "text shows the key of acme/ci",
        "file shows the key of acme/ci",
        "folder: inner/log shows the key of acme/ci",
    ]


def test_a_digest_is_no_leak(canaries):
    """It may be committed."""
    assert canaries.leaks({"policy": canaries.digest("acme/ci")}) == []
