"""A processor for tests: an edge's ext_proc that writes down each attempt, and does as it is told.

It serves on the socket of the edge's first worker. What it makes of requests and answers is a
test's to say: it shows how Envoy is configured, not what the real edge does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from xds.edge import attempt
from xds.edge.paths import worker_socket
from xds.schema import envoy

proc_v3 = envoy.service.ext_proc.v3
MODE = envoy.extensions.filters.http.ext_proc.v3.ProcessingMode


@dataclass(slots=True)
class Attempt:
    """One attempt as it was seen: its cluster, its Envoy route, and what passed."""

    upstream: str
    route: str = ""
    gate: bool = False
    tenant: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a request or an answer: headers that are set, and the whole body."""

    headers: dict[str, str]
    body: bytes
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Instead:
    """An answer in the provider's place."""

    status: int
    body: bytes


@dataclass(slots=True, eq=False)
class Processor:
    """What was seen so far, and what is done: functions of an attempt."""

    request: Callable[[Attempt], Change | Instead]
    answer: Callable[[Attempt], Change]
    gate: Callable[[Attempt], Change | None] = field(default=lambda _seen: None)
    """What a gate's stream is turned into once its first chunk has come; None lets it pass."""
    attempts: list[Attempt] = field(default_factory=list)

    def process(self, asked: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        metadata = dict(context.invocation_metadata())
        seen = Attempt(str(metadata[attempt.UPSTREAM]))
        self.attempts.append(seen)
        for raw in asked:
            message = proc_v3.ProcessingRequest.FromString(raw)
            self._first(seen, message)
            for answer in self._step(seen, message):
                yield answer.SerializeToString()
            if seen.gate and seen.answer:
                return

    def _first(self, seen: Attempt, message: Any) -> None:
        for attributes in message.attributes.values():
            if attempt.ROUTE_ATTRIBUTE in attributes.fields:
                seen.route = attributes.fields[attempt.ROUTE_ATTRIBUTE].string_value
        if message.HasField("protocol_config"):
            seen.gate = message.protocol_config.response_body_mode == MODE.STREAMED
        spaces = message.metadata_context.filter_metadata
        if "envoy.filters.http.ext_authz" in spaces:
            told = spaces["envoy.filters.http.ext_authz"]
            seen.tenant = told.fields["tenant"].string_value

    def _step(self, seen: Attempt, message: Any) -> Iterator[Any]:
        match message.WhichOneof("request"):
            case "request_headers":
                seen.headers = _headers(message.request_headers)
            case "request_body":
                seen.body += message.request_body.body
                if message.request_body.end_of_stream:
                    yield from self._sent(seen)
            case "response_headers":
                seen.answer_headers = _headers(message.response_headers)
            case "response_body" if seen.gate:
                seen.answer += message.response_body.body
                yield from _gate(self.gate(seen))
            case "response_body":
                seen.answer += message.response_body.body
                if message.response_body.end_of_stream:
                    change = self.answer(seen)
                    yield _changed("response_headers", change)
                    yield _body("response_body", change.body)

    def _sent(self, seen: Attempt) -> Iterator[Any]:
        change = self.request(seen)
        if isinstance(change, Instead):
            made = proc_v3.ProcessingResponse()
            made.immediate_response.status.code = change.status
            made.immediate_response.body = change.body
            made.immediate_response.details = attempt.REPLIED
            _set(made.immediate_response.headers, {"content-type": "application/json"})
            yield made
            return
        yield _changed("request_headers", change)
        yield _body("request_body", change.body)


def _gate(change: Change | None) -> Iterator[Any]:
    if change is None:
        made = proc_v3.ProcessingResponse()
        made.response_headers.SetInParent()
        yield made
        made = proc_v3.ProcessingResponse()
        made.response_body.SetInParent()
        yield made
        return
    yield _changed("response_headers", change)
    made = proc_v3.ProcessingResponse()
    made.response_body.response.body_mutation.body = change.body
    yield made


def _headers(message: Any) -> dict[str, str]:
    return {one.key: one.raw_value.decode() for one in message.headers.headers}


def _changed(phase: str, change: Change) -> Any:
    made = proc_v3.ProcessingResponse()
    mutation = getattr(made, phase).response.header_mutation
    _set(mutation, {**change.headers, "content-length": str(len(change.body))})
    if change.metadata is not None:
        made.dynamic_metadata.update({"gatewright.llm": change.metadata})
    return made


def _set(mutation: Any, headers: dict[str, str]) -> None:
    for name, value in headers.items():
        option = mutation.set_headers.add()
        option.header.key = name
        option.header.raw_value = value.encode()
        option.append_action = 2


def _body(phase: str, body: bytes) -> Any:
    made = proc_v3.ProcessingResponse()
    streamed = getattr(made, phase).response.body_mutation.streamed_response
    streamed.body = body
    streamed.end_of_stream = True
    return made


@contextmanager
def processor(
    folder: Path,
    request: Callable[[Attempt], Change | Instead],
    answer: Callable[[Attempt], Change],
) -> Iterator[Processor]:
    """Serve on the socket of the first worker in the folder until the block ends."""
    made = Processor(request, answer)
    handler = grpc.method_handlers_generic_handler(
        "envoy.service.ext_proc.v3.ExternalProcessor",
        {"Process": grpc.stream_stream_rpc_method_handler(made.process)},
    )
    # Envoy sends a body that it has as a whole in one message.
    most = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(16), handlers=[handler], options=most)
    assert server.add_insecure_port(f"unix:{folder / worker_socket(0)}")
    server.start()
    try:
        yield made
    finally:
        server.stop(None).wait(5)
