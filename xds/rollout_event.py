"""What happens to a change on its way to the nodes of a group, as data and in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from xds.placement import WHOLE


class Kind(StrEnum):
    """What happened to a change."""

    STARTED = "started"
    ADVANCED = "advanced"
    FINISHED = "finished"
    ROLLED_BACK = "rolled_back"
    WITHDRAWN = "withdrawn"
    IGNORED = "ignored"
    PAUSED = "paused"
    RESUMED = "resumed"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the change ``version`` in a wave; the canary is wave 0."""

    kind: Kind
    version: str
    wave: int = 0
    share: int = WHOLE
    reason: str = ""

    def __str__(self) -> str:
        """``3f9a… rolled back in its canary (5%): edge-1 refused listener public: …``."""
        because = f": {self.reason}" if self.reason else ""
        return f"{self.version[:12]} {_TOLD[self.kind].format(wave=self.where)}{because}"

    @property
    def where(self) -> str:
        """The wave, for people."""
        name = "canary" if self.wave == 0 else f"wave {self.wave + 1}"
        return f"{name} ({self.share / 100:g}%)"


_TOLD: Final = {
    Kind.STARTED: "begins at its {wave}",
    Kind.ADVANCED: "goes on to {wave}",
    Kind.FINISHED: "is what all nodes have",
    Kind.ROLLED_BACK: "rolled back in its {wave}",
    Kind.WITHDRAWN: "withdrawn in its {wave}",
    Kind.IGNORED: "is quarantined and not served",
    Kind.PAUSED: "paused in its {wave}",
    Kind.RESUMED: "resumed in its {wave}",
}
