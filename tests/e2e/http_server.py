"""Runs a server of other people's making until it says by HTTP that it is ready."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.e2e.envoy_process import until


@contextmanager
def http_server(
    command: Sequence[str | Path], ready: str, out: Path, *, deadline: float
) -> Iterator[None]:
    """Run a command in the folder of ``out``, where all that it says is kept, until the block ends.

    The block begins when a GET of the URL ``ready`` has answered 200, at most ``deadline`` seconds
    from now.
    """
    with out.open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=out.parent,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )

    def answers() -> bool:
        assert process.poll() is None, out.read_text(errors="replace")
        try:
            return httpx.get(ready, timeout=1).status_code == 200
        except httpx.TransportError:
            return False

    try:
        until(answers, f"{Path(command[0]).name} does not start", deadline=deadline)
        yield
    finally:
        process.kill()
        process.wait()
