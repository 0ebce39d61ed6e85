"""What an edge was served last, on the disk: it starts by it while no control plane is there.

A file a resource, named by its content, and an index that is replaced at once. Secrets are not
among them.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import msgspec

from ext_authz.subscription.served import Served, UnusableError
from xds.durable import replace_file
from xds.edge.resources import KEYS, PROCESSING, REVOKED, RULES

_log = logging.getLogger("gatewright.edge")

_KEPT: Final = (KEYS, REVOKED, RULES, PROCESSING)
_INDEX: Final = "index.json"
_TRIES: Final = 3

Index = dict[str, dict[str, tuple[str, str]]]
"""By type URL and name: the version, and the file that the body is in."""


class LastGood:
    """A folder that one process writes, and any number read when they start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index: Index = {}

    def load(self) -> Served:
        """Give what was kept; nothing where there is none, or it is damaged (which is logged)."""
        for tries in range(1, _TRIES + 1):
            try:
                text = (self._folder / _INDEX).read_bytes()
            except FileNotFoundError:
                return Served()
            except OSError as error:
                _log.warning("what was served last cannot be read: %s", error.strerror)
                return Served()
            try:
                index = msgspec.json.decode(text, type=Index)
                served = self._all_of(index)
            except (OSError, UnusableError, msgspec.MsgspecError) as error:
                # A file may have gone with an index that was replaced meanwhile.
                if tries == _TRIES:
                    _log.warning("what was served last is not used: %s", error)
            else:
                self._index = index
                return served
        return Served()

    def _all_of(self, index: Index) -> Served:
        served = Served()
        for type_url in _KEPT:
            if type_url in index:
                changed = {
                    name: (version, self._read(file))
                    for name, (version, file) in index[type_url].items()
                }
                served = served.taking(type_url, changed, ())
        return served

    def save(
        self, type_url: str, changed: Mapping[str, tuple[str, bytes]], names: Collection[str]
    ) -> None:
        """Keep versions and bodies that changed; ``names`` are all that there are of the type.

        Raises OSError.
        """
        if type_url not in _KEPT:
            return
        known = dict(self._index.get(type_url, {}))
        for name, (version, body) in changed.items():
            known[name] = (version, self._write(body))
        known = {name: kept for name, kept in known.items() if name in names}
        index = {**self._index, type_url: known}
        replace_file(self._folder / _INDEX, (msgspec.json.encode(index),))
        before = {file for one in self._index.values() for _, file in one.values()}
        self._index = index
        for file in before - {file for one in index.values() for _, file in one.values()}:
            (self._folder / file).unlink(missing_ok=True)

    def _read(self, file: str) -> bytes:
        body = (self._folder / Path(file).name).read_bytes()
        if _named(body) != file:
            raise UnusableError(f"{file} is damaged")
        return body

    def _write(self, body: bytes) -> str:
        file = _named(body)
        if not (self._folder / file).exists():
            replace_file(self._folder / file, (body,))
        return file


def _named(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=20).hexdigest()
