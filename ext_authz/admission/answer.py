"""Answers to Envoy, as the bytes of a CheckResponse.

Source: envoy/service/auth/v3/external_auth.proto. Messages that follow each other as bytes are one
message: so what is the same for all requests of an identity is made once, and what a request adds
is put behind it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ext_authz.admission.identity import Identity
from xds.edge import usage_line as line
from xds.edge.attempt import FIRST
from xds.schema import envoy, google

_auth_v3 = envoy.service.auth.v3
_core_v3 = envoy.config.core.v3
_OVERWRITE: Final = _core_v3.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD

PERMISSION_DENIED: Final = 7
"""google.rpc.Code; what the client is told is the HTTP status beside it."""

Headers = Iterable[tuple[str, str]]


def admitted(who: Identity, *, told_upstream: bool) -> bytes:
    """Let a request pass; ``told_upstream`` has the service behind learn who it is."""
    response = _auth_v3.CheckResponse()
    ok = response.ok_response
    ok.SetInParent()
    if told_upstream:
        for name, value in (
            ("x-gatewright-tenant", who.tenant),
            ("x-gatewright-team", who.team),
            ("x-gatewright-key", who.key_id),
            ("x-gatewright-user", who.user if _is_header(who.user) else ""),
        ):
            if value:
                _add(ok.headers, name, value)
    ok.headers_to_remove.extend(who.headers)
    response.dynamic_metadata.CopyFrom(_identity(who))
    return response.SerializeToString()


def with_more(answer: bytes, headers: Headers, metadata: dict[str, Any]) -> bytes:
    """Add headers to the client's answer, and metadata, to an answer that lets pass."""
    response = _auth_v3.CheckResponse()
    for name, value in headers:
        _add(response.ok_response.response_headers_to_add, name, value)
    if metadata:
        response.dynamic_metadata.update(metadata)
    return answer + response.SerializeToString()


def tried_first(number: int) -> bytes:
    """What follows an answer that lets pass: the group of targets that is to be tried first.

    Envoy takes its route by the header; the metadata is for the usage log.
    """
    response = _auth_v3.CheckResponse()
    _add(response.ok_response.headers, FIRST, str(number))
    response.dynamic_metadata[line.CHOSEN] = number
    return response.SerializeToString()


def answered(
    status: int,
    content_type: str,
    body: bytes,
    headers: Headers,
    who: Identity | None,
    *,
    held: bool = False,
) -> bytes:
    """Have Envoy answer the client itself, with a refusal or (200) with what was asked for.

    ``held`` is told where something may have been reserved all the same.
    """
    response = _auth_v3.CheckResponse()
    response.status.code = PERMISSION_DENIED
    denied = response.denied_response
    denied.status.code = status
    denied.body = body.decode()
    _add(denied.headers, "content-type", content_type)
    for name, value in headers:
        _add(denied.headers, name, value)
    if who is not None and who.tenant:
        response.dynamic_metadata.CopyFrom(_identity(who))
    if held:
        response.dynamic_metadata[line.HELD] = True
    return response.SerializeToString()


def _identity(who: Identity) -> google.protobuf.Struct:
    told = google.protobuf.Struct()
    told.update(
        {
            key: value
            for key, value in (
                (line.TENANT, who.tenant),
                (line.TEAM, who.team),
                (line.KEY, who.key_id),
                (line.USER, who.user),
                (line.AUTH, who.method),
            )
            if value
        }
    )
    return told


def _add(headers: Any, name: str, value: str) -> None:
    option = headers.add()
    option.header.key = name
    option.header.value = value
    option.append_action = _OVERWRITE


def _is_header(text: str) -> bool:
    """A subject is whatever its issuer likes, and a header is not.

    To write something else in its place could be to name somebody else.
    """
    return text.isascii() and text.isprintable()
