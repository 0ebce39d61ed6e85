"""The ``tenants`` section: who uses the gateway, with which keys, and what they may."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from compiler.schema.choices import ModelChoice, RouteChoice, Tag
from compiler.schema.groups import IdentityGlob
from compiler.schema.keys import Key
from compiler.schema.limits import Budgets, Limits
from compiler.schema.redactions import Redact
from policies.document import Document, Items, Maybe, OneOrMore
from policies.values import ModelName, Name, Network, Timestamp

_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
Line = Annotated[
    str,
    Field(min_length=1, max_length=256, pattern=_PRINTABLE, examples=["ana@corp.example"]),
]
"""A text of one line for people, such as an address."""

Claim = Annotated[
    str, Field(min_length=1, max_length=256, pattern=_PRINTABLE, examples=["acme-inc"])
]
"""The value of a claim."""


class GrantDocument(Document):
    """A request for a model or a route, and what became of it.

    Without `approved_by` it has no effect yet. Who may approve is a matter of who may change this
    file.
    """

    model: Maybe[ModelName] = None
    """The model that is asked for."""
    route: Maybe[
        Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=128, examples=["orders"])]
    ] = None
    """Or the route."""
    requested_by: Maybe[Line] = None
    """Who asked for it."""
    approved_by: Maybe[Line] = None
    """Who approved it."""
    until: Maybe[Timestamp] = None
    """From when on it is refused again; never unless written."""
    reason: Annotated[str, Field(max_length=1024, examples=["the trial of April"])] = ""
    """What for."""


class TeamDocument(Document):
    """A part of a tenant, or an application of its: it has what the tenant has, or less."""

    keys: dict[Name, Key] = Field(default_factory=dict)
    """Its keys."""
    models: Maybe[OneOrMore[ModelChoice]] = None
    """The models that it may use, of those of the tenant; all of them unless written."""
    limits: Limits = ()
    """How much it may use, beside what the tenant may."""
    budget: Budgets = ()
    """How much it may spend, of what the tenant may."""
    tags: OneOrMore[Tag] = ()
    """Words for reports."""
    contacts: OneOrMore[Line] = ()
    """Whom to ask."""


class TenantDocument(Document):
    """Somebody with keys, or known by tokens or certificates, and what they may.

    A key that is written here replaces the tier's as a whole; `gatewright explain tenant NAME`
    shows what holds in the end.
    """

    tier: Maybe[Name] = None
    """The tier whose keys hold where the tenant has none."""
    keys: dict[Name, Key] = Field(default_factory=dict)
    """Its keys, each by a name of yours, such as the system that holds it."""
    teams: dict[Name, TeamDocument] = Field(default_factory=dict)
    """Its teams or applications, with keys and limits of their own."""
    models: Maybe[OneOrMore[ModelChoice]] = None
    """The models that it may use: names, globs, or `tag:NAME`; the tier's unless written, else all
    that are not on request."""
    routes: Maybe[OneOrMore[RouteChoice]] = None
    """The routes that it may use, likewise."""
    limits: Maybe[Limits] = None
    """How much it may use, all of its keys together."""
    budget: Maybe[Budgets] = None
    """How much it may spend, all of its keys together."""
    tags: Maybe[OneOrMore[Tag]] = None
    """Words by which routes choose tenants."""
    contacts: OneOrMore[Line] = ()
    """Whom to ask."""
    redact: Maybe[Redact] = None
    """The redactions that hold for its requests for models, beside those of gateway and route."""
    addresses: Maybe[OneOrMore[Network]] = None
    """The networks that its clients may come from; any unless written."""
    certificates: OneOrMore[IdentityGlob] = ()
    """Names in client certificates by which `auth: mtls` knows it."""
    claims: Maybe[OneOrMore[Claim]] = None
    """Values of an issuer's tenant claim by which `auth: jwt` knows it; its name unless written."""
    grants: Items[GrantDocument] = ()
    """Requests for models and routes that are there on request, and who approved them."""
