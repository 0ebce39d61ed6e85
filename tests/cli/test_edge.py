"""What `gatewright edge` refuses before it runs anything."""

from __future__ import annotations

import fcntl

import pytest

from cli import exits
from cli.main import main


def edge(folder, *options):
    places = ("--folder", f"{folder}/edge", "--state", f"{folder}/state")
    return main(["edge", "--node-id", "e", *places, *options])


def test_a_uri_alone_is_no_name_to_verify(tmp_path, capsys):
    """The edge could never believe its control plane; nothing is made on the disk."""
    (tmp_path / "ca.pem").touch()
    options = ("--tls-ca", str(tmp_path / "ca.pem"), "--tls-verify", "spiffe://corp/plane")
    with pytest.raises(SystemExit) as ended:
        edge(tmp_path, *options)
    assert ended.value.code == 2
    assert "an edge verifies DNS names and IP addresses" in capsys.readouterr().err
    assert not (tmp_path / "edge").exists()


@pytest.mark.parametrize("taken", ["edge", "state"])
def test_a_folder_is_one_edges_alone(tmp_path, capsys, taken):
    """Two would take each other's sockets and lines away."""
    (tmp_path / taken).mkdir()
    with (tmp_path / taken / "edge.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert edge(tmp_path) == exits.ENVIRONMENT
    assert "another edge runs here" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_told(tmp_path, capsys):
    """With the options that name another."""
    (tmp_path / "edge").touch()
    assert edge(tmp_path) == exits.ENVIRONMENT
    assert "--folder" in capsys.readouterr().err
