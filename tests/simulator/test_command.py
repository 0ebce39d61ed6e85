"""A simulator as a process: `python -m simulator` and `gatewright simulate`."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest

from cli import simulate
from simulator.options import add_options, read_config

BODY = {"model": "m\x1b[31m", "messages": [{"role": "user", "content": "hello"}]}
SIMULATE = """
import sys, argparse
from cli import simulate
root = argparse.ArgumentParser()
simulate.add_parser(root.add_subparsers())
sys.exit(simulate.run(root.parse_args(sys.argv[1:])))
"""


@contextmanager
def process(repository, *command):
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def stop(child):
    """End it as a shell does; the exit code, and what else it has printed."""
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=20)
    assert err == ""
    return child.returncode, out


def test_a_process_says_where_it_listens_and_ends_on_a_signal(repository):
    """One line of JSON, then it serves; SIGTERM ends it with 0, streams that hang included."""
    options = ["--provider", "mine=openai@0", "--provider", "anthropic", "--fault", "mine=503,ok"]
    with process(repository, "-m", "simulator", "--port", "0", "--seed", "3", *options) as child:
        ready = json.loads(child.stdout.readline())
        assert set(ready["urls"]) == {"mine", "anthropic"}
        url = ready["urls"]["mine"] + "/chat/completions"
        key = {"authorization": "Bearer k"}
        assert [httpx.post(url, json=BODY, headers=key).status_code for _ in range(2)] == [503, 200]
        hanging = {**key, "x-simulate": "slow_first_token"}
        with httpx.stream("POST", url, json=BODY | {"stream": True}, headers=hanging):
            assert stop(child) == (0, "")


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_shows_each_request_in_a_line(repository, as_json):
    """Who answered what, and its tokens; no credential, and no client's escape sequences."""
    options = ["--port", "0", *(["--json"] if as_json else [])]
    with process(repository, "-c", SIMULATE, "simulate", *options) as child:
        if as_json:
            url = json.loads(child.stdout.readline())["urls"]["openai"]
        else:
            lines = [child.stdout.readline() for _ in range(5)]
            assert lines[0].startswith("simulating")
            assert lines[4].startswith("control: http://127.0.0.1:")
            url = lines[1].split()[1]
        headers = {"authorization": "Bearer sk-secret"}
        usage = httpx.post(url + "/chat/completions", json=BODY, headers=headers).json()["usage"]
        code, out = stop(child)
    assert code == 0
    assert "sk-secret" not in out
    assert "\x1b" not in out
    if as_json:
        line = json.loads(out)
        assert (line["provider"], line["status"], line["model"]) == ("openai", 200, BODY["model"])
        assert line["output_tokens"] == usage["completion_tokens"]
    else:
        tokens = f"{usage['prompt_tokens']}+{usage['completion_tokens']} tokens"
        assert out == f"openai POST /v1/chat/completions m?[31m 200 ok {tokens}\n"


def test_a_port_that_is_taken_is_said(repository, simulator):
    """One line that names it, no traceback."""
    with process(repository, "-m", "simulator", "--port", str(simulator.port)) as child:
        _, err = child.communicate(timeout=20)
    assert child.returncode == 1
    assert "in use" in err
    assert "Traceback" not in err


def options(*argv):
    parser = argparse.ArgumentParser()
    add_options(parser, default_port=1)
    return parser.parse_args(argv)


@pytest.mark.parametrize(
    "argv",
    [
        ("--provider", "x=gemeni"),
        ("--provider", "x=openai@y"),
        ("--provider", "a b=openai"),
        ("--provider", "x=openai", "--provider", "x=openai"),
        ("--fault", "nobody=429"),
        ("--fault", "openai=cutt"),
    ],
)
def test_wrong_options_are_explained(argv, capsys):
    """Exit code 2 and one sentence."""
    with pytest.raises(ValueError, match=r"."):
        read_config(options(*argv))
    root = argparse.ArgumentParser()
    simulate.add_parser(root.add_subparsers())
    assert simulate.run(root.parse_args(["simulate", *argv])) == 2
    assert capsys.readouterr().err.startswith("gatewright simulate: ")


def test_help_costs_nothing(repository):
    """The command is one of many: its parser must not load a server."""
    program = (
        "import sys; before = set(sys.modules); from cli import simulate; import argparse\n"
        "simulate.add_parser(argparse.ArgumentParser().add_subparsers())\n"
        "print(sorted({'asyncio', 'simulator.server', 'simulator.formats'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, check=True
    )
    assert found.stdout == "[]\n"
