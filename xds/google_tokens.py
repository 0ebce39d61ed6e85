"""Access tokens of Google service accounts: asked for with the key, and renewed in time.

The control plane serves the token as a secret; neither Envoys nor edges ever have the private key.
The first token of a key is waited for; from then on `renew` asks, whenever `wait` says it is time,
and whoever reads secrets or publishes waits for nobody.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Final

from xds.google_grant import BadKeyError, NoTokenError, grant_token

RENEWED_AT: Final = 0.75
"""The part of its life at which a token is renewed."""
AHEAD: Final = 300.0
"""Seconds before its end at which it is renewed at the latest."""
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class Token:
    """A token, or empty without a good one; ``why`` says what was wrong at the last asking."""

    value: str = field(repr=False)
    why: str = ""


@dataclass(slots=True)
class _Held:
    """The token of one key: ``due`` is when it is to be asked for again."""

    key: bytes = field(repr=False)
    token: str = field(default="", repr=False)
    ends: float = 0.0
    due: float = inf
    wait: float = _FIRST_WAIT
    why: str = ""
    asked: bool = False


class GoogleTokens:
    """Keeps a token for each key that is asked for; ``grant`` asks for one and blocks.

    May be used by several threads: while one renews, the others are told what there is.
    ``clock`` is in seconds since 1970, ``jitter`` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        grant: Callable[[bytes], tuple[str, float]] | None = None,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._grant = grant or grant_token
        self._clock = clock
        self._jitter = jitter
        self._held: dict[bytes, _Held] = {}
        self._lock = threading.Lock()
        self.renewed = 0
        """How many tokens were given."""
        self.failed = 0
        """How many times none was."""

    def token(self, key: bytes) -> Token:
        """Give the token of a key file's content; it blocks for the first one of a key.

        While none is given anew, the old one serves as long as it is good, and ``why`` is told.
        """
        name = hashlib.sha256(key).digest()
        with self._lock:
            held = self._held.setdefault(name, _Held(key))
        if not held.asked:
            self._ask(held)
        with self._lock:
            if not held.token or self._clock() < held.ends:
                return Token(held.token, held.why)
            return Token("", f"{held.why or 'none is asked for'}; the last token has ended")

    def wait(self) -> float | None:
        """Tell in how many seconds a token is to be renewed; None without any."""
        with self._lock:
            due = min((held.due for held in self._held.values()), default=inf)
        return None if due == inf else max(due - self._clock(), 0.0)

    def renew(self) -> None:
        """Ask for the tokens that are due; it blocks."""
        with self._lock:
            now = self._clock()
            late = [held for held in self._held.values() if held.due <= now]
        for held in late:
            self._ask(held)

    def keep(self, keys: Iterable[bytes]) -> None:
        """Forget all other keys, and their tokens."""
        kept = {hashlib.sha256(key).digest() for key in keys}
        with self._lock:
            self._held = {name: held for name, held in self._held.items() if name in kept}

    def _ask(self, held: _Held) -> None:
        try:
            token, lasts = self._grant(held.key)
        except NoTokenError as error:
            with self._lock:
                self.failed += 1
                held.asked, held.why = True, str(error)
                # Not all replicas, and not all accounts, at the same moment.
                held.due = self._clock() + held.wait * (0.5 + self._jitter() / 2)
                if isinstance(error, BadKeyError):
                    held.due = inf
                held.wait = min(held.wait * 2, _LONGEST_WAIT)
            return
        with self._lock:
            self.renewed += 1
            now = self._clock()
            soon = lasts * RENEWED_AT
            if lasts > 2 * AHEAD:
                soon = min(soon, lasts - AHEAD)
            held.token, held.ends = token, now + lasts
            held.due = now + max(soon * (0.95 + self._jitter() / 20), _FIRST_WAIT)
            held.asked, held.why, held.wait = True, "", _FIRST_WAIT
