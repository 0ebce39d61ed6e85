"""The ``issuers`` section: whose tokens are believed, and what they say of who it is."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from compiler.key_set import HINTS, fault_of
from compiler.schema.url import split_url
from policies.document import Document, Items, Maybe, OneOrMore
from policies.values import SecretSource, refuse, shown

_FILE = re.compile(r"file:[^\x00-\x1f\x7f]+")

ClaimPath = Annotated[
    str, Field(pattern=r"^[^\s.]+(?:\.[^\s.]+)*$", max_length=256, examples=["org.id"])
]
"""The way to a claim in a token, with dots."""

PathText = Annotated[
    str, Field(pattern=r"^/[A-Za-z0-9._~/-]*$", max_length=256, examples=["/signout"])
]
Scope = Annotated[
    str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$", max_length=128, examples=["openid"])
]
Audience = Annotated[
    str,
    Field(min_length=1, max_length=512, pattern=r"^[^\x00-\x20\x7f]+$", examples=["gateway"]),
]


def _check_url(value: str) -> str:
    hint = "write `https://login.example/path`"
    parts, _ = split_url(value, hint)
    if parts.fragment:
        refuse("bad-url", f"{shown(value)} has a fragment", hint)
    return value


_URL = {
    "type": "string",
    "pattern": r"^https?://[^/?#@]+(/[^#]*)?$",
    "description": "An http or https URL.",
    "examples": ["https://login.corp.example/token"],
}
HttpUrl = Annotated[str, AfterValidator(_check_url), WithJsonSchema(_URL)]


def is_key_set(jwks: str) -> bool:
    """Tell whether this is a key set itself (mostly of a file), and not where it is."""
    return jwks.startswith("{")


def _check_jwks(value: Any) -> Any:
    if not isinstance(value, str) or _FILE.fullmatch(value):
        return value
    if is_key_set(value):
        fault = fault_of(value)
        if fault is not None:
            refuse(fault[0], f"this key set {fault[1]}", HINTS[fault[0]])
        return value
    hint = "write `https://login.example/jwks`, or `file:corp.jwks.json`"
    if value.startswith("file:"):
        refuse("bad-url", f"{shown(value)} names no file", hint)
    split_url(value, hint)
    return value


Jwks = Annotated[
    str,
    BeforeValidator(_check_jwks),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(https?://[^/?#@]+(/[^#]*)?|file:.+)$",
            "description": "Where a key set is: an http or https URL, or `file:PATH`.",
            "examples": ["https://login.corp.example/jwks", "file:corp.jwks.json"],
        }
    ),
]


class ClaimsDocument(Document):
    """Which claims of a token say who it is: paths with dots."""

    tenant: ClaimPath = "tenant"
    """The claim whose value is a tenant's name, or one of its `claims`."""
    team: Maybe[ClaimPath] = None
    """The claim whose value is the name of a team of the tenant's; none unless written."""
    user: ClaimPath = "sub"
    """The claim whose value is the person or the program."""


class ClientDocument(Document):
    """How the gateway is known to the issuer, for logins in browsers (`auth: oidc`)."""

    id: Annotated[str, Field(min_length=1, max_length=256, examples=["gateway"])]
    """Its client id."""
    secret: SecretSource
    """Where its client secret lies."""
    cookie_secret: SecretSource
    """Where the secret lies that cookies are signed with: any random text of yours."""
    authorize: HttpUrl
    """Where browsers are sent to log in."""
    token: HttpUrl
    """Where a login is exchanged for a token."""
    redirect_path: PathText = "/oauth2/callback"
    """Where browsers come back to; taken from the routes."""
    signout_path: PathText = "/signout"
    """Where a login ends; taken from the routes."""
    scopes: Items[Scope] = ("openid",)
    """What is asked of the issuer."""


class IssuerDocument(Document):
    """Somebody whose JSON web tokens are believed."""

    issuer: Annotated[str, Field(min_length=1, max_length=512, examples=["https://login.example"])]
    """The `iss` claim of its tokens."""
    jwks: Maybe[Jwks] = None
    """Where its keys are: a URL, which Envoy asks again every few minutes, or a file beside the
    policy that is called `jwks.json`, ends with `.jwks.json` or lies in a folder `jwks`;
    `/.well-known/jwks.json` below the issuer unless written."""
    audiences: OneOrMore[Audience] = ()
    """Of the `aud` claim, one must be there; any token of the issuer's is good unless written."""
    claims: ClaimsDocument = ClaimsDocument.model_construct()
    """Which claims say who it is."""
    client: Maybe[ClientDocument] = None
    """How the gateway is known to it; needed by `auth: oidc`."""
