"""What came and what was billed: the simulator's memory, for tests and for looking at it.

Header values are kept exactly as they came over the wire, credentials included: this is the
recording upstream that shows whether a gateway leaks one. So nothing here is ever logged, and
reprs leave headers and bodies out.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from simulator.message import Chunk, Headers, Request, Usage

_MOST_MODELS = 10_000


@dataclass(slots=True)
class Recorded:
    """One request as it came, and what became of it. Times are of `time.monotonic`.

    `path` is below the provider's name. `outcome` is how the outcome was written (`ok`,
    `cut:3`), `unauthorized` when the credential was refused, `no_provider` when the path names
    none. `disconnected` says that the client left before the answer was whole; `billed` is what
    the provider bills for, which then are the tokens really sent.
    """

    number: int
    connection: int
    provider: str
    api: str
    method: str
    target: str
    path: str
    version: str
    headers: Headers = field(repr=False)
    headers_at: float
    body: bytes = field(default=b"", repr=False)
    body_at: float | None = None
    answered_at: float | None = None
    finished_at: float | None = None
    outcome: str = ""
    status: int = 0
    model: str = ""
    streamed: bool = False
    chunks_sent: int = 0
    disconnected: bool = False
    billed: Usage = field(default_factory=Usage)

    def header(self, name: str) -> str | None:
        """The first value of a header, or None."""
        return next(iter(self.header_values(name)), None)

    def header_values(self, name: str) -> list[str]:
        """All values of a header, in wire order."""
        wanted = name.lower().encode("latin-1")
        return [value.decode("latin-1") for key, value in self.headers if key.lower() == wanted]

    def json(self) -> Any:
        """The body as JSON; raises ValueError when it is none."""
        return json.loads(self.body)

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON data: headers as pairs, a body that is no UTF-8 in base64."""
        found: dict[str, Any] = {
            name: getattr(self, name)
            for name in self.__slots__
            if name not in ("headers", "body", "billed")
        }
        found["headers"] = [
            [name.decode("latin-1"), value.decode("latin-1")] for name, value in self.headers
        ]
        try:
            found["body"] = self.body.decode()
        except UnicodeDecodeError:
            found["body_base64"] = base64.b64encode(self.body).decode()
        found["billed"] = asdict(self.billed)
        return found


@dataclass(slots=True)
class Bill:
    """What one provider billed for one model."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


class Recorder:
    """Keeps the last requests and the sums of what was billed; safe to read from other threads.

    At most `most` requests, and of their bodies at most `most_bytes`, are kept: the oldest go
    first. `on_finish` is called with each request once it is over.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self.on_finish: Callable[[Recorded], None] | None = None
        self._most, self._most_bytes = most, most_bytes
        self._kept: deque[Recorded] = deque()
        self._bytes = 0
        self._count = 0
        self._open = 0
        self._bills: dict[tuple[str, str], Bill] = {}
        self._lock = threading.Lock()

    def open(self, head: Request, provider: str, api: str, path: str, connection: int) -> Recorded:
        """Begin the record of a request whose head has come."""
        with self._lock:
            self._count += 1
            self._open += 1
            record = Recorded(
                number=self._count,
                connection=connection,
                provider=provider,
                api=api,
                method=head.method,
                target=head.target,
                path=path,
                version=head.version,
                headers=head.headers,
                headers_at=time.monotonic(),
            )
            if self._most:
                self._kept.append(record)
                if len(self._kept) > self._most:
                    self._forget_oldest()
        return record

    def received(self, record: Recorded, body: bytes) -> None:
        """The body is here."""
        with self._lock:
            record.body, record.body_at = body, time.monotonic()
            if self._kept and record.number >= self._kept[0].number:
                self._bytes += len(body)
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                self._forget_oldest()

    def _forget_oldest(self) -> None:
        self._bytes -= len(self._kept.popleft().body)

    def answered(self, record: Recorded, status: int) -> None:
        """The answer's head is on its way."""
        record.status, record.answered_at = status, time.monotonic()

    def sent(self, record: Recorded, chunks: list[Chunk] | tuple[Chunk, ...], usage: Usage) -> None:
        """Chunks of the answer were sent: the prompt is billed, and what they carry."""
        record.chunks_sent += len(chunks)
        output = record.billed.output_tokens + sum(chunk.tokens for chunk in chunks)
        record.billed = Usage(
            usage.input_tokens,
            output,
            usage.cached_tokens,
            usage.cache_write_tokens,
            min(usage.reasoning_tokens, output),
        )

    def finish(self, record: Recorded, *, disconnected: bool) -> None:
        """The request is over; a second time says nothing."""
        if record.finished_at is not None:
            return
        with self._lock:
            record.disconnected = disconnected
            self._open -= 1
            bill = record.billed
            if bill.input_tokens or bill.output_tokens:
                self._add(record, bill)
            record.finished_at = time.monotonic()
        if self.on_finish is not None:
            self.on_finish(record)

    def _add(self, record: Recorded, usage: Usage) -> None:
        key = (record.provider, record.model)
        if key not in self._bills and len(self._bills) >= _MOST_MODELS:
            key = (record.provider, "")
        bill = self._bills.setdefault(key, Bill())
        bill.requests += 1
        bill.input_tokens += usage.input_tokens
        bill.output_tokens += usage.output_tokens
        bill.cached_tokens += usage.cached_tokens
        bill.cache_write_tokens += usage.cache_write_tokens
        bill.reasoning_tokens += usage.reasoning_tokens

    @property
    def open_requests(self) -> int:
        """How many requests have come and are not over."""
        return self._open

    @property
    def count(self) -> int:
        """How many requests have come, forgotten ones too."""
        return self._count

    def requests(self) -> list[Recorded]:
        """The kept requests, oldest first; one that is not over has no `finished_at`."""
        with self._lock:
            return list(self._kept)

    def usage(self) -> dict[str, dict[str, Bill]]:
        """What was billed so far, by provider and model."""
        found: dict[str, dict[str, Bill]] = {}
        with self._lock:
            for (provider, model), bill in self._bills.items():
                found.setdefault(provider, {})[model] = Bill(**asdict(bill))
        return found

    def forget_requests(self) -> None:
        """Forget the kept requests; the sums stay."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def forget_usage(self) -> None:
        """Begin the sums again."""
        with self._lock:
            self._bills.clear()
