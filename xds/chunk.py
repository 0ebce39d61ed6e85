"""Resources that go into one delta response: encoded once, whoever they are sent to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from xds import frames
from xds.snapshot import Encoded
from xds.watch import CHUNK


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
        if part and size + len(one.body) > CHUNK:
            yield _chunk(part)
            part, size = [], 0
        part.append(one)
        size += len(one.body)
    yield _chunk(part)


def _chunk(part: list[Encoded]) -> Chunk:
    return Chunk({one.name: one.version for one in part}, frames.delta_resources(part))
