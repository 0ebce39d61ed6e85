"""What a client has of a type: versions by name, shared while it has exactly one set of resources.

A thousand clients that stand at the same place hold nothing of their own then, and the way to the
next place is found once for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from xds.chunk import Chunk, chunks
from xds.snapshot import NONE, Resources

# Each may hold a response of megabytes.
_DIFFERENCES: Final = 8


@dataclass(frozen=True, slots=True)
class Difference:
    """What one set of resources has that another has not, and the reverse.

    ``chunks`` fit into one message each; there is always one, which may be empty.
    """

    chunks: tuple[Chunk, ...]
    names: frozenset[str]
    gone: frozenset[str]


class Held:
    """The versions that one client has, by name."""

    __slots__ = ("_own", "exactly")

    def __init__(self) -> None:
        self.exactly: Resources | None = NONE
        """The set that the client has, neither more nor less; None where there is no such set."""
        self._own: dict[str, str] = {}

    def own(self) -> dict[str, str]:
        """Give the versions to be changed: from now on they are this client's alone."""
        if self.exactly is not None:
            self._own = _versions(self.exactly)
            self.exactly = None
        return self._own

    def replace(self, versions: dict[str, str]) -> None:
        """Take other versions in the place of these."""
        self._own = versions
        self.exactly = None

    def become(self, resources: Resources) -> None:
        """Note that the client has exactly these."""
        self._own = {}
        self.exactly = resources

    def versions(self) -> Mapping[str, str]:
        """Give the versions, to be read only."""
        return self._own if self.exactly is None else _versions(self.exactly)


def difference(old: Resources, new: Resources) -> Difference:
    """Compare two sets; free for whoever comes with the same two again."""
    if old is new or old.version == new.version:
        return _SAME
    return _difference(_ByVersion(old), _ByVersion(new))


class _ByVersion:
    """A set that is known by its version, so that it can be the key of a cache."""

    __slots__ = ("resources",)

    def __init__(self, resources: Resources) -> None:
        self.resources = resources

    def __hash__(self) -> int:
        return hash(self.resources.version)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByVersion) and other.resources.version == self.resources.version


@lru_cache(maxsize=_DIFFERENCES)
def _difference(old: _ByVersion, new: _ByVersion) -> Difference:
    had, has = old.resources.by_name, new.resources.by_name
    changed = [
        one
        for name, one in has.items()
        if (before := had.get(name)) is None or before.version != one.version
    ]
    return Difference(
        tuple(chunks(changed)),
        frozenset(one.name for one in changed),
        frozenset(had.keys() - has.keys()),
    )


def _versions(resources: Resources) -> dict[str, str]:
    return {name: one.version for name, one in resources.by_name.items()}


_SAME: Final = Difference(tuple(chunks([])), frozenset(), frozenset())
