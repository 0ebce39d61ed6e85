"""How long `gatewright diff` takes, whole process: two folders of 1,000 routes and 200 tenants."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.policies import tenants_policy

ROUTES = 1_000
TENANTS = 200
RUNS = 5


def main() -> None:
    """Print the median of some runs, for a few changes and for a change of everything."""
    print(f"diff, whole process: {ROUTES} routes, {TENANTS} tenants (median of {RUNS})")
    with tempfile.TemporaryDirectory() as folder:
        base = _written(Path(folder) / "base", 0)
        for name, edit in (("the same", 0), ("a few changes", 1), ("every route and tenant", 2)):
            other = _written(Path(folder) / f"other{edit}", edit)
            for style in ("text", "markdown"):
                runs = sorted(_measured(base, other, style) for _ in range(RUNS))
                wall, cpu = runs[RUNS // 2]
                best = min(cpu for _, cpu in runs)
                print(f"  {name}, {style}: {wall:.2f} s, CPU {cpu:.2f} s (best {best:.2f})")


def _written(folder: Path, edit: int) -> Path:
    folder.mkdir()
    for name, text in tenants_policy(ROUTES, TENANTS, edit=edit).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _measured(before: Path, after: Path, style: str) -> tuple[float, float]:
    """Run it once; give seconds, and seconds of CPU."""
    command = [sys.executable, "-m", "cli", "diff", str(before), str(after), "--format", style]
    began, used = time.perf_counter(), _cpu()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    assert done.returncode in (0, 2), done.stderr
    return took, _cpu() - used


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
