"""A question: what Envoy tells of a request, read from the bytes of its CheckRequest.

Source: envoy/service/auth/v3/attribute_context.proto. The context extensions are those that the
compiler puts on each Envoy route of a guarded route.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from xds.schema import envoy

_CheckRequest = envoy.service.auth.v3.CheckRequest

JWT = "envoy.filters.http.jwt_authn"
"""The namespace of verified payloads, each under its issuer's name."""
LLM = "gatewright.llm"
"""The namespace of what the body says, its `model` above all."""
_CLIENT: Final = "x-envoy-external-address"
MODELS: Final = "/models"
"""The endpoint at which models are told of."""


class Question(msgspec.Struct, frozen=True):
    """One request, as far as admission is concerned.

    ``model`` is the policy's name of the model asked for. What few requests need is read from
    ``told``, the attributes of the request, when it is asked for.
    """

    route: str
    api: str
    model: str
    headers: Mapping[str, str]
    told: Any

    def __repr__(self) -> str:
        """Without what clients send: a key is among it."""
        return f"Question(route={self.route!r}, model={self.model!r})"

    @property
    def endpoint(self) -> str:
        """The operation of an LLM route (`/chat/completions`)."""
        found: str = self.told.context_extensions.get("endpoint", "")
        return found

    @property
    def asked(self) -> str:
        """The model asked for in the client's own words, which may be an alias."""
        said = self.told.metadata_context.filter_metadata.get(LLM)
        asked = said["model"] if said is not None and "model" in said else ""
        return asked if isinstance(asked, str) and asked else self.model

    @property
    def listing(self) -> bool:
        """Whether all models are asked about."""
        return "list" in self.told.context_extensions

    @property
    def entry(self) -> str:
        """The one model that is asked about, by the client's name; empty if nobody has it."""
        found: str = self.told.context_extensions.get("entry", "")
        return found

    @property
    def request(self) -> str:
        """Its id, which Envoy made."""
        return self.headers.get("x-request-id", "")

    @property
    def client(self) -> str:
        """The client's address, without a port: behind proxies that are trusted, what they say.

        The question's own source is who holds the connection. What Envoy takes for the client it
        writes into a header, but for clients on the same machine; a client's own is dropped before.
        """
        said: str = self.headers.get(_CLIENT, "")
        return said or self.told.source.address.socket_address.address

    @property
    def principal(self) -> str:
        """What the client's certificate says first: a URI, else a DNS name, else the subject."""
        principal: str = self.told.source.principal
        return principal

    @property
    def body(self) -> bytes:
        """The beginning of the body, as far as Envoy sends one."""
        http = self.told.request.http
        body: bytes = http.raw_body or http.body.encode()
        return body

    @property
    def size(self) -> int:
        """The size of the whole body in bytes: as the client says, and never below what is seen."""
        seen = len(self.body)
        said = self.headers.get("content-length", "")
        if said.isascii() and said.isdigit() and len(said) < 16:
            return max(int(said), seen)
        return seen

    @property
    def payloads(self) -> Any:
        """The payloads of verified tokens by issuer, None without any."""
        return self.told.metadata_context.filter_metadata.get(JWT)


def read_question(data: bytes) -> Question:
    """Read a CheckRequest; raises google.protobuf.message.DecodeError."""
    told = _CheckRequest.FromString(data).attributes
    about = told.context_extensions
    return Question(
        about.get("route", ""),
        about.get("api", ""),
        about.get("model", ""),
        told.request.http.headers,
        told,
    )
