"""Self-signed certificates for tests, made by the `openssl` command."""

from __future__ import annotations

import subprocess
from pathlib import Path


def self_signed(folder: Path, name: str) -> tuple[bytes, bytes]:
    """Make a certificate for ``name``; give chain and key as PEM."""
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", key, "-out", chain),
        ],
        check=True,
        capture_output=True,
    )
    return chain.read_bytes(), key.read_bytes()
