"""The ``edge``, ``counters`` and ``ledger`` sections: what decides, counts and writes down."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, Strict, WithJsonSchema

from policies.document import Document, Maybe
from policies.values import Duration, HostPort, is_host, refuse, shown
from xds.edge.limit import Away
from xds.edge.paths import worker_socket

MOST_WORKERS = 64
_SOCKET_PATH = 107  # of a Unix socket on Linux: sun_path, less its final zero
_LONGEST_FOLDER = _SOCKET_PATH - len("/" + worker_socket(MOST_WORKERS - 1))
_LONGEST_TIMEOUT = timedelta(seconds=10)
_SECRET = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:[^\x00-\x1f\x7f]+")
_REDIS = re.compile(r"rediss?://(\[[0-9A-Fa-f:.]+\]|[^/:@?#]+)(?::([0-9]{1,5}))?(?:/[0-9]{0,3})?")
_POSTGRES = re.compile(
    r"postgres(?:ql)?://(\[[0-9A-Fa-f:.]+\]|[^/:@?#]*)(?::([0-9]{1,5}))?/[A-Za-z0-9_-]+(?:\?\S*)?"
)
_DAYS = re.compile(r"([1-9][0-9]{0,4})d")


def _store(words: tuple[str, ...], url: re.Pattern[str], example: str) -> BeforeValidator:
    hint = f"write {', '.join(f'`{word}`' for word in words)}, `{example}`, or where the URL lies: "
    hint += "`env:NAME` or `file:PATH`"

    def check(value: Any) -> Any:
        if not isinstance(value, str):
            return value  # pydantic says that it is no string
        if value in words or _SECRET.fullmatch(value):
            return value
        if "@" in value or "password=" in value:
            refuse(
                "inline-secret",
                "a URL in a policy holds no user and no password",
                "write where the URL with its password lies: `env:NAME` or `file:PATH`",
            )
        found = url.fullmatch(value)
        if found is None:
            return refuse("bad-store", f"{shown(value)} is no store", hint)
        host, port = found[1].strip("[]"), found[2]
        if (host and not is_host(host)) or (port is not None and not 1 <= int(port) <= 65535):
            refuse("bad-store", f"{shown(value)} has no right host and port", hint)
        return value

    return BeforeValidator(check)


CounterStore = Annotated[
    str,
    _store(("embedded",), _REDIS, "redis://host:6379/0"),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(embedded|rediss?://[^@]+|env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$",
            "description": "`embedded`, the URL of a Redis or Valkey, or where that URL lies.",
            "examples": ["embedded", "redis://valkey.internal:6379/0", "env:REDIS_URL"],
        }
    ),
]
LedgerStore = Annotated[
    str,
    _store(("embedded", "none"), _POSTGRES, "postgresql://host/ledger"),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(embedded|none|postgres(ql)?://[^@]*|env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$",
            "description": "`embedded`, `none`, the URL of a PostgreSQL, or where that URL lies.",
            "examples": ["embedded", "postgresql://db.internal/ledger", "env:LEDGER_URL"],
        }
    ),
]


def parse_retention(value: Any) -> int:
    """Read how many days are kept; `none` is 0, and keeps everything.

    Raises:
        PydanticCustomError: ``bad-duration``.
    """
    hint = "write days: `400d`, or `none` to keep everything"
    if value == "none":
        return 0
    if not isinstance(value, str) or (found := _DAYS.fullmatch(value)) is None:
        return refuse("bad-duration", f"{shown(value)} is no number of days", hint)
    return int(found[1])


Retention = Annotated[
    int,
    BeforeValidator(parse_retention),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(none|[1-9][0-9]{0,4}d)$",
            "description": "A number of days, or `none` to keep everything.",
            "examples": ["400d", "none"],
        }
    ),
]


def _short_enough(timeout: timedelta) -> timedelta:
    if timeout > _LONGEST_TIMEOUT:
        refuse("out-of-range", "requests wait that long while counters are slow", "at most `10s`")
    return timeout


def _check_folder(folder: str) -> str:
    if len(folder.encode()) > _LONGEST_FOLDER:
        refuse(
            "bad-folder",
            f"paths of sockets are short, and this folder has {len(folder.encode())} bytes",
            f"use a folder of at most {_LONGEST_FOLDER} bytes",
        )
    return folder.rstrip("/") or "/"


class EdgeDocument(Document):
    """The services beside each Envoy that look keys up and count. Most policies need not say."""

    folder: Annotated[
        str, Field(min_length=1, pattern=r"^[^\x00-\x1f\x7f]+$"), AfterValidator(_check_folder)
    ] = "/run/gatewright"
    """The folder where they and the Envoy meet; a relative one starts at each one's working
    directory."""
    workers: Annotated[int, Field(ge=1, le=MOST_WORKERS)] = 2
    """How many processes decide."""
    ratelimit: Maybe[HostPort] = None
    """A rate-limit service of yours that counts the limits on requests where nothing else is asked
    of the edge; the edge does unless written."""


class CountersDocument(Document):
    """Where limits are counted."""

    store: CounterStore = "embedded"
    """`embedded`: by each edge for its own machine; or a Redis or Valkey that all edges share."""
    timeout: Annotated[Duration, AfterValidator(_short_enough)] = timedelta(milliseconds=100)
    """How long a request waits for it."""
    when_away: Annotated[Away, Strict(strict=False)] = Away.CLOSED
    """What limits do while it cannot be reached: `closed` answers 503, `open` lets pass."""


class LedgerDocument(Document):
    """Where each request is written down: who, what, and what it cost."""

    store: LedgerStore = "embedded"
    """`embedded`: each edge keeps its own; a PostgreSQL for all of them; or `none`."""
    retention: Maybe[Retention] = None
    """How long it is kept; for ever unless written."""
