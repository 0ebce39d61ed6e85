"""What careless operators do to accounts under load, on the real Envoy and its edge."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.e2e.edges import REPOSITORY, Beside, Gateway, digest_of, gateway, key_of
from tests.e2e.envoy_process import until
from tests.e2e.shared_counters import valkey
from tests.ports import free_port
from xds.edge.paths import worker_socket

POLICY = f"""\
gatewright: v1
name: careless
edge: {{ folder: edge, workers: 2 }}
counters: {{ store: embedded, timeout: 500ms }}
providers:
  openai: {{ api: openai, url: "{{simulator}}/openai/v1", key: env:PROVIDER_KEY }}
models:
  fast: {{ targets: [openai/gpt-4o-mini] }}
routes:
  - {{ name: said, match: /said, respond: {{ status: 200, body: inside }}, auth: keys }}
  - {{ name: llm, match: /v1, serve: llm, auth: keys }}
tenants:
  acme: {{ keys: {{ ci: {digest_of("acme")} }}, limits: [900k requests/hour] }}
  keyed: {{ keys: {{ ci: {{ sha256: {digest_of("keyed")}, limits: [900 requests/hour] }} }} }}
"""


def ask(client: httpx.Client, name: str) -> httpx.Response:
    return client.get("/said", headers={"authorization": f"Bearer {key_of(name)}"})


def edit(running: Gateway, old: str, new: str) -> None:
    """Change the policy's text, and wait until it is served."""
    text = running.policy.read_text()
    assert old in text
    running.policy.write_text(text.replace(old, new))
    running.serve.next("published")


@contextmanager
def load(url: str, name: str = "acme", threads: int = 3) -> Iterator[Counter[int]]:
    """Send requests one after the other in some threads; count the statuses."""
    found: Counter[int] = Counter()
    done = threading.Event()

    def send() -> None:
        with httpx.Client(base_url=url, timeout=20) as client:
            while not done.is_set():
                found[ask(client, name).status_code] += 1

    sending = [threading.Thread(target=send) for _ in range(threads)]
    for thread in sending:
        thread.start()
    try:
        yield found
    finally:
        done.set()
        for thread in sending:
            thread.join()


def serves(edge: Beside, workers: int) -> Callable[[], bool]:
    """Tell whether there are so many sockets, and no more processes than that and the ledger."""

    def look() -> bool:
        sockets = {file.name for file in (edge.folder / "edge").glob("worker-*.sock")}
        return sockets == {worker_socket(number) for number in range(workers)} and (
            len(edge.children()) == workers + 1
        )

    return look


@pytest.mark.slow
def test_the_number_of_workers_may_change_under_load(tmp_path):
    """2, 4, 1, and 1, 3, 1, 3 in a hurry: no wrong answer, and every socket is there at the end."""
    with gateway(tmp_path, POLICY, edges=1) as running, load(running.urls()[0]) as found:
        [edge] = running.edges
        now = 2
        for number in (4, 1, 3):
            edit(running, f"workers: {now} ", f"workers: {number} ")
            now = number
            until(serves(edge, number), f"there are not {number} workers: {edge.said}")
            before = found[200]
            until(lambda least=before + 20: found[200] > least, "nothing is answered any more")
        for number in (1, 3, 1, 3):
            edit(running, f"workers: {now} ", f"workers: {number} ")
            now = number
        until(serves(edge, 3), f"there are not 3 workers: {edge.said}")
        before = found[200]
        until(lambda: found[200] > before + 50, "nothing is answered any more")
    assert set(found) == {200}


@pytest.mark.slow
def test_limits_that_are_edited_keep_what_was_counted(tmp_path):
    """20 edits under load, of a tenant's and of a key's: the newest holds, nothing is forgotten."""
    with gateway(tmp_path, POLICY, edges=1) as running:
        url = running.urls()[0]
        with httpx.Client(base_url=url, timeout=20) as client, load(url) as found:
            for turn in range(20):
                edit(running, f"[{900 + turn}k requests", f"[{901 + turn}k requests")
                assert ask(client, "keyed").status_code == 200
            edit(running, "[900 requests/hour]", "[22 requests/hour]")

            def left() -> str:
                return ask(client, "keyed").headers["x-ratelimit-limit"]

            until(lambda: left() == "22", "the key's own limit is the old one")
            until(lambda: ask(client, "keyed").status_code == 429, "its count was forgotten")
            answer = ask(client, "acme")
            limit, left_of_it = (
                int(answer.headers[f"x-ratelimit-{name}"]) for name in ("limit", "remaining")
            )
    assert limit == 920_000
    assert set(found) == {200}
    assert limit - left_of_it >= found[200] * 0.9


@pytest.mark.slow
def test_the_store_of_counters_may_change_under_load(tmp_path):
    """From the file to a Valkey and back: no wrong answer."""
    port = free_port()
    with (
        valkey(port) as (server, url),
        gateway(tmp_path, POLICY, edges=1) as running,
        load(running.urls()[0]) as found,
    ):
        edit(running, "store: embedded", f'store: "{url}"')
        until(lambda: bool(server.client().keys("*:c:tenant/acme*")), "nothing is counted there")
        edit(running, f'store: "{url}"', "store: embedded")
        before = found[200]
        until(lambda: found[200] > before + 200, "nothing is answered any more")
    assert set(found) == {200}


@pytest.mark.slow
def test_a_second_edge_in_a_folder_is_refused_and_does_no_harm(tmp_path):
    """In the same folder, or with the same state; the first one goes on, and its sockets stay."""
    with gateway(tmp_path, POLICY, edges=1) as running:
        [edge] = running.edges
        with httpx.Client(base_url=running.urls()[0], timeout=20) as client:
            for folder, state in (("edge", "other"), ("other", "state")):
                arguments = [*edge.arguments[:-4], "--folder", folder, "--state", state]
                second = subprocess.run(
                    [sys.executable, "-m", "cli", "edge", *arguments],
                    cwd=edge.folder,
                    env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"},
                    capture_output=True,
                    text=True,
                    timeout=30,
                    check=False,
                )
                assert second.returncode == 3
                assert "another edge runs here" in second.stderr
                assert ask(client, "acme").status_code == 200
            edge.kill()
            edge.start()  # what was killed holds nothing
            until(lambda: ask(client, "acme").status_code == 200, edge.said)


@pytest.mark.slow
def test_stale_sockets_and_files_in_the_way_are_no_hindrance(tmp_path):
    """What a killed edge has left is replaced; a folder in a socket's place is told of."""
    with gateway(tmp_path, POLICY, edges=1) as running:
        [edge] = running.edges
        edge.kill()
        socket = edge.folder / "edge" / worker_socket(0)
        socket.unlink(missing_ok=True)
        socket.write_text("in the way")
        edge.start()
        with httpx.Client(base_url=running.urls()[0], timeout=20) as client:
            until(lambda: ask(client, "acme").status_code == 200, edge.said)
        until(socket.is_socket, "the file is still in the way")


def test_a_folder_that_is_none_is_told_at_once(tmp_path):
    """Exit code 3, and the folder's name."""
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "cli", "edge", "--ads", "127.0.0.1:1", "--node-id", "x"),
            *("--folder", "file", "--state", "state"),
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 3
    assert "file" in done.stderr
