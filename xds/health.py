"""``grpc.health.v1.Health``: whether a control plane has something to serve.

An Envoy with several control planes asks it which to go to; so do Kubernetes and load balancers.
Source: grpc/health/v1/health.proto. The two answers are written out: they are two bytes each.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import grpc

_SERVING: Final = b"\x08\x01"
_NOT_SERVING: Final = b"\x08\x02"
_PAUSE: Final = 1.0


def health_service(ready: Callable[[], bool]) -> grpc.GenericRpcHandler:
    """Make the service; every service of the server is as ready as the whole."""

    def now() -> bytes:
        return _SERVING if ready() else _NOT_SERVING

    async def check(_request: bytes, _context: Any) -> bytes:
        return now()

    async def watch(_request: bytes, _context: Any) -> AsyncIterator[bytes]:
        told = None
        while True:
            if (answer := now()) != told:
                told = answer
                yield answer
            await asyncio.sleep(_PAUSE)

    return grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health",
        {
            "Check": grpc.unary_unary_rpc_method_handler(check),
            "Watch": grpc.unary_stream_rpc_method_handler(watch),
        },
    )
