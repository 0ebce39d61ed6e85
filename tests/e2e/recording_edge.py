"""An edge for tests: writes down what Envoy asks, and answers what it is told to.

It serves ext_authz and the rate-limit protocol on the sockets of the edge's folder, as the real one
does, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from xds.edge.paths import worker_socket
from xds.schema import envoy

auth_v3 = envoy.service.auth.v3
limit_v3 = envoy.service.ratelimit.v3
CHECK = "/envoy.service.auth.v3.Authorization/Check"
SHOULD = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"


def ok(
    metadata: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    remove: tuple[str, ...] = (),
    answer: dict[str, str] | None = None,
) -> Any:
    """Let the request pass."""
    made = auth_v3.CheckResponse()
    made.status.code = 0
    if metadata:
        made.dynamic_metadata.update(metadata)
    allowed = made.ok_response
    for name, value in (headers or {}).items():
        allowed.headers.add().header.key = name
        allowed.headers[-1].header.value = value
    allowed.headers_to_remove.extend(remove)
    for name, value in (answer or {}).items():
        allowed.response_headers_to_add.add().header.key = name
        allowed.response_headers_to_add[-1].header.value = value
    return made


def denied(status: int, body: str, metadata: dict[str, Any] | None = None, **headers: str) -> Any:
    """Refuse it, with this answer."""
    made = auth_v3.CheckResponse()
    made.status.code = 7
    if metadata:
        made.dynamic_metadata.update(metadata)
    made.denied_response.status.code = status
    made.denied_response.body = body
    for name, value in headers.items():
        made.denied_response.headers.add().header.key = name.replace("_", "-")
        made.denied_response.headers[-1].header.value = value
    return made


@dataclass(slots=True, eq=False)
class Edge:
    """What was asked so far, and what is answered: a function of the question each."""

    folder: Path
    check: Callable[[Any], Any] = field(default=lambda _asked: ok())
    should: Callable[[Any], Any] = field(
        default=lambda _asked: limit_v3.RateLimitResponse(
            overall_code=limit_v3.RateLimitResponse.OK
        )
    )
    checks: list[Any] = field(default_factory=list)
    questions: list[Any] = field(default_factory=list)
    servers: dict[int, grpc.Server] = field(default_factory=dict)

    def about(self) -> list[dict[str, str]]:
        """What each check said of its route."""
        return [dict(one.attributes.context_extensions) for one in self.checks]

    def descriptors(self) -> list[list[dict[str, str]]]:
        """The descriptors of each question about limits."""
        return [
            [{entry.key: entry.value for entry in one.entries} for one in asked.descriptors]
            for asked in self.questions
        ]

    def _check(self, asked: bytes, _context: grpc.ServicerContext) -> bytes:
        request = auth_v3.CheckRequest.FromString(asked)
        self.checks.append(request)
        answer: bytes = self.check(request).SerializeToString()
        return answer

    def _should(self, asked: bytes, _context: grpc.ServicerContext) -> bytes:
        request = limit_v3.RateLimitRequest.FromString(asked)
        self.questions.append(request)
        answer: bytes = self.should(request).SerializeToString()
        return answer

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        found = {CHECK: self._check, SHOULD: self._should}.get(call.method)
        return None if found is None else grpc.unary_unary_rpc_method_handler(found)

    def start(self, number: int = 0, address: str = "") -> None:
        """Have a worker serve, on its socket or at a host and port."""
        own = type(
            "Handler", (grpc.GenericRpcHandler,), {"service": lambda _, call: self.service(call)}
        )
        server = grpc.server(ThreadPoolExecutor(8), handlers=[own()])
        assert server.add_insecure_port(address or f"unix:{self.folder / worker_socket(number)}")
        server.start()
        self.servers[number] = server

    def stop(self, number: int) -> None:
        """End a worker; its socket goes with it, and what it was asked is broken off."""
        self.servers.pop(number).stop(None).wait(5)


@contextmanager
def edge(folder: Path, workers: int = 1, address: str = "") -> Iterator[Edge]:
    """Serve on the workers' sockets in the folder, or at a host and port, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Edge(folder)
    for number in range(workers):
        made.start(number, address)
    try:
        yield made
    finally:
        for number in list(made.servers):
            made.stop(number)
