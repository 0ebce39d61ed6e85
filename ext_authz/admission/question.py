"""A question: what Envoy tells of a request, read from the bytes of its CheckRequest.

Source: envoy/service/auth/v3/attribute_context.proto. The context extensions are those that the
compiler puts on each Envoy route of a guarded route.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xds.schema import envoy

_CheckRequest = envoy.service.auth.v3.CheckRequest

JWT = "envoy.filters.http.jwt_authn"
"""The namespace of verified payloads, each under its issuer's name."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request, as far as admission is concerned.

    ``model`` is the policy's name of the model asked for, ``listing`` tells that all models are
    asked about and ``entry`` that one is. ``principal`` is what the client's certificate says first
    (a URI, else a DNS name, else the subject). ``size`` is that of the whole body in bytes, of
    which ``body`` is the beginning. ``payloads`` are verified tokens' by issuer, None without any.
    """

    route: str
    api: str
    endpoint: str
    model: str
    listing: bool
    entry: str
    request: str
    client: str
    principal: str
    headers: Mapping[str, str]
    body: bytes
    size: int
    payloads: Any


def read_question(data: bytes) -> Question:
    """Read a CheckRequest; raises google.protobuf.message.DecodeError."""
    attributes = _CheckRequest.FromString(data).attributes
    about = attributes.context_extensions
    http = attributes.request.http
    headers = http.headers
    body = http.raw_body or http.body.encode()
    told = attributes.metadata_context.filter_metadata
    return Question(
        route=about.get("route", ""),
        api=about.get("api", ""),
        endpoint=about.get("endpoint", ""),
        model=about.get("model", ""),
        listing="list" in about,
        entry=about.get("entry", ""),
        request=headers.get("x-request-id", ""),
        client=attributes.source.address.socket_address.address,
        principal=attributes.source.principal,
        headers=headers,
        body=body,
        size=_size(headers.get("content-length", ""), len(body)),
        payloads=told.get(JWT),
    )


def _size(told: str, seen: int) -> int:
    """The size of the whole body: as the client says, and never below what was seen."""
    if told.isascii() and told.isdigit() and len(told) < 16:
        return max(int(told), seen)
    return seen
