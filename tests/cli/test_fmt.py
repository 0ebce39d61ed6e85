"""`gatewright fmt`: what it writes, what it leaves, and its exit codes."""

from __future__ import annotations

import io
import stat
from types import SimpleNamespace

import pytest

from cli import exits
from cli.main import main

UNTIDY = """\
# a gateway
name:   small
gatewright: 'v1'
listeners: { local: {address: 127.0.0.1,   port: 8080} }  # here
routes:
- match: /
  respond: 200
"""
TIDY = """\
gatewright: v1
# a gateway
name: small
listeners:  # here
  local: { port: 8080, address: 127.0.0.1 }
routes:
  - { match: /, respond: 200 }
"""


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text(UNTIDY)
    return path


def test_a_file_is_written_and_keeps_its_mode(policy, capsys):
    """The file is replaced, its mode is kept, its name is told, and twice is once."""
    policy.chmod(0o640)
    assert main(["fmt", str(policy)]) == exits.OK
    assert policy.read_text() == TIDY
    assert stat.S_IMODE(policy.stat().st_mode) == 0o640
    assert capsys.readouterr().out == f"{policy}\n"
    before = policy.stat()
    assert main(["fmt", str(policy)]) == exits.OK
    assert policy.stat().st_ino == before.st_ino
    assert capsys.readouterr().out == ""


def test_check_lists_and_writes_nothing(policy, capsys):
    """`--check` is 1 with the list of files, and 0 where nothing would change."""
    assert main(["fmt", "--check", str(policy.parent)]) == exits.POLICY
    assert capsys.readouterr().out == f"{policy}\n"
    assert policy.read_text() == UNTIDY
    policy.write_text(TIDY)
    assert main(["fmt", "--check", str(policy.parent)]) == exits.OK


def test_diff_shows_and_writes_nothing(policy, capsys):
    """`--diff` prints a unified diff, in which no secret shows."""
    policy.write_text(UNTIDY + "providers:\n  a: { api:   openai,   key: sk-abcdefghijklmnop }\n")
    assert main(["fmt", "--diff", str(policy)]) == exits.POLICY
    out = capsys.readouterr().out
    assert "+name: small\n" in out
    assert "-name:   small\n" in out
    assert "sk-abc" not in out
    assert policy.read_text().startswith(UNTIDY)


def test_no_line_of_a_secret_shows_in_a_diff(policy, capsys):
    """A value that goes on over lines, or stands below its key, is hidden as a whole."""
    policy.write_text(
        UNTIDY
        + """\
providers:
  a: { key:   "canary one
       canary two" }
  b:
    key: >-
      canary three
  c:
    key:
       canary four
  d: { key:
     env:KEPT }
"""
    )
    assert main(["fmt", "--diff", str(policy)]) == exits.POLICY
    out = capsys.readouterr().out
    assert "canary" not in out
    assert all(line[:1] in ("-", "+", " ", "@") for line in out.splitlines())
    assert "+  c: { key: *********** }\n" in out


def test_stdin_goes_to_stdout(monkeypatch, capsys):
    """An editor pipes its buffer through."""
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(UNTIDY.encode())))
    assert main(["fmt", "-"]) == exits.OK
    assert capsys.readouterr().out == TIDY


def test_what_cannot_be_read_is_left_and_the_rest_is_done(policy, capsys):
    """A file that is no YAML is shown with its fault and stays; the others are formatted."""
    wrong = policy.parent / "wrong.yaml"
    wrong.write_text("models: { fast: \n")
    assert main(["fmt", str(policy.parent)]) == exits.POLICY
    assert wrong.read_text() == "models: { fast: \n"
    assert policy.read_text() == TIDY
    assert "wrong.yaml:" in capsys.readouterr().err


def test_a_folder_s_endpoints_are_formatted_too(policy):
    """Lists of endpoints are policy files; key sets are JSON and are left."""
    endpoints = policy.parent / "endpoints" / "orders.yaml"
    endpoints.parent.mkdir()
    endpoints.write_text("- zone:   b\n  address:  10.0.0.1:80\n")
    keys = policy.parent / "jwks.json"
    keys.write_text('{"keys":   []}')
    assert main(["fmt", str(policy.parent)]) == exits.OK
    assert endpoints.read_text() == '- { address: "10.0.0.1:80", zone: b }\n' or (
        endpoints.read_text() == "- { address: 10.0.0.1:80, zone: b }\n"
    )
    assert keys.read_text() == '{"keys":   []}'


def test_json_stays_json(tmp_path, capsys):
    """A policy that is JSON by its name would be none afterwards: it is left, and that is told."""
    path = tmp_path / "gateway.json"
    path.write_text('{"gatewright":   "v1"}')
    assert main(["fmt", str(path)]) == exits.POLICY
    assert path.read_text() == '{"gatewright":   "v1"}'
    assert "gateway.json is JSON" in capsys.readouterr().err


ENDPOINTS = "- zone:   b\n  address:  orders\n"


@pytest.mark.parametrize(
    ("folder", "before", "after"),
    [
        ("endpoints", ENDPOINTS, "- { address: orders, zone: b }\n"),
        ("elsewhere", ENDPOINTS, "- { address: orders, zone: b }\n"),
        ("endpoints", UNTIDY, TIDY),
    ],
)
def test_what_a_file_is_does_not_depend_on_its_folder(tmp_path, folder, before, after):
    """Editors format text of stdin, and a policy may lie in a folder of whatever name."""
    path = tmp_path / folder / "orders.yaml"
    path.parent.mkdir()
    path.write_text(before)
    assert main(["fmt", str(path)]) == exits.OK
    assert path.read_text() == after


def test_a_single_file_is_all_that_is_touched(policy):
    """What stands beside a named file stays."""
    other = policy.parent / "other.yaml"
    other.write_text("models:   {}\n")
    assert main(["fmt", str(policy)]) == exits.OK
    assert other.read_text() == "models:   {}\n"


def test_line_ends_become_lf_and_a_byte_order_mark_goes(policy):
    """The canonical file is UTF-8 without a mark, with LF."""
    policy.write_bytes(b"\xef\xbb\xbf" + UNTIDY.replace("\n", "\r\n").encode())
    assert main(["fmt", str(policy)]) == exits.OK
    assert policy.read_bytes() == TIDY.encode()


def test_nothing_there_is_3(tmp_path, capsys):
    """A path that is not there is the machine's fault."""
    assert main(["fmt", str(tmp_path / "nowhere")]) == exits.ENVIRONMENT
    assert "nowhere" in capsys.readouterr().err
