"""Serves an edge over grpc.aio on one Unix socket: ext_authz, rate limits, ext_proc, health.

Messages stay bytes: those who answer read and write them themselves.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from ext_authz.counters.counters import CountersAwayError
from ext_authz.ratelimit import METHOD as RATE_LIMIT
from ext_authz.service.attempts import Attempts, Context
from ext_authz.service.desk import Desk, NotServedError
from xds.edge.attempt import METHOD as ATTEMPT
from xds.health import health_service

_log = logging.getLogger("gatewright.edge")

CHECK: Final = "/envoy.service.auth.v3.Authorization/Check"

_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),
    # A body that Envoy holds for its next attempt comes in one message; Envoy bounds it.
    ("grpc.max_receive_message_length", 256 << 20),
    ("grpc.max_concurrent_streams", 10_000),
    # Windows would grow with the largest body, for those too that are not read yet.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)


async def serve(desk: Desk, attempts: Attempts, socket: Path) -> grpc.aio.Server:
    """Serve on a socket for the owner of its folder alone; what lay in its place is replaced."""
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers(
        (
            _unary(CHECK, desk.check),
            _unary(RATE_LIMIT, desk.rate_limit),
            _streams(ATTEMPT, attempts.process),
            health_service(lambda: desk.ready),
        )
    )
    await asyncio.to_thread(socket.unlink, missing_ok=True)
    before = os.umask(0o077)
    try:
        server.add_insecure_port(f"unix:{socket}")
        await server.start()
    finally:
        os.umask(before)
    return server


def _unary(method: str, answer: Callable[[bytes], Awaitable[bytes]]) -> grpc.GenericRpcHandler:
    _, service, name = method.split("/")

    async def handle(request: bytes, context: Context) -> bytes:
        try:
            return await answer(request)
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "this is no request")
        except (CountersAwayError, NotServedError):
            await context.abort(grpc.StatusCode.UNAVAILABLE, "this cannot be answered now")
        except Exception as error:  # noqa: BLE001 - one request's fault is no other's
            # The message may quote what a client sent.
            _log.error("a question could not be answered (%s)", type(error).__name__)
            _log.debug("the fault", exc_info=True)
            await context.abort(grpc.StatusCode.INTERNAL, "a fault of the edge")
        raise AssertionError("an aborted call does not go on")

    handler: Any = grpc.unary_unary_rpc_method_handler(handle)
    return grpc.method_handlers_generic_handler(service, {name: handler})


def _streams(
    method: str, serve_one: Callable[[Any, Context], Awaitable[None]]
) -> grpc.GenericRpcHandler:
    _, service, name = method.split("/")

    async def handle(asked: Any, context: Context) -> None:
        try:
            await serve_one(asked, context)
        except Exception as error:  # noqa: BLE001 - as above
            _log.error("an attempt could not be processed (%s)", type(error).__name__)
            _log.debug("the fault", exc_info=True)
            await context.abort(grpc.StatusCode.INTERNAL, "a fault of the edge")

    handler: Any = grpc.stream_stream_rpc_method_handler(handle)
    return grpc.method_handlers_generic_handler(service, {name: handler})
