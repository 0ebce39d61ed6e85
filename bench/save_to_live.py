"""From a saved file to an Envoy that answers by it: the time of the whole way, many times over."""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.policies import rest_policy

SIZES = (100, 1_000)
EDITS = 15
DEADLINE = 30.0


def main() -> None:
    """Print p50 and worst of ``EDITS`` saves for each size."""
    print(f"file saved -> Envoy answers by it ({EDITS} edits)")
    for size in SIZES:
        took = sorted(_edits(size))
        print(
            f"  {size:>6} routes: p50 {1000 * statistics.median(took):.0f} ms, "
            f"worst {1000 * took[-1]:.0f} ms"
        )


def _edits(size: int) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder) / "gateway.yaml"
        policy.write_text(rest_policy(size, body="v0"), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "cli",
            "up",
            "--ports",
            "auto",
            "--json",
            "--admin-port",
            "0",
        ]
        with subprocess.Popen(
            [*command, str(policy)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as up:
            try:
                port = _port(up)
                _await_body(port, "v0")
                return [_edit(policy, size, port, n) for n in range(1, EDITS + 1)]
            finally:
                up.terminate()
                up.wait(20)


def _port(up: subprocess.Popen[str]) -> int:
    assert up.stdout is not None
    for line in up.stdout:
        event = json.loads(line)
        if event["event"] == "ready":
            port: int = event["listeners"]["public"]["port"]
            return port
    raise SystemExit("`gatewright up` ended before it was ready")


def _edit(policy: Path, size: int, port: int, n: int) -> float:
    text = rest_policy(size, body=f"v{n}")
    fresh = policy.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    began = time.perf_counter()
    fresh.replace(policy)
    _await_body(port, f"v{n}")
    return time.perf_counter() - began


def _await_body(port: int, wanted: str) -> None:
    deadline = time.monotonic() + DEADLINE
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    while time.monotonic() < deadline:
        try:
            connection.request("GET", "/probe")
            if connection.getresponse().read().decode() == wanted:
                return
        except (OSError, http.client.HTTPException):
            connection.close()
        time.sleep(0.005)
    raise SystemExit(f"no answer {wanted!r} within {DEADLINE} s")


if __name__ == "__main__":
    main()
