"""How long invariants take, over 200 tenants, 50 models and 1,000 routes, in a whole process.

No two tenants may do the same, and no two routes serve the same models: nothing collapses but by
what an invariant asks. Twenty invariants hold, which takes longest: nothing is found early.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

TENANTS, MODELS, ROUTES = 200, 50, 1_000
SERVING = 12
"""Routes that serve models; Envoy's table for some dozens of them is too large for one resource."""
RUNS = 3

_HEAD = """\
gatewright: v1
name: bench
listeners: { public: { address: 127.0.0.1, port: 8080 } }
services: { orders: { endpoints: ["127.0.0.1:9000"] } }
providers:
  outside: { api: openai, key: env:KEY }
  inside: { api: openai, url: "http://127.0.0.1:9001/v1", trust: internal }
redactions: { personal: { detect: pii }, strict: { detect: [pii, network] } }
redact: personal
"""
HOLDING = """\
invariants:
  - { name: i1, forbid: { egress: external, redaction: none } }
  - { name: i2, where: { serves: models }, require: { auth: keys } }
  - { name: i3, where: { serves: services }, require: { auth: keys } }
  - { name: i4, forbid: { tags: confidential, egress: external } }
  - { name: i5, forbid: { own_limits: none } }
  - { name: i6, require: { limits: requests } }
  - { name: i7, forbid: { limits: cost, ledger: none } }
  - { name: i8, where: { egress: external }, require: { detectors: pii } }
  - { name: i9, where: { models: "tag:t6" }, forbid: { tenants: "tag:b1", auth: none } }
  - { name: i10, where: { tenants: "t1*" }, forbid: { models: "m4*", auth: none } }
  - { name: i11, forbid: { targets: "outside/m1*", tenants: t7, auth: none } }
  - { name: i12, where: { models: m3 }, forbid: { operations: images, tenants: t3, auth: jwt } }
  - { name: i13, where: [{ tenants: t1 }, { tenants: t2 }], forbid: { auth: none } }
  - { name: i14, require: { auth: keys }, except: [{ routes: "r9*" }, { routes: "r8*" }] }
  - { name: i15, where: { routes: "tag:a" }, forbid: { tags: confidential, egress: external } }
  - { name: i16, forbid: { auth: none } }
  - { name: i17, where: { tags: confidential }, require: { egress: internal } }
  - { name: i18, where: { listeners: public }, require: { transport: plaintext } }
  - { name: i19, where: { services: orders }, require: { own_limits: requests } }
  - { name: i20, where: { tenants: "tag:b2", egress: external }, require: { limits: tokens } }
"""
VIOLATED = "invariants:\n" + "".join(
    f"  - {{ name: v{n}, where: {{ tenants: t{n} }}, forbid: {{ egress: internal }} }}\n"
    for n in range(20)
)
_PROBE = """
import sys, time
from pathlib import Path
from cli.main import collect_rarely
from compiler.pipeline import compile_sources
from compiler.read import read
import compiler.invariants.check, compiler.lints.lint
collect_rarely()
stages, last = {}, time.perf_counter()
def observe(name, _output):
    global last
    now = time.perf_counter(); stages[name] = now - last; last = now
compiled = compile_sources(read(Path(sys.argv[1])), until="held", observe=observe)
told = sum(one.code == "invariant-violated" for one in compiled.diagnostics)
print(f"{1000 * stages['held']:.0f} {told}")
"""


def policy(invariants: str, serving: int = SERVING) -> str:
    """Write the policy; of its routes so many serve models."""
    random = Random(7)
    parts = [_HEAD, "models:\n"]
    for n in range(MODELS):
        inside = n % 10 == 0
        targets = f"inside/m{n}" if inside else f"outside/m{n}, inside/m{n}"
        tags = f"t{n % 7}{', confidential' if inside else ''}"
        parts.append(f"  m{n}: {{ targets: [{targets}], tags: [{tags}] }}\n")
    parts.append("routes:\n")
    for n in range(ROUTES):
        some = _some(random, "m", MODELS, 12)
        does = f"serve: llm, models: [{some}]" if n < serving else "service: orders"
        tags = "a" if n % 3 == 0 else "b"
        parts.append(f"  - {{ name: r{n}, match: /r{n}, {does}, auth: keys, tags: {tags} }}\n")
    parts.append("tenants:\n")
    parts += [
        f"  t{n}:\n    models: [{_some(random, 'm', MODELS, 20)}]\n"
        f"    routes: [{_some(random, 'r', ROUTES, 40)}, {', '.join(f'r{r}' for r in range(12))}]\n"
        f"    tags: [b{n % 5}]\n    limits: [{n + 1} requests/minute, {n + 1}M tokens/day]\n"
        f"    redact: {('personal', 'strict')[n % 2]}\n    keys: {{ k: a{n:063x} }}\n"
        for n in range(TENANTS)
    ]
    return "".join([*parts, invariants])


def _some(random: Random, letter: str, of: int, many: int) -> str:
    return ", ".join(f"{letter}{n}" for n in sorted(random.sample(range(of), many)))


def main() -> None:
    """Print the whole process with and without invariants, and the stage alone where it is hard."""
    print(f"invariants, {TENANTS} tenants x {MODELS} models x {ROUTES} routes (median of {RUNS})")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "gateway.yaml"
        for name, text in (("none", ""), ("20 that hold", HOLDING), ("20 violated", VIOLATED)):
            file.write_text(policy(text), encoding="utf-8")
            runs = sorted(_check(file, wrong=text == VIOLATED) for _ in range(RUNS))
            cpu, wall = runs[RUNS // 2]
            print(f"  gatewright check, {name:12}: {wall:.2f} s, {cpu:.2f} s of CPU, whole process")
        for serving in (SERVING, ROUTES):
            for name, text in (("hold", HOLDING), ("are violated", VIOLATED)):
                file.write_text(policy(text, serving), encoding="utf-8")
                took = sorted(_stage(file, 20 if text == VIOLATED else 0) for _ in range(RUNS))
                what = f"{serving} routes serve models, 20 {name}"
                print(f"  the stage alone, {what:44}: {took[RUNS // 2]} ms")


def _check(file: Path, *, wrong: bool) -> tuple[float, float]:
    """Give the CPU time and the time of one run, in seconds."""
    command = [sys.executable, "-m", "cli", "check", "--json", str(file)]
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used
    found = json.loads(done.stdout)["diagnostics"]
    errors = [one["code"] for one in found if one["severity"] == "error"]
    assert errors == ["invariant-violated"] * (20 if wrong else 0), errors[:5]
    return cpu, took


def _stage(file: Path, violated: int) -> int:
    command = [sys.executable, "-c", _PROBE, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    took, told = map(int, done.stdout.split())
    assert told == violated, f"{told} violated"
    return took


if __name__ == "__main__":
    main()
