"""Drives one stream of ext_proc by hand: writes messages as Envoy does, and reads the answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ext_authz.process.attempt import Attempt
from ext_authz.process.processor import Processor, processor
from ext_authz.translate.clients.writer import Moment
from tests.translate.drive import MODELS
from xds.edge.pairs import ClientApi, Provider
from xds.edge.processing import Operation, Processing, Redaction, Upstream
from xds.schema import envoy

proc_v3 = envoy.service.ext_proc.v3
MOMENT = Moment(1_700_000_000.0, "tok")
WHOLE, GATE = 4, 1
JSON = {"content-type": "application/json"}
SSE = {"content-type": "text/event-stream"}
ON = (
    "rate_limited",
    "overloaded",
    "timeout",
    "connect_failure",
    "server_error",
    "context_exceeded",
    "content_filter",
)


def upstream(provider: str = "openai", **more: Any) -> Upstream:
    model = more.pop("model", MODELS.get(provider, "gpt-4o-mini"))
    return Upstream(
        name=provider,
        provider=Provider(provider),
        model=model,
        authority=f"{provider.replace('_', '-')}.test",
        project="proj",
        location="us-east5",
        **more,
    )


def operation(client: str = "chat", **more: Any) -> Operation:
    return Operation(client=ClientApi(client), route="llm", model="fast", **{"on": ON, **more})


def prepared(
    client: str = "chat",
    provider: str = "openai",
    *,
    redactions: Mapping[str, Redaction] | None = None,
    secrets: Mapping[str, str] | None = None,
    about: Mapping[str, Any] | None = None,
    at: Mapping[str, Any] | None = None,
    **more: Any,
) -> Processor:
    """A processor with one cluster `up` and one Envoy route `route`."""
    made = Processing(
        upstreams={"up": upstream(provider, **(at or {}))},
        operations={"route": operation(client, **(about or {}))},
        redactions=dict(redactions or {}),
        **more,
    )
    return processor(made, (secrets or {}).get)


@dataclass(slots=True)
class Told:
    """What Envoy was told of one side: headers that are set and removed, and the body."""

    headers: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    body: bytes = b""
    heads: int = 0
    ended: bool = False
    trailers: bool = False


@dataclass(slots=True)
class Stream:
    """One attempt; ``replied`` is an answer in the provider's place."""

    processor: Processor
    tenant: str = ""
    mode: int = WHOLE
    cluster: str = "up"
    route: str = "route"
    request: Told = field(default_factory=Told)
    answer: Told = field(default_factory=Told)
    replied: Any = None
    metadata: dict[str, Any] = field(default_factory=dict)
    passed: int = 0
    """Chunks that a gate let go on as they came."""
    attempt: Attempt = field(init=False)
    _first: bool = True

    def __post_init__(self) -> None:
        self.attempt = Attempt(self.cluster, MOMENT)

    def head(self, headers: Mapping[str, str] = JSON, *, end: bool = False) -> Stream:
        told = {":path": "/v1/x", ":method": "POST", **headers}
        return self._say(_headers("request_headers", told, end=end))

    def body(self, *pieces: bytes, end: bool = True) -> Stream:
        return self._bodies("request_body", pieces, end=end)

    def ask(self, body: Any, headers: Mapping[str, str] = JSON) -> Stream:
        """A whole request."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.head(headers).body(raw)

    def answer_head(
        self, status: int = 200, headers: Mapping[str, str] = JSON, *, end: bool = False
    ) -> Stream:
        told = {":status": str(status), **headers}
        return self._say(_headers("response_headers", told, end=end))

    def answer_body(self, *pieces: bytes, end: bool = True) -> Stream:
        return self._bodies("response_body", pieces, end=end)

    def trailers(self, phase: str) -> Stream:
        message = proc_v3.ProcessingRequest()
        getattr(message, phase).SetInParent()
        return self._say(message)

    def _bodies(self, phase: str, pieces: Iterable[bytes], *, end: bool) -> Stream:
        pieces = list(pieces)
        for number, piece in enumerate(pieces):
            message = proc_v3.ProcessingRequest()
            told = getattr(message, phase)
            told.body = piece
            told.end_of_stream = end and number == len(pieces) - 1
            told.SetInParent()
            self._say(message)
        return self

    def _say(self, message: Any) -> Stream:
        if self._first:
            self._first = False
            message.protocol_config.response_body_mode = self.mode
            message.attributes["envoy.filters.http.ext_proc"].update({"xds.route_name": self.route})
            if self.tenant:
                message.metadata_context.filter_metadata["envoy.filters.http.ext_authz"].update(
                    {"tenant": self.tenant}
                )
        for answer in self.attempt.take(message.SerializeToString(), self.processor) or ():
            self.hear(answer)
        return self

    def hear(self, answer: bytes) -> None:
        """Take an answer as Envoy does, and hold it against the rules of the protocol."""
        read = proc_v3.ProcessingResponse.FromString(answer)
        for space, told in read.dynamic_metadata.fields.items():
            assert space == "gatewright.llm"
            self.metadata |= _plain(told.struct_value)
        match read.WhichOneof("response"):
            case "request_headers":
                self._head(self.request, read.request_headers.response)
            case "request_body":
                self._body(self.request, read.request_body.response)
            case "response_headers":
                self._head(self.answer, read.response_headers.response)
            case "response_body":
                if read.response_body.ByteSize():
                    self._body(self.answer, read.response_body.response)
                else:
                    assert self.mode == GATE
                    self.passed += 1
            case "immediate_response":
                assert self.replied is None
                assert self.answer.heads == 0
                self.replied = read.immediate_response
            case "request_trailers":
                self.request.trailers = True
            case "response_trailers":
                self.answer.trailers = True

    def _head(self, side: Told, told: Any) -> None:
        side.heads += 1
        assert side.heads == 1
        for one in told.header_mutation.set_headers:
            assert one.append_action == 2
            assert not set(one.header.raw_value) & set(b"\r\n\0")
            side.headers[one.header.key] = one.header.raw_value.decode()
        side.removed = list(told.header_mutation.remove_headers)
        assert not set(side.removed) & side.headers.keys()
        if told.status:
            side.body, side.ended = told.body_mutation.body, True

    def _body(self, side: Told, told: Any) -> None:
        assert side.heads == 1, "a body before its head"
        assert not side.ended, "a body behind its end"
        side.body += told.body_mutation.streamed_response.body
        side.ended = told.body_mutation.streamed_response.end_of_stream

    @property
    def json(self) -> Any:
        return json.loads(self.answer.body)


def _headers(phase: str, headers: Mapping[str, str], *, end: bool) -> Any:
    message = proc_v3.ProcessingRequest()
    told = getattr(message, phase)
    for name, value in headers.items():
        told.headers.headers.add(key=name, raw_value=value.encode())
    told.end_of_stream = end
    return message


def _plain(struct: Any) -> dict[str, Any]:
    return {name: _value(value) for name, value in struct.fields.items()}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _plain(value.struct_value)
    if kind == "list_value":
        return [_value(one) for one in value.list_value.values]
    return getattr(value, kind)
