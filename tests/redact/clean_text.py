"""Some 200 KB of text in which nothing is to be found: prose, code, logs, tables, numbers, ids.

The same on every machine. What looks like a value on purpose (a 16-digit id, a time with a zone, a
semantic version, a C++ name) is what detectors elsewhere trip over.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_NOUNS = (
    "report",
    "order",
    "invoice",
    "gateway",
    "reviewer",
    "team",
    "customer",
    "budget",
    "river",
    "kernel",
    "token",
    "email",
    "phone",
)
_VERBS = (
    "reads",
    "writes",
    "checks",
    "counts",
    "sends",
    "keeps",
    "compares",
    "delays",
    "forwards",
    "explains",
    "rotates",
)
_SIDES = (
    "quickly",
    "at",
    "night",
    "without",
    "a",
    "word",
    "before",
    "the",
    "release",
    "in",
    "parallel",
    "once",
    "more",
    "by",
    "hand",
)


def clean_texts() -> Iterator[tuple[str, str]]:
    """Give each kind of text by its name."""
    chance = random.Random(20)
    for name, line in _LINES.items():
        yield name, "\n".join(line(chance) for _ in range(260))
    for path in sorted(_ROOT.glob("docs/*.md"))[:6] + sorted(_ROOT.glob("xds/*.py"))[:8]:
        yield path.name, path.read_text()


def _prose(chance: random.Random) -> str:
    words = [chance.choice((*_NOUNS, *_VERBS, *_SIDES)) for _ in range(14)]
    return f"The {' '.join(words)}, {chance.randint(2, 90)} times in {chance.randint(1990, 2026)}."


def _log(chance: random.Random) -> str:
    stamp = (
        f"2024-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T{chance.randint(0, 23):02}:"
        f"{chance.randint(0, 59):02}:{chance.randint(0, 59):02}.{chance.randint(0, 999999):06}Z"
    )
    ident = uuid.UUID(int=chance.getrandbits(128), version=4)
    return (
        f"{stamp} INFO [{chance.randint(100, 99999)}] request {ident} took {chance.random():.6f} s"
    )


def _epoch(chance: random.Random) -> str:
    seconds = 1_600_000_000 + chance.randint(0, 10**8)
    return f'{{"ts": {seconds}, "ms": {seconds}{chance.randint(0, 999):03}, "ok": true}}'


def _table(chance: random.Random) -> str:
    cells = [f"{chance.uniform(-1e4, 1e4):.{chance.randint(0, 9)}f}" for _ in range(8)]
    return ",".join([str(chance.randint(1, 99999)), *cells])


def _digits(chance: random.Random) -> str:
    return f"id {chance.randint(10**5, 10**8)} of {chance.randint(10**15, 10**16 - 1)}"


def _hashes(chance: random.Random) -> str:
    return f"commit {chance.getrandbits(160):040x} tree {chance.getrandbits(256):064x}"


def _python(chance: random.Random) -> str:
    name = chance.choice(_NOUNS)
    start, end = chance.randint(0, 99), chance.randint(100, 999)
    called = f"{name}.get('{name}', 0x{chance.getrandbits(32):08X})"
    return f"    {name}_{start}[{start}:{end}] = {called}  # {chance.choice(_VERBS)} @property"


def _cpp(chance: random.Random) -> str:
    noun = chance.choice(_NOUNS)
    return f"std::map<std::string, abc::def::{noun}> {noun}{{a::b, face::c, {noun[0]}::d}};"


def _versions(chance: random.Random) -> str:
    major, minor, patch = (chance.randint(0, 40) for _ in range(3))
    version = f"{major}.{minor}.{patch}"
    return f"react@{version} v{version}.{major} ==> >={version},<{major + 1} 1.3.6.1.4.1.{patch}"


def _money(chance: random.Random) -> str:
    amount = f"EUR {chance.randint(1, 99)},{chance.randint(100, 999)}.{chance.randint(10, 99)}"
    pages = f"{chance.randint(1, 99)}-{chance.randint(100, 400)}"
    return f"{amount} ({chance.randint(1, 99)} %), ISBN 978-3-16-148410-0, pages {pages}"


def _css(chance: random.Random) -> str:
    margin = f"{chance.randint(0, 9)}px {chance.randint(10, 99)}px"
    color = f"{chance.getrandbits(24):06x}"
    return f".c{chance.randint(1, 999)} {{ color: #{color}; margin: {margin}; left: -10.5% }}"


_LINES: dict[str, Callable[[random.Random], str]] = {
    "prose": _prose,
    "log": _log,
    "epoch": _epoch,
    "table": _table,
    "digits": _digits,
    "hashes": _hashes,
    "python": _python,
    "cpp": _cpp,
    "versions": _versions,
    "money": _money,
    "css": _css,
}
