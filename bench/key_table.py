"""What many keys cost an edge: memory, time to pack, to load, to look one up, to hear of a new one.

Each size in fresh processes: one packs, as the control plane does, another loads and looks up.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SIZES = (1_000, 100_000, 1_000_000)

_PACK = """
import pickle, sys, time
from hashlib import sha256
from xds.edge.key_table import shards
from xds.edge.rules import Key
def key(n):
    name = f"tenant-{n % 5000}/key-{n}"
    return sha256(str(n).encode()).digest(), Key(id=name, tenant=name.partition("/")[0])
keys = [key(n) for n in range(int(sys.argv[1]))]
began = time.perf_counter()
packed = shards(keys)
took = time.perf_counter() - began
more = shards([*keys, key(len(keys))])
moved = sum(len(body) for name, body in more.items() if packed.get(name) != body)
with open(sys.argv[2], "wb") as file:
    pickle.dump((took, moved, packed), file)
"""

_LOAD = """
import gc, json, pickle, sys, time
from hashlib import sha256
from xds.edge.key_table import KeyTable
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
def each(table, digests):
    times = []
    for digest in digests:
        began = time.perf_counter_ns(); table.lookup(digest)
        times.append(time.perf_counter_ns() - began)
    return sorted(times)[len(times) // 2] / 1000
KeyTable().lookup(b"")
before = resident()
with open(sys.argv[2], "rb") as file:
    took, moved, packed = pickle.load(file)
began = time.perf_counter()
table = KeyTable().with_shards(packed)
load = time.perf_counter() - began
after = resident()
name = next(iter(packed))
began = time.perf_counter()
table.with_shards({name: packed[name]})
one = time.perf_counter() - began
size = int(sys.argv[1])
some = [sha256(str(n).encode()).digest() for n in range(0, size, max(1, size // 4000))]
cold = each(table, some)
hot = each(table, some[-100:] * 40)
none = each(table, [sha256(b"x" + digest).digest() for digest in some])
print(json.dumps({
    "shards": len(packed), "largest": max(map(len, packed.values())),
    "bytes": sum(map(len, packed.values())) / size, "memory": after - before,
    "pack": took, "load": load, "one": one, "moved": moved, "cold": cold, "hot": hot, "none": none,
}))
"""


def main() -> None:
    """Print a row for each size."""
    print("table of keys (an id of some 20 characters, no limits of their own)")
    for size in SIZES:
        found = _measure(size)
        print(
            f"  {size:>9} keys: {found['shards']} shards of at most {found['largest'] >> 10} KiB, "
            f"{found['bytes']:.0f} bytes a key, {found['memory'] / (1 << 20):.0f} MiB in a worker\n"
            f"            pack {found['pack']:.2f} s, load {1000 * found['load']:.0f} ms; a key "
            f"more: {found['moved'] >> 10} KiB, {1000 * found['one']:.1f} ms\n"
            f"            lookup: {found['cold']:.1f} us the first time, {found['hot']:.2f} us "
            f"from memory, {found['none']:.1f} us of no key (medians)"
        )


def _measure(size: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "shards"
        _run(_PACK, size, packed)
        taken: dict[str, Any] = json.loads(_run(_LOAD, size, packed))
        return taken


def _run(probe: str, size: int, packed: Path) -> str:
    command = [sys.executable, "-c", probe, str(size), str(packed)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
