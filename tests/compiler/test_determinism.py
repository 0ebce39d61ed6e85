"""The same policy gives the same bytes: in another process, folder and hash order, and shuffled."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.pipeline import compile_sources
from compiler.read import read, sources_of
from tests.conftest import REPOSITORY

EXAMPLES = sorted(path.parent for path in (REPOSITORY / "examples").glob("*/gateway.yaml"))

_PRINT_VERSIONS = """
import sys; from pathlib import Path
from compiler.pipeline import compile_path
for path in sys.argv[1:]: print(compile_path(Path(path)).snapshot.version)
"""


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_another_process_with_another_hash_seed_gives_the_same_bytes(seed, tmp_path):
    """Nothing depends on the order of a set, the folder one stands in, or the environment."""
    done = subprocess.run(
        [sys.executable, "-c", _PRINT_VERSIONS, *map(str, EXAMPLES)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    versions = [compile_sources(read(path)).snapshot.version for path in EXAMPLES]
    assert done.stdout.split() == versions


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same YAML data with the keys of every mapping in another order; lists stay."""
    if isinstance(value, dict):
        items = [(key, shuffled(one, chance)) for key, one in value.items()]
        chance.shuffle(items)
        return dict(items)
    return [shuffled(one, chance) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
@settings(max_examples=15)  # a whole compilation each, of which each shuffles all there is
@given(seed=st.integers())
def test_the_order_of_keys_does_not_matter(path, seed):
    """Mappings shuffled at every level compile to the same snapshot and the same plan."""
    chance = random.Random(seed)
    texts: dict[str, bytes | str] = {}
    for file in sorted(path.rglob("*.yaml")):
        data = yaml.load(file.read_text(), Loader=yaml.BaseLoader)
        texts[str(file.relative_to(path))] = _text(shuffled(data, chance))
    original = compile_sources(read(path))
    again = compile_sources(sources_of(texts))
    assert not again.diagnostics
    assert again.plan == original.plan
    assert again.snapshot == original.snapshot


class _Quoting(yaml.SafeDumper):
    """Quotes every string but those that are numbers or booleans of the language."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _scalar(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # BaseLoader reads every scalar as a string. What was quoted in the examples ("1.40", "yes")
    # has to be quoted again, numbers and booleans must not be.
    plain = text.isdigit() or text in {"true", "false"}
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Quoting.add_representer(str, _scalar)


def _text(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Quoting, sort_keys=False, width=1000)
    # The dumper protects a string that looks like a number with quotes of its own.
    return re.sub(r"'(\d+|true|false)'", r"\1", text)
