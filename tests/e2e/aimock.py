"""Runs `@copilotkit/aimock` (npm): providers simulated by people who do not know this gateway.

One port serves them all: `/v1/chat/completions`, `/v1/responses`, `/v1/messages`,
`/v1beta/models/...`, `/v1/projects/...` (Vertex), `/model/.../converse` (Bedrock, with AWS'
event streams), `/openai/deployments/...` (Azure), `/v2/chat` (Cohere). What they say is written in
fixtures, `{"match": {...}, "response": {...}}`, of which the first that matches is given.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.envoy_versions import CACHE
from tests.e2e.http_server import http_server
from tests.ports import free_port

PACKAGE = Path(__file__).parent.parent / "peers" / "aimock" / "package.json"
DEADLINE = 30.0


@dataclass(frozen=True, slots=True)
class Aimock:
    """A running aimock. `journal` is what it was asked, oldest first."""

    url: str

    def journal(self) -> list[dict[str, Any]]:
        """Give its entries: `method`, `path`, `headers` and `body`.

        The body is as aimock understood it: a chat completion's, whichever API it came by.
        """
        answer = httpx.get(f"{self.url}/__aimock/journal", timeout=DEADLINE)
        answer.raise_for_status()
        entries: list[dict[str, Any]] = answer.json()
        return entries


def installed() -> Path:
    """The script of aimock, installed into the cache if need be; skips where that cannot be had."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("npm is not installed")
    folder = CACHE / "aimock"
    script = folder / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
    written = folder / "package.json"
    if script.exists() and written.read_text() == PACKAGE.read_text():
        return script
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(PACKAGE, written)
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
    )
    if done.returncode != 0 or not script.exists():
        pytest.skip(f"aimock cannot be had: {done.stderr.strip()[-300:]}")
    return script


@contextmanager
def aimock(
    folder: Path, fixtures: Sequence[Mapping[str, Any]], *arguments: str
) -> Iterator[Aimock]:
    """Run aimock with fixtures until the block ends; its own errors are kept in ``folder``."""
    script = installed()
    written = folder / "aimock.json"
    written.write_text(json.dumps({"fixtures": list(fixtures)}))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [
        *("node", script, "--port", str(port), "--fixtures", written),
        *("--validate-on-load", "--strict", "--log-level", "warn", *arguments),
    ]
    with http_server(command, f"{url}/ready", folder / "aimock.out", deadline=DEADLINE):
        yield Aimock(url)
