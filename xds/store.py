"""What is served, on disk, so that a restart serves it at once and goes on with its rollouts.

One file: a line of JSON that names the groups and every resource of theirs with its version and
length, then the bodies one after the other, each once. It is replaced atomically. Secrets are left
out; only where they lie is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from xds.durable import replace_file
from xds.lane import Build, Kept
from xds.node_match import NodeMatch
from xds.order import SECRET
from xds.rollout import State
from xds.secrets import Location
from xds.snapshot import Encoded, Snapshot, assemble, collect, content_version
from xds.wave import Strategy

_FORMAT: Final = "gatewright-snapshot-2"
_FILE: Final = "last-good.snapshot"


@dataclass(frozen=True, slots=True)
class Stored:
    """What is kept: the groups in their order, how careful a rollout is, and of which revision."""

    groups: tuple[Kept, ...]
    strategy: Strategy | None = None
    revision: str = ""

    @property
    def key(self) -> object:
        """What two of them that hold the same have in common, without comparing all bodies."""
        versions = [
            (kept.state, one.name, one.nodes, one.identity, one.version, one.snapshot.version)
            for kept in self.groups
            for one in (kept.stable, kept.candidate)
            if one is not None
        ]
        return versions, self.strategy, self.revision


class DamagedError(Exception):
    """The file is not one of ours, is cut off, or was changed."""


class Store:
    """A folder that holds one such file; made with mode 0700 when it is not there."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / _FILE

    def save(self, stored: Stored) -> None:
        """Replace what is stored; raises OSError. Safe against a crash at any moment."""
        bodies: dict[str, bytes] = {}
        header = {
            "format": _FORMAT,
            "revision": stored.revision,
            "strategy": stored.strategy and asdict(stored.strategy),
            "groups": [_written(kept, bodies) for kept in stored.groups],
        }
        header["bodies"] = {version: len(body) for version, body in bodies.items()}
        line = json.dumps(header, ensure_ascii=False).encode() + b"\n"
        replace_file(self.path, (line, *bodies.values()))

    def load(self) -> Stored | None:
        """Return what is stored, or None where nothing is; raises DamagedError and OSError.

        Every body is hashed again and compared with its version.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        line, found, rest = data.partition(b"\n")
        try:
            header = json.loads(line)
            if not found or header["format"] != _FORMAT:
                raise DamagedError(f"{self.path} was not written by this version")
            bodies = _bodies(header["bodies"], rest)
            strategy = header["strategy"]
            return Stored(
                tuple(_read(group, bodies) for group in header["groups"]),
                strategy and Strategy(**{**strategy, "waves": tuple(strategy["waves"])}),
                str(header["revision"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(f"{self.path} is damaged: {type(error).__name__}") from None


def _written(kept: Kept, bodies: dict[str, bytes]) -> dict[str, Any]:
    stable = kept.stable
    nodes = {**asdict(stable.nodes), "metadata": dict(stable.nodes.metadata)}
    return {
        "name": stable.name,
        "nodes": nodes,
        "identity": stable.identity,
        "rollout": {**asdict(kept.state), "quarantined": dict(kept.state.quarantined)},
        "stable": _written_build(stable, bodies),
        "candidate": kept.candidate and _written_build(kept.candidate, bodies),
    }


def _written_build(build: Build, bodies: dict[str, bytes]) -> dict[str, Any]:
    kept = [
        (url, one)
        for url, resources in build.snapshot.types.items()
        if url != SECRET
        for one in resources.by_name.values()
    ]
    bodies.update((one.version, one.body) for _, one in kept)
    return {
        "published": build.version,
        "secrets": [[str(one.kind), list(one.sources), one.name] for one in build.secrets],
        "resources": [[url, one.name, one.version, *_written_ttl(one.ttl)] for url, one in kept],
    }


def _written_ttl(ttl: timedelta | None) -> list[int]:
    return [] if ttl is None else [ttl // timedelta(microseconds=1)]


def _read(group: dict[str, Any], bodies: Mapping[str, bytes]) -> Kept:
    nodes = group["nodes"]
    match = NodeMatch(**{**nodes, "metadata": tuple(sorted(nodes["metadata"].items()))})

    def build(written: dict[str, Any]) -> Build:
        return Build(
            str(group["name"]),
            match,
            _snapshot(written["resources"], bodies),
            tuple(Location(kind, tuple(at), name) for kind, at, name in written["secrets"]),
            tuple(group["identity"]),
            str(written["published"]),
        )

    candidate = group["candidate"]
    return Kept(build(group["stable"]), candidate and build(candidate), State(**group["rollout"]))


def _bodies(lengths: dict[str, int], data: bytes) -> dict[str, bytes]:
    bodies: dict[str, bytes] = {}
    position = 0
    for version, length in lengths.items():
        bodies[version] = data[position : position + length]
        position += length
    if position != len(data):
        raise ValueError("more or less than the header names")
    return bodies


def _snapshot(entries: list[list[Any]], bodies: Mapping[str, bytes]) -> Snapshot:
    types: dict[str, dict[str, Encoded]] = {}
    for url, name, version, *rest in entries:
        body = bodies[version]
        ttl = timedelta(microseconds=int(rest[0])) if rest else None
        if content_version(url, body, ttl) != version:
            raise ValueError(name)
        types.setdefault(url, {})[name] = Encoded(name, version, body, ttl)
    return assemble({url: collect(named) for url, named in types.items()})
