"""How long `gatewright explain` takes, whole process: a request, and what made a resource."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.policies import rest_policy

RUNS = 5
_ASKED = ("POST /v1/chat/completions", "--model", "fast", "--key", "acme/ci")


def main() -> None:
    """Print the median and the least wall time of each."""
    examples = Path(__file__).parents[1] / "examples"
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.yaml"
        large.write_text(rest_policy(1_000), encoding="utf-8")
        print("explain, whole process (target: below 0.7 s)")
        _row("a request, examples/tenants", *_ASKED, str(examples / "tenants"))
        _row("a request, 1,000 routes", "/nowhere", str(large))
        _row(
            "a listener, examples/tenants", "resource", "listener/local", str(examples / "tenants")
        )
        _row(
            "a part of a cluster, examples/storefront",
            *("resource", "cluster/catalog", "health_checks", str(examples / "storefront")),
        )


def _row(what: str, *words: str) -> None:
    command = [sys.executable, "-m", "cli", "explain", *words]
    runs = [_took(command) for _ in range(RUNS)]
    walls, cpu = sorted(wall for wall, _ in runs), sorted(cpu for _, cpu in runs)
    middle = RUNS // 2
    print(f"  {what:42} median {walls[middle]:.2f} s, least {walls[0]:.2f} s", end="")
    print(f", of which CPU {cpu[middle]:.2f} s")


def _took(command: list[str]) -> tuple[float, float]:
    """Give the wall time and the CPU time of a process, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=False)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr.decode()
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    main()
