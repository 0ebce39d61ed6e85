"""What goes into one delta response: resources, encoded once for all, and names of what is gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from xds import frames
from xds.snapshot import Encoded
from xds.watch import CHUNK

_AROUND_RESOURCE: Final = 24
"""Tags and lengths around a resource and its name and version, at the most."""

_REMOVED_BYTES: Final = 500_000
"""Of names in one response: with a chunk's resources that stays below what gRPC carries."""

_ERROR_BYTES: Final = 100
"""What "not found" takes besides two times the name."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some resources: their versions by name, and their bytes in a DeltaDiscoveryResponse."""

    versions: Mapping[str, str]
    body: bytes = field(repr=False)


def chunks(resources: Iterable[Encoded]) -> Iterator[Chunk]:
    """Split into what fits into one message each; one empty chunk where there is nothing."""
    part: list[Encoded] = []
    size = 0
    for one in resources:
        # Many small ones: their names and versions may be more than they are.
        length = len(one.body) + len(one.name.encode()) + len(one.version) + _AROUND_RESOURCE
        if part and size + length > CHUNK:
            yield _chunk(part)
            part, size = [], 0
        part.append(one)
        size += length
    yield _chunk(part)


def portions(removed: Iterable[str]) -> Iterator[list[str]]:
    """Sort names that are no more and split them into lists for one message each; at least one."""
    portion: list[str] = []
    size = 0
    for name in sorted(removed):
        if size > _REMOVED_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(name)
        size += 3 * len(name.encode()) + _ERROR_BYTES
    yield portion


def _chunk(part: list[Encoded]) -> Chunk:
    return Chunk({one.name: one.version for one in part}, frames.delta_resources(part))


EMPTY: Final = _chunk([])
"""No resources."""
