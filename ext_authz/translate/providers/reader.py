"""What every reader of a provider's answer is, and the small checks that readers share."""

from __future__ import annotations

from typing import Any, Final, Protocol

from ext_authz.translate.errors import Failure
from ext_authz.translate.events import Ended, Event, Failed
from ext_authz.translate.framing.frame import Frame
from ext_authz.translate.wire import NotJsonError, decode_lenient


class Reader(Protocol):
    """Turns one answer into events: `whole` once, or `frame` for each frame and `end` once.

    A reader never raises: what cannot be read is a `Failed`, what is not known is passed over.
    """

    def whole(self, body: bytes) -> list[Event]:
        """Read an answer that came in one piece."""

    def frame(self, frame: Frame) -> list[Event]:
        """Read one frame of a stream."""

    def end(self) -> list[Event]:
        """Tell how the stream ended: nothing more, or that it was cut."""


_MOST: Final = 2**53
CUT: Final = Failure("cut", "The provider's answer broke off before its end")


def cut(*, ended: bool) -> list[Event]:
    """What the end of the bytes means: a stream without its terminal event is broken."""
    return [] if ended else [Failed(CUT)]


def broken(what: str) -> list[Event]:
    """The failure of an answer that is not what its API says."""
    return [Failed(Failure("server", f"The provider's answer cannot be read: {what}", 502))]


def read_object(data: bytes) -> dict[str, Any] | None:
    """Decode an object of an answer, or give None."""
    try:
        value = decode_lenient(data)
    except NotJsonError:
        return None
    return value if isinstance(value, dict) else None


def whole_numbers(fields: Any, *names: str) -> list[int]:
    """Counts of tokens by name; 0 for what is missing or no number."""
    if type(fields) is not dict:
        return [0] * len(names)
    found: list[int] = []
    for name in names:
        count = fields.get(name, 0)
        found.append(count if type(count) is int and 0 <= count < _MOST else _whole(count))
    return found


def _whole(count: Any) -> int:
    return int(count) if type(count) is float and 0 <= count < _MOST else 0


def said(value: Any) -> str:
    """A string, or "" in place of anything else."""
    return value if isinstance(value, str) else ""


ENDED: Final = Ended()
