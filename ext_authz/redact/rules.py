"""What a redaction says: which detectors, what becomes of what they find, and the caps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import Final

from ext_authz.redact.detector import Detector, Finder
from ext_authz.redact.errors import DetectorError

MASKED: Final = "****"
_SHOWN: Final = 4
_LONG_ENOUGH: Final = 12
"""Characters of the shortest value whose last four may show: they are a third of it."""


class Action(Enum):
    """What becomes of a value.

    PLACEHOLDER: `<EMAIL_1>`, the same for the same value, and restored in the answer. HASH: a
    keyed digest, the same in every request, not restored. MASK: stars and the last four
    characters. BLOCK: the request is refused.
    """

    PLACEHOLDER = "placeholder"
    HASH = "hash"
    MASK = "mask"
    BLOCK = "block"


@dataclasses.dataclass(frozen=True, slots=True)
class Caps:
    """The most that is read; beyond it nothing goes on.

    `body` and `string` are in bytes; `findings` counts values in one request, `nested` how deep
    JSON may stand in strings of JSON.
    """

    body: int = 32 << 20
    string: int = 8 << 20
    findings: int = 10_000
    nested: int = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """A redaction, as a policy states it.

    `actions` are those of detectors that differ from `action`. `hash_key` is the secret of HASH.
    `answers` is what becomes of values that the model itself says, None to let them pass: answers
    are then only restored. `restore` False leaves placeholders in answers.
    """

    detectors: tuple[Detector | Finder, ...]
    action: Action = Action.PLACEHOLDER
    actions: Mapping[str, Action] = dataclasses.field(default_factory=dict)
    hash_key: bytes = dataclasses.field(default=b"", repr=False)
    restore: bool = True
    answers: Action | None = None
    caps: Caps = Caps()

    def __post_init__(self) -> None:
        names = [detector.name for detector in self.detectors]
        if not names:
            raise DetectorError("a redaction needs a detector")
        if len(set(names)) != len(names):
            raise DetectorError("two detectors have the same name")
        if unknown := self.actions.keys() - set(names):
            raise DetectorError(
                f"{min(unknown)} has an action and is no detector of this redaction"
            )
        used = {self.action, self.answers, *self.actions.values()}
        if Action.HASH in used and len(self.hash_key) < 16:
            raise DetectorError("`hash` needs a key of at least 16 bytes")

    def action_of(self, name: str) -> Action:
        """Return what becomes of a detector's values in requests."""
        return self.actions.get(name, self.action)


def masked(value: str) -> str:
    """Hide a value but its last four characters, and a short one altogether."""
    return MASKED + value[-_SHOWN:] if len(value) >= _LONG_ENOUGH else MASKED
