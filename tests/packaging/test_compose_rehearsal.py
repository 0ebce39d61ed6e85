"""The compose file's commands, run without containers: they find each other and serve a chat."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.e2e.envoy_process import running
from tests.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@contextmanager
def told(arguments, environment):
    """Run a command with --json until the block ends; give the first line that it prints."""
    with subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments, "--json"],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.communicate(timeout=30)


def test_the_commands_of_compose_serve_the_quickstart(repository, tmp_path):
    """Only addresses are changed: services' names to loopback, fixed ports to free ones."""
    deploy = repository / "deploy"
    services = yaml.safe_load((deploy / "compose.yaml").read_text())["services"]
    policy = (deploy / "policy" / "gateway.yaml").read_text()

    simulate = [word.replace("@9000", "@0") for word in services["simulator"]["command"]]
    with told([*simulate, "--host=127.0.0.1", "--port=0"], {}) as simulator:
        policy = policy.replace("simulator:8090", f"127.0.0.1:{simulator['port']}")
        orders = urlsplit(simulator["urls"]["orders"]).netloc
        policy = policy.replace("simulator:9000", orders)
        policy = policy.replace(
            "address: 0.0.0.0, port: 8080", f"address: 127.0.0.1, port: {free_port()}"
        )
        (tmp_path / "gateway.yaml").write_text(policy)

        plane = services["control-plane"]
        at = plane["command"][2].removeprefix("--listen=")
        socket = f"unix:{tmp_path}/ads.sock"
        serve = ["serve", str(tmp_path), f"--state={tmp_path / 'state'}", f"--listen={socket}"]
        assert [word.partition("=")[0] for word in plane["command"][2:]] == ["--listen", "--state"]
        with told(serve, plane["environment"]) as listening:
            (line,) = services["bootstrap"]["command"]
            words = line.partition(">")[0].replace(at, listening["address"]).split()
            # Any admin port: 9901 may be taken here, and in a container it is not.
            written = subprocess.run(
                [sys.executable, "-m", "cli", *words[1:], "--admin", "127.0.0.1:0"],
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
            with running(yaml.safe_load(written)) as envoy:
                assert ask(envoy.url("local"), "openai=429") == "llama-3.3-70b"
                with urlopen(f"{envoy.url('local')}/orders/7", timeout=10) as answer:
                    assert json.load(answer)["path"] == "/orders/7"


def ask(url, fault):
    """The model that answers a chat while a provider fails."""
    asked = Request(
        f"{url}/v1/chat/completions",
        data=json.dumps(
            {"model": "fast", "messages": [{"role": "user", "content": "hi"}]}
        ).encode(),
        headers={"content-type": "application/json", "x-simulate": fault},
    )
    with urlopen(asked, timeout=20) as answer:
        return json.load(answer)["model"]
