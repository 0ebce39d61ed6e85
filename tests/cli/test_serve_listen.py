"""The options of `serve` that say where it listens and who may connect."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from cli.listen import misplaced, without_secrets
from cli.main import main, parser
from compiler.pipeline import compile_path
from tests.e2e.authority import Authority, replace
from xds.identity import Trust


def serve(*options):
    return parser().parse_args(["serve", *options])


@pytest.mark.parametrize("at", ["127.0.0.1:0", "[::1]:0", "localhost:0", "unix:/run/ads.sock"])
def test_this_machine_needs_no_certificates(at):
    """Whoever can connect could read the files as well; a socket is its owner's alone."""
    assert misplaced(serve("--listen", at)) is None


@pytest.mark.parametrize("at", ["0.0.0.0:0", "[::]:0", "10.0.0.1:0", "control.internal:18000"])
def test_others_are_not_listened_to_in_the_clear_unless_it_is_said(at):
    """An error that says what to do."""
    assert "--tls-certificate" in misplaced(serve("--listen", at))
    assert misplaced(serve("--listen", at, "--insecure")) is None
    tls = ("--tls-certificate", "c", "--tls-key", "k")
    assert misplaced(serve("--listen", at, *tls)) is None


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--tls-key", "k"], "go together"),
        (["--tls-certificate", "c"], "go together"),
        (["--client-ca", "ca"], "needs --tls-certificate"),
        (["--listen", "0.0.0.0:0"], "--insecure"),
    ],
)
def test_options_that_do_not_fit_are_a_wrong_command_line(options, why, capsys, tmp_path):
    """Exit code 2, before anything is read."""
    assert main(["serve", str(tmp_path), *options]) == 2
    assert why in capsys.readouterr().err


def test_certificates_that_cannot_be_used_are_told_at_the_start(tmp_path, capsys):
    """With the file's name and exit code 3; nothing is served."""
    (tmp_path / "gateway.yaml").write_text("gatewright: v1\nname: x\n")
    authority = Authority()
    authority.write(tmp_path, "one", "127.0.0.1")
    authority.write(tmp_path, "two", "127.0.0.1")
    line = ["serve", str(tmp_path / "gateway.yaml"), "--listen", "127.0.0.1:0"]
    files = [f"--tls-certificate={tmp_path / 'one.pem'}", f"--tls-key={tmp_path / 'two.key'}"]
    assert main([*line, *files]) == 3
    told = capsys.readouterr().err
    assert "one.pem and" in told
    assert "key values mismatch" in told
    assert main([*line, files[0], f"--tls-key={tmp_path / 'none.key'}"]) == 3
    assert "none.key: No such file" in capsys.readouterr().err


POLICY = """\
gatewright: v1
name: edge
listeners: { public: { port: 8080 } }
providers: { one: { api: openai, key: env:KEY } }
models: { fast: { targets: [one/gpt-4o-mini] } }
routes: [{ match: /v1, serve: llm, auth: none }]
groups:
  named: { nodes: { region: "eu-*" }, identity: ["spiffe://corp/edge/eu/*"] }
  nameless: { nodes: {} }
"""


@pytest.mark.parametrize(
    ("trust", "expected"),
    [
        (Trust.MACHINE, []),
        (Trust.CERTIFICATE, ["group `nameless` names no `identity`"]),
        (Trust.NOBODY, ["group `named` is open to anybody", "group `nameless` is open to anybody"]),
    ],
)
def test_groups_that_get_no_secrets_are_told(tmp_path, trust, expected):
    """Else one would look for the missing listener in the wrong place."""
    path = tmp_path / "gateway.yaml"
    path.write_text(POLICY)
    told = sorted(without_secrets(compile_path(path).fleet, trust))
    assert [text[: len(start)] for text, start in zip(told, expected, strict=True)] == expected


def test_a_server_tells_which_groups_it_gives_no_secrets(tmp_path):
    """As an event, at each policy that is published."""
    path = tmp_path / "gateway.yaml"
    path.write_text(POLICY)
    authority = Authority()
    authority.write(tmp_path, "plane", "127.0.0.1")
    replace(tmp_path / "ca.pem", authority.pem)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "cli", "serve", str(path), "--json"),
            *("--listen=127.0.0.1:0", f"--client-ca={tmp_path / 'ca.pem'}"),
            *(f"--tls-certificate={tmp_path / 'plane.pem'}", f"--tls-key={tmp_path / 'plane.key'}"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "no-secrets":
                assert event["reason"].startswith("group `nameless` names no `identity`")
                break
        else:
            pytest.fail("it was not told")
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()
