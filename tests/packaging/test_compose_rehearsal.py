"""The compose file's commands, run without containers: they find each other and serve a chat."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.e2e.envoy_process import EnvoyProcess, running, until
from tests.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

SOCKET = "unix:/run/gatewright/ads.sock"


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


@contextmanager
def beside(arguments):
    """Run an edge until the block ends."""
    with subprocess.Popen([sys.executable, "-m", "cli", *arguments]) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


@contextmanager
def composed(repository: Path, folder: Path) -> Iterator[EnvoyProcess]:
    """Run all services until the block ends, on the policy in the folder `policy`.

    Only addresses are changed: services' names to loopback, fixed ports to free ones, and the
    volumes to folders.
    """
    deploy = repository / "deploy"
    services: dict[str, Any] = yaml.safe_load((deploy / "compose.yaml").read_text())["services"]
    policy = (deploy / "policy" / "gateway.yaml").read_text()
    for name in ("policy", "run", "state"):
        (folder / name).mkdir()
    ads = f"unix:{folder}/run/ads.sock"

    def command(name: str) -> list[str]:
        words = services[name]["command"]
        return [str(word).replace(SOCKET, ads) for word in words]

    with ExitStack() as stack:
        simulate = [word.replace("@9000", "@0") for word in command("simulator")]
        simulator = stack.enter_context(told([*simulate, "--host=127.0.0.1", "--port=0"], {}))
        policy = policy.replace("simulator:8090", f"127.0.0.1:{simulator['port']}")
        orders = urlsplit(simulator["urls"]["orders"]).netloc
        policy = policy.replace("simulator:9000", orders)
        policy = policy.replace(
            "address: 0.0.0.0, port: 8080", f"address: 127.0.0.1, port: {free_port()}"
        )
        policy += f"edge: {{ folder: {folder}/run }}\n"
        (folder / "policy" / "gateway.yaml").write_text(policy)

        serve = command("control-plane")
        assert [word.partition("=")[0] for word in serve[2:]] == ["--listen", "--state"]
        serve = [serve[0], str(folder / "policy"), serve[2], f"--state={folder / 'state'}"]
        stack.enter_context(told(serve, services["control-plane"]["environment"]))
        places = [f"--folder={folder}/run", f"--state={folder}/edge"]
        stack.enter_context(beside([*command("edge"), *places]))
        (line,) = command("bootstrap")
        words = line.partition(">")[0].split()
        # Any admin port: 9901 may be taken here, and in a container it is not.
        written = subprocess.run(
            [sys.executable, "-m", "cli", *words[1:], "--admin", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        flush = command("envoy")[-2:]
        yield stack.enter_context(running(yaml.safe_load(written), arguments=flush))


def test_the_commands_of_compose_serve_the_quickstart(repository, tmp_path):
    """A chat falls back, and a service is reached; the edge is not asked."""
    with composed(repository, tmp_path) as envoy:
        assert ask(envoy.url("local"), "openai=429") == "llama-3.3-70b"
        with urlopen(f"{envoy.url('local')}/orders/7", timeout=10) as answer:
            assert json.load(answer)["path"] == "/orders/7"
        with urlopen(f"{envoy.url('local')}/v1/models", timeout=10) as answer:
            assert json.load(answer)["data"]
    assert not list((tmp_path / "run").glob("worker-*"))


def test_an_edit_of_the_quickstart_has_the_edge_ask_for_keys(repository, tmp_path):
    """As docs/running.md says: a tenant and a key, in the policy that is followed."""
    with composed(repository, tmp_path) as envoy:
        url, policy = envoy.url("local"), tmp_path / "policy" / "gateway.yaml"
        text = policy.read_text().replace("auth: none", "auth: keys")
        policy.write_text(f"{text}tenants: {{ acme: {{}} }}\n")
        key = cli("keys", "create", "acme/ci", str(policy.parent)).strip()

        def status(shown: str) -> int:
            asked = Request(f"{url}/v1/models", headers={"authorization": f"Bearer {shown}"})
            try:
                with urlopen(asked, timeout=10) as answer:
                    return answer.status
            except HTTPError as error:
                with error:
                    return error.code

        until(lambda: status("gw_none") == 401, "nobody is asked for a key", envoy)
        until(lambda: status(key) == 200, "the key is not known", envoy)
        assert ask(url, "openai=429", key) == "llama-3.3-70b"

        def is_told() -> bool:
            usage = ("usage", "--state", str(tmp_path / "edge"), "--rows", "--format", "json")
            rows = json.loads(cli(*usage, check=False) or "[]")  # there is no ledger at first
            return [row["tenant"] for row in rows if row["model"] == "fast"] == ["acme"]

        until(is_told, "the ledger has no row", envoy)


def cli(*arguments: str, check: bool = True) -> str:
    """What a command prints; nothing, where it is not checked and fails."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments], stdout=subprocess.PIPE, check=check, text=True
    ).stdout


def ask(url, fault, key=""):
    """The model that answers a chat while a provider fails."""
    asked = Request(
        f"{url}/v1/chat/completions",
        data=json.dumps(
            {"model": "fast", "messages": [{"role": "user", "content": "hi"}]}
        ).encode(),
        headers={"content-type": "application/json", "x-simulate": fault},
    )
    if key:
        asked.add_header("authorization", f"Bearer {key}")
    with urlopen(asked, timeout=20) as answer:
        return json.load(answer)["model"]
