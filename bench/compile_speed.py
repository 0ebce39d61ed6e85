"""How long a cold compile takes, by stage, and its peak memory: each run a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.policies import rest_policy

SIZES = (100, 1_000, 10_000)
RUNS = 3

_PROBE = """
import time; began = time.perf_counter()
import json, resource, sys
from pathlib import Path
from cli.main import collect_rarely
from compiler.pipeline import compile_sources
import compiler.check, compiler.fleet, compiler.invariants.check, compiler.lints.lint
collect_rarely()
from compiler.read import read
stages, last = {}, time.perf_counter()
stages["import"] = last - began
def observe(name, _output):
    global last
    now = time.perf_counter(); stages[name] = now - last; last = now
sources = read(Path(sys.argv[1]))
observe("read", None)
compiled = compile_sources(sources, observe=observe)
assert compiled.ok, compiled.diagnostics[:3]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"stages": stages, "total": time.perf_counter() - began, "peak_mib": peak}))
"""


def main() -> None:
    """Print a row for each size: the median run's stages in ms, its total, and its peak memory."""
    print("compile, cold process (median of 3; ms by stage)")
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            policy = Path(folder) / f"{size}.yaml"
            policy.write_text(rest_policy(size), encoding="utf-8")
            runs = sorted((_measure(policy) for _ in range(RUNS)), key=lambda run: run["total"])
            run = runs[len(runs) // 2]
            stages = "  ".join(f"{name} {1000 * took:.0f}" for name, took in run["stages"].items())
            print(f"  {size:>6} routes: {run['total']:.2f} s, peak {run['peak_mib']:.0f} MiB")
            print(f"          {stages}")
        small = Path(folder) / "small.yaml"
        small.write_text(rest_policy(10), encoding="utf-8")
        walls = sorted(_check_wall(small) for _ in range(5))
        print(f"  `gatewright check` of 10 routes, whole process: {walls[2]:.2f} s")


def _measure(policy: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", _PROBE, str(policy)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _check_wall(policy: Path) -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "cli", "check", str(policy)], check=True, capture_output=True
    )
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
