"""How many streams come in, and how fast: a token bucket and caps, so that a storm cannot bury us.

Pure: a clock is passed along. After a restart, or when another replica dies, a whole fleet connects
at once. A stream that comes too fast waits for its turn, which costs next to nothing; only where
the wait would be long is it turned away, and its client's own backoff spreads the rest.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """What is let in, and for how long. Rates are a second.

    ``patience`` is how many seconds a stream may wait for its turn, ``first_request`` how many it
    may be silent then, and ``unread`` how many it may leave a message lying before it is closed.

    ``streams`` counts those of the whole process, ``streams_of_a_peer`` those of one IP address
    (Envoys behind one NAT share it). ``requests`` are those of one stream: an Envoy answers each
    response and asks for what it has learnt of, so it can be busy for a while.
    """

    streams: int = 10_000
    streams_of_a_peer: int = 2_000
    new_streams: float = 500.0
    new_streams_at_once: int = 500
    patience: float = 5.0
    requests: float = 200.0
    requests_at_once: int = 2_000
    first_request: float = 15.0
    unread: float = 30.0


DEFAULT: Final = Limits()


class TurnedAwayError(Exception):
    """There is no room for a stream; the message goes to the client.

    ``code`` names a gRPC status. ``retry`` is after how many seconds to come again.
    """

    def __init__(self, code: str, text: str, retry: float) -> None:
        super().__init__(text)
        self.code = code
        self.retry = retry


class Bucket:
    """A token bucket that lends: whoever takes a token is told how long to wait until it is there.

    ``rate`` tokens a second flow in, ``size`` at most are in it. It starts full.
    """

    __slots__ = ("_at", "_rate", "_size", "_tokens")

    def __init__(self, rate: float, size: float) -> None:
        self._rate = rate
        self._size = size
        self._tokens = float(size)
        self._at: float | None = None

    def wait(self, now: float) -> float:
        """Tell how many seconds to wait if a token was taken now."""
        if self._at is not None:
            # A clock that stood still or went back brings nothing.
            flowed = max(0.0, now - self._at) * self._rate
            self._tokens = min(self._size, self._tokens + flowed)
        self._at = now
        return max(0.0, (1.0 - self._tokens) / self._rate)

    def take(self, now: float) -> float:
        """Take a token, and tell how many seconds to wait for it."""
        wait = self.wait(now)
        self._tokens -= 1.0
        return wait


class Admission:
    """The streams that are in. `enter` and `leave` come in pairs, but for those turned away."""

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self.limits = limits
        self._bucket = Bucket(limits.new_streams, limits.new_streams_at_once)
        self._of: Counter[str] = Counter()
        self._count = 0

    @property
    def streams(self) -> int:
        """How many are in, waiting ones among them."""
        return self._count

    def enter(self, address: str, now: float) -> float:
        """Let a stream in, and tell how many seconds it waits for its turn; or TurnedAwayError.

        Whoever is turned away takes no token: clients that hammer cannot keep others out.
        """
        limits = self.limits
        if self._count >= limits.streams:
            raise TurnedAwayError(
                "RESOURCE_EXHAUSTED", "this control plane serves as many streams as it may", 30.0
            )
        if address and self._of[address] >= limits.streams_of_a_peer:
            raise TurnedAwayError(
                "RESOURCE_EXHAUSTED", "this address has as many streams as it may", 30.0
            )
        wait = self._bucket.wait(now)
        if wait > limits.patience:
            raise TurnedAwayError("UNAVAILABLE", "too many streams come at once", wait)
        self._bucket.take(now)
        self._count += 1
        if address:
            self._of[address] += 1
        return wait

    def leave(self, address: str) -> None:
        """Note that a stream has ended."""
        self._count -= 1
        if address:
            self._of[address] -= 1
            if not self._of[address]:
                del self._of[address]

    def requests(self) -> Bucket:
        """Give the bucket of one stream's requests: whoever would have to wait is flooding."""
        return Bucket(self.limits.requests, self.limits.requests_at_once)
