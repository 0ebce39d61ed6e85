"""What operators revoked ahead of the policy, on disk: a restart must not give a key back.

JSON in a file of its own beside the last good snapshot, written before an operator is answered.
It holds ids and digests, and no keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from xds.durable import replace_file
from xds.edge.key_table import DIGEST
from xds.revocation import Revocation

_FORMAT: Final = "gatewright-revoked-1"
_FILE: Final = "revoked.json"


class DamagedRevocationsError(OSError):
    """The file is there and cannot be read: to go on would give revoked keys back."""


class RevokedFile:
    """The file in a folder of state."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / _FILE

    def save(self, revocations: Iterable[Revocation]) -> None:
        """Replace what is stored; raises OSError. Safe against a crash at any moment."""
        data = {
            _FORMAT: [
                {"id": one.id, "since": one.since, "sha256": sorted(d.hex() for d in one.digests)}
                for one in revocations
            ]
        }
        replace_file(self.path, (json.dumps(data, indent=2).encode(), b"\n"))

    def load(self) -> tuple[Revocation, ...]:
        """Give what is stored; raises OSError, DamagedRevocationsError for anything else."""
        try:
            data = json.loads(self.path.read_bytes())
            return tuple(map(_read, data[_FORMAT]))
        except FileNotFoundError:
            return ()
        except (ValueError, KeyError, TypeError):
            raise DamagedRevocationsError(
                f"{self.path} is damaged: it says which keys are revoked ahead of the policy; "
                "restore it, or revoke them in the policy and remove it"
            ) from None


def _read(one: dict[str, Any]) -> Revocation:
    return Revocation(str(one["id"]), float(one["since"]), frozenset(map(_digest, one["sha256"])))


def _digest(text: str) -> bytes:
    digest = bytes.fromhex(text)
    if len(digest) != DIGEST:
        raise ValueError(len(digest))
    return digest
