"""From a revocation to the first refusal by the last of two real edges, several times over.

    python -m bench.revocation

Saved: the policy's file says so, and a control plane follows it. Ahead: as `keys revoke --now` has
the control plane do it. The key is good again between two rounds. The bar is a second.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from cli.operator_client import Operator
from tests.e2e.edges import Gateway, digest_of, gateway, key_of
from xds.bootstrap import address

BAR = 1.0
"""Seconds in which a revocation must be everywhere."""
_ROUNDS = 10
_DEADLINE = 30.0
_POLICY = f"""\
gatewright: v1
name: revoking
edge: {{ folder: edge, workers: 1 }}
tenants:
  acme: {{ keys: {{ ci: {digest_of("acme")} }} }}
routes:
  - {{ match: /, respond: 200, auth: keys }}
"""


def main() -> None:
    """Print the median and the worst of each way."""
    with (
        tempfile.TemporaryDirectory() as folder,
        gateway(Path(folder), _POLICY, serve_with=("--operator", "127.0.0.1:0")) as running,
    ):
        text = running.policy.read_text(encoding="utf-8")
        [operator] = [one["address"] for one in running.serve.events if one["event"] == "operator"]
        control = Operator(address(operator))

        def ahead() -> float:
            began = time.monotonic()
            control.post("/keys/revoke", {"id": "acme/ci"})
            return began

        ways: dict[str, tuple[Callable[[], float], Callable[[], object]]] = {
            "saved": (lambda: _save(running), lambda: running.policy.write_text(text)),
            "ahead of the file": (ahead, lambda: control.post("/keys/restore", {"id": "acme/ci"})),
        }
        _until(running, 200)
        print(f"revoked -> refused by two edges ({_ROUNDS} times, bar {1000 * BAR:.0f} ms)")
        for name, (revoke, again) in ways.items():
            _print(name, [_round(running, revoke, again) for _ in range(_ROUNDS)])


def _round(running: Gateway, revoke: Callable[[], float], again: Callable[[], object]) -> float:
    """Seconds of one round; ``revoke`` gives when it began, ``again`` makes the key good."""
    began = revoke()
    took = _until(running, 401) - began
    again()
    _until(running, 200)
    return took


def _save(running: Gateway) -> float:
    """Revoke in the file; the time at which it was written."""
    command = [sys.executable, "-m", "cli", "keys", "revoke", "acme/ci", str(running.policy)]
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - time.time() + running.policy.stat().st_mtime


def _until(running: Gateway, status: int) -> float:
    """Ask all edges until each has answered so; the time then."""
    headers = {"authorization": f"Bearer {key_of('acme')}"}
    end = time.monotonic() + _DEADLINE
    for url in running.urls():
        with httpx.Client(base_url=url, headers=headers, verify=False) as client:
            while client.get("/").status_code != status:
                assert time.monotonic() < end, f"{url} never answers {status}"
    return time.monotonic()


def _print(name: str, taken: list[float]) -> None:
    median, worst = 1000 * statistics.median(taken), 1000 * max(taken)
    print(f"  {name:18} p50 {median:4.0f} ms, worst {worst:4.0f} ms")


if __name__ == "__main__":
    main()
