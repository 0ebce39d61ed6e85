"""The last good snapshot on disk, so that a restart serves at once what was served before.

One file: a line of JSON that names every resource with its version and length, then the bodies
one after the other. It is replaced atomically. Secrets are left out; only where they lie is kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from xds.order import SECRET
from xds.secrets import Location, Reference
from xds.snapshot import Encoded, Snapshot, assemble, collect, content_version

_FORMAT: Final = "gatewright-snapshot-1"
_FILE: Final = "last-good.snapshot"


@dataclass(frozen=True, slots=True)
class Stored:
    """What was on disk: a snapshot without secrets, where those lie, and the version published.

    ``revision`` is the state of the source it was made of: a commit, or empty.
    """

    snapshot: Snapshot
    secrets: tuple[Location, ...]
    published: str
    revision: str = ""


class DamagedError(Exception):
    """The file is not one of ours, is cut off, or was changed."""


class Store:
    """A folder that holds one snapshot; made with mode 0700 when it is not there."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / _FILE

    def save(
        self,
        snapshot: Snapshot,
        secrets: Iterable[Reference],
        published: str,
        revision: str = "",
    ) -> None:
        """Replace what is stored; raises OSError. Safe against a crash at any moment."""
        kept = [
            (url, one)
            for url, resources in snapshot.types.items()
            if url != SECRET
            for one in resources.by_name.values()
        ]
        header = {
            "format": _FORMAT,
            "published": published,
            "revision": revision,
            "secrets": [[str(one.kind), list(one.sources), one.name] for one in secrets],
            "resources": [[url, one.name, one.version, len(one.body)] for url, one in kept],
        }
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=f".{_FILE}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.dumps(header, ensure_ascii=False).encode() + b"\n")
                file.writelines(one.body for _, one in kept)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
        _sync_folder(folder)

    def load(self) -> Stored | None:
        """Return what is stored, or None where nothing is; raises DamagedError and OSError.

        Every body is hashed again and compared with its version.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        line, found, bodies = data.partition(b"\n")
        try:
            header = json.loads(line)
            if not found or header["format"] != _FORMAT:
                raise DamagedError(f"{self.path} was not written by this version")
            return Stored(
                _snapshot(header["resources"], bodies),
                tuple(Location(kind, tuple(at), name) for kind, at, name in header["secrets"]),
                str(header["published"]),
                # Not written by the first versions.
                str(header.get("revision", "")),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(f"{self.path} is damaged: {type(error).__name__}") from None


def _snapshot(entries: list[list[Any]], bodies: bytes) -> Snapshot:
    types: dict[str, dict[str, Encoded]] = {}
    position = 0
    for url, name, version, length in entries:
        body = bodies[position : position + length]
        position += length
        if content_version(url, body) != version:
            raise ValueError(name)
        types.setdefault(url, {})[name] = Encoded(name, version, body)
    if position != len(bodies):
        raise ValueError("more than the header names")
    return assemble({url: collect(named) for url, named in types.items()})


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
