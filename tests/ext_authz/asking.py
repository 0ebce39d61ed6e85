"""Questions as Envoy asks them, rules to decide by, and answers that can be read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from ext_authz.admission.book import Book
from ext_authz.admission.decide import Admission, Decided, Reserve
from ext_authz.admission.question import JWT, LLM
from xds.edge.key_table import KeyTable, shards
from xds.edge.limit import Away, Each, Limit, Period, Shape, Unit
from xds.edge.rules import Key, Model, Route, Rules
from xds.schema import envoy

auth_v3 = envoy.service.auth.v3
NOW = 1_800_000_000.0


def key_of(name: str) -> str:
    """A key as clients send it."""
    return "gw_" + sha256(name.encode()).hexdigest()[:32]


def digest_of(name: str) -> bytes:
    return sha256(key_of(name).encode()).digest()


def table(*keys: Key) -> KeyTable:
    """A table of keys, each of which is `key_of` its id."""
    return KeyTable().with_shards(shards((digest_of(key.id), key) for key in keys))


def question(
    route: str = "llm",
    key: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    about: Mapping[str, str] | None = None,
    model: str = "",
    asked: str = "",
    body: bytes = b"",
    client: str = "192.0.2.1",
    principal: str = "",
    tokens: Mapping[str, Mapping[str, Any]] | None = None,
) -> bytes:
    """Write a CheckRequest; ``model`` is the route's, ``asked`` what the body calls it."""
    request = auth_v3.CheckRequest()
    told = request.attributes
    told.source.address.socket_address.address = client
    told.source.principal = principal
    told.context_extensions["route"] = route
    if model:
        told.context_extensions.update(
            {"api": "openai", "endpoint": "/chat/completions", "model": model}
        )
    if asked or model:
        told.metadata_context.filter_metadata[LLM].update({"model": asked or model})
    told.context_extensions.update(about or {})
    http = told.request.http
    http.headers["x-request-id"] = "r-1"
    if key:
        http.headers["authorization"] = f"Bearer {key_of(key)}"
    http.headers.update(headers or {})
    http.raw_body = body
    if tokens is not None:
        told.metadata_context.filter_metadata[JWT].update(tokens)
    data: bytes = request.SerializeToString()
    return data


def limit(unit: Unit, amount: int, *, place: str = "tenant/acme", **more: Any) -> Limit:
    """A limit in a minute."""
    concurrent = unit is Unit.CONCURRENT
    return Limit(
        **{
            "id": f"{place}/{unit}/minute",
            "owner": "tenant `acme`",
            "text": f"{amount} {unit}/minute",
            "unit": unit,
            "amount": amount,
            "period": Period.NONE if concurrent else Period.MINUTE,
            "shape": Shape.CONCURRENT if concurrent else Shape.SLIDING,
            "each": Each.ALL,
            "away": Away.CLOSED,
            **more,
        }
    )


def rules(**more: Any) -> Rules:
    """Rules with a route of two models and a route to a service, both for keys."""
    return Rules(
        **{
            "gateway": "test",
            "routes": {
                "llm": Route(auth=("keys",), llm=True, models=("fast", "smart"), prefix="/v1"),
                "orders": Route(auth=("keys",)),
            },
            "models": {
                "fast": Model(names=("fast", "quick"), input_price=1_000_000, output_price=2_000),
                "smart": Model(names=("smart",)),
            },
            **more,
        }
    )


def admission(made: Rules, *keys: Key, revoked: Collection[bytes] = ()) -> Admission:
    return Admission(Book(made), table(*keys), revoked)


@dataclass(slots=True)
class Said:
    """An answer, read."""

    status: int
    headers: dict[str, str]
    body: Any
    upstream: dict[str, str]
    removed: list[str]
    metadata: dict[str, Any]
    outcome: str = ""


def read(decided: Decided | Reserve | Any) -> Said:
    """Read an answer; status 200 without a body is one that lets pass."""
    answer = auth_v3.CheckResponse.FromString(decided.answer)
    denied, ok = answer.denied_response, answer.ok_response
    passes = answer.WhichOneof("http_response") == "ok_response"
    told = ok.response_headers_to_add if passes else denied.headers
    return Said(
        200 if passes else denied.status.code,
        {one.header.key: one.header.value for one in told},
        msgspec.json.decode(denied.body) if denied.body else None,
        {one.header.key: one.header.value for one in ok.headers},
        list(ok.headers_to_remove),
        {key: _plain(answer.dynamic_metadata[key]) for key in answer.dynamic_metadata},
        getattr(decided, "outcome", ""),
    )


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | float | bool) else str(value)
