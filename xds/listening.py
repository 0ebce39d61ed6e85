"""Where a gRPC server listens, and how a stream is let in there.

A Unix socket is for its owner alone, since secrets pass through it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import grpc

from xds.admission import Admission, TurnedAwayError
from xds.identity import Peer
from xds.observer import Observer
from xds.told import Told

_log = logging.getLogger("gatewright.xds")

MAX_AGE: Final = 3600.0
"""Seconds that a connection may last: then its client is asked to make another, which a balancer
may bring to another replica, and for which it shows its certificate anew."""

_AGE_GRACE: Final = 30.0


def options(max_age: float = MAX_AGE) -> tuple[tuple[str, int], ...]:
    """Give the gRPC server's options; ``max_age`` is in seconds, and 0 for no limit."""
    aging = (
        # gRPC itself takes up to a tenth more or less, so that connections end one by one.
        ("grpc.max_connection_age_ms", round(max_age * 1000)),
        ("grpc.max_connection_age_grace_ms", round(min(_AGE_GRACE, max_age) * 1000)),
    )
    return (
        # A delta client names all that it has in its first request: far more than the default 4 MiB
        ("grpc.max_receive_message_length", 64 << 20),
        ("grpc.max_send_message_length", -1),
        # Find clients that vanished without a word.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        # Envoy pings an idle stream to find out the same of us; by default gRPC calls that abuse.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 1_000),
        ("grpc.http2.max_ping_strikes", 0),
        # Two servers on one port would share the clients at random.
        ("grpc.so_reuseport", 0),
        *(aging if max_age else ()),
    )


def bind(server: grpc.aio.Server, listen: str, credentials: grpc.ServerCredentials | None) -> str:
    """Have a server listen on ``host:port`` (port 0: any free one) or ``unix:/path``.

    Returns the address that was bound; raises OSError where it cannot be had. Without credentials
    it is plaintext.
    """
    path = Path(listen.removeprefix("unix:")) if listen.startswith("unix:") else None
    if path is not None:
        _refuse_live_socket(path)
    try:
        if credentials is None:
            port = server.add_insecure_port(listen)
        else:
            port = server.add_secure_port(listen, credentials)
    except RuntimeError:
        port = 0
    if not port:
        raise OSError(f"cannot listen on {listen}: the address is in use or not ours")
    if path is None:
        return f"{listen.rpartition(':')[0]}:{port}"
    path.chmod(0o600)
    return listen


@asynccontextmanager
async def let_in(
    admission: Admission,
    context: grpc.aio.ServicerContext[Any, Any],
    peer: Peer,
    clock: Callable[[], float],
    observer: Observer,
    told: Told,
) -> AsyncIterator[None]:
    """Wait for a stream's turn, and count it while the block runs; or turn it away.

    The client is told when to come again (``grpc-retry-pushback-ms``, gRFC A6).
    """
    try:
        wait = admission.enter(peer.address, clock())
    except TurnedAwayError as error:
        if told.news((peer.address, str(error)), clock()):
            _log.warning("stream of %s turned away: %s", peer, error)
        observer.refused_stream("admission")
        await context.abort(
            grpc.StatusCode[error.code],
            str(error),
            trailing_metadata=(("grpc-retry-pushback-ms", str(round(error.retry * 1000))),),
        )
    try:
        if wait:
            await asyncio.sleep(wait)
        yield
    finally:
        admission.leave(peer.address)


@asynccontextmanager
async def contained(
    context: grpc.aio.ServicerContext[Any, Any],
    peer: Peer,
    clock: Callable[[], float],
    told: Told,
) -> AsyncIterator[None]:
    """End one stream alone where something of ours fails at it, and log that once, with its trace.

    gRPC would tell the client the error's text, which may hold what it must not know. Its client
    comes back for ever, and may fail at the same place each time.
    """
    try:
        yield
    except grpc.aio.AbortError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the other streams are served on
        where = traceback.extract_tb(error.__traceback__)[-1]
        if told.news((type(error), where.filename, where.lineno), clock()):
            _log.exception("a stream of %s is closed: the control plane failed at it, a bug", peer)
        await context.abort(grpc.StatusCode.INTERNAL, "the control plane failed at this stream")


def _refuse_live_socket(path: Path) -> None:
    """Raise OSError where somebody listens on a Unix socket: gRPC would take its place unasked.

    One that a killed process left behind is gRPC's to replace.
    """
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(ConnectionRefusedError):
        probe.connect(str(path))
        raise OSError(f"cannot listen on unix:{path}: the address is in use")
