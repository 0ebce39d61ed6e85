"""The folder of one run: where temporary files lie, unless its sockets would have no room."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cli.run_folder import LONGEST, run_folder


def test_it_lies_where_temporary_files_do(monkeypatch):
    """For its owner alone."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        monkeypatch.setattr(tempfile, "tempdir", place)
        folder = run_folder()
        assert folder.parent == Path(place)
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_place_that_is_too_deep_for_sockets_is_passed_over(monkeypatch, tmp_path):
    """And nothing is left there."""
    deep = tmp_path / ("d" * LONGEST)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    folder = run_folder()
    try:
        assert folder.parent == Path("/tmp")
        assert list(deep.iterdir()) == []
    finally:
        folder.rmdir()
