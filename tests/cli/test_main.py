"""The command's entry point: exit codes, messages, and a start that imports nothing heavy."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from cli import __version__, exits
from cli.main import COMMANDS, main, parser

HEAVY = (
    "envoy_data_plane",
    "betterproto2",
    "grpc",
    "pydantic",
    "google.protobuf",
    "yaml",
    "jinja2",
    "pygls",
    "lsprotocol",
)


class Fake:
    """A command whose run does what the test says."""

    NAME = "fake"

    def __init__(self, run):
        self._run = run

    def add_parser(self, subparsers):
        subparsers.add_parser(self.NAME).add_argument("--number", type=int, default=0)

    def run(self, args: argparse.Namespace) -> int:
        return self._run(args)


def raising(error):
    def run(_args):
        raise error

    return Fake(run)


def test_returns_what_the_command_returns():
    """The exit code of the command is the exit code of the process."""
    assert main(["fake", "--number", "7"], [Fake(lambda args: args.number)]) == 7


def test_no_command_is_a_usage_error(capsys):
    """Without a command argparse says what there is, and leaves with 2."""
    with pytest.raises(SystemExit) as left:
        main([], [raising(AssertionError())])
    assert left.value.code == exits.USAGE
    assert "COMMAND" in capsys.readouterr().err


def test_help_lists_the_exit_codes(capsys):
    """Someone who scripts the command finds every exit code in --help."""
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    text = capsys.readouterr().out
    assert left.value.code == 0
    for code in (
        exits.OK,
        exits.POLICY,
        exits.USAGE,
        exits.ENVIRONMENT,
        exits.BUG,
        exits.INTERRUPTED,
        exits.BROKEN_PIPE,
    ):
        assert f"\n  {code:3}  " in text


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.NAME)
def test_each_command_tells_its_own_exit_codes(command, capsys):
    """Someone who reads one command's help need not look for another page."""
    with pytest.raises(SystemExit):
        main([command.NAME, "--help"])
    assert "\nexit codes: 0 " in capsys.readouterr().out


def test_version_is_the_distribution_s(capsys):
    """`--version` prints the one version the wheel carries too."""
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"gatewright {__version__}\n"


def test_cannot_run_is_one_line_and_a_hint(capsys):
    """What the environment refuses is told in a sentence, with what to do, and exit code 3."""
    error = exits.CannotRunError("port 8080 is in use", hint="stop what listens there")
    assert main(["fake"], [raising(error)]) == exits.ENVIRONMENT
    assert capsys.readouterr().err == (
        "gatewright: port 8080 is in use\n  = help: stop what listens there\n"
    )


def test_a_missing_file_is_the_environment_s_fault(capsys):
    """An OSError that no command caught names the file, without a traceback."""
    error = FileNotFoundError(2, "No such file or directory", "nowhere.yaml")
    assert main(["fake"], [raising(error)]) == exits.ENVIRONMENT
    assert capsys.readouterr().err.count("\n") == 1


def test_ctrl_c_is_130():
    """Ctrl-C ends with 128 + SIGINT and no traceback."""
    assert main(["fake"], [raising(KeyboardInterrupt())]) == exits.INTERRUPTED


def test_a_bug_asks_for_a_report_and_quotes_nothing(capsys, monkeypatch):
    """An unexpected exception shows its type, never its message, which could hold a secret."""
    monkeypatch.delenv("GATEWRIGHT_DEBUG", raising=False)
    assert main(["fake"], [raising(ValueError("sk-secret"))]) == exits.BUG
    err = capsys.readouterr().err
    assert "ValueError" in err
    assert "report" in err
    assert "sk-secret" not in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(capsys, monkeypatch):
    """GATEWRIGHT_DEBUG=1 shows where it happened."""
    monkeypatch.setenv("GATEWRIGHT_DEBUG", "1")
    assert main(["fake"], [raising(ValueError("here"))]) == exits.BUG
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_error():
    """`gatewright ... | head -1` ends quietly with 141, as other tools do."""
    script = (
        "import sys\n"
        "from cli.main import main\n"
        "class Endless:\n"
        "    NAME = 'endless'\n"
        "    def add_parser(self, subparsers): subparsers.add_parser('endless')\n"
        "    def run(self, args):\n"
        "        while True: print('x' * 1000)\n"
        "sys.exit(main(['endless'], [Endless()]))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(timeout=30) == exits.BROKEN_PIPE
    assert err == b""


def test_the_command_line_starts_light():
    """Building the whole parser imports none of the heavy packages: --help answers at once."""
    script = (
        "import sys; from cli.main import parser; parser();"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_line_to_the_plan_imports_nothing_of_what_stands_behind_it():
    """What asks the plan alone, as `explain` does, waits for nothing that makes resources."""
    behind = ("compiler.lower", "compiler.check", "compiler.fleet", "compiler.lints.lint")
    policy = "gatewright: v1\nname: edge\nlisteners: { public: { port: 8080 } }\n"
    script = (
        "import sys; from compiler.pipeline import compile_sources; "
        "from compiler.read import sources_of; "
        f"line = compile_sources(sources_of({{'a.yaml': {policy!r}}}), until='plan'); "
        f"print('plan' in line.outputs, [name for name in {behind!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True []\n"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.NAME)
def test_every_command_s_help_shows_an_example(command):
    """The help of a command teaches: it ends with at least one line that can be typed."""
    (subparsers,) = (
        action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    assert f"gatewright {command.NAME}" in (subparsers.choices[command.NAME].epilog or "")
