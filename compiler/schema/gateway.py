"""The whole policy: the root document."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from compiler.schema.defaults import DefaultsDocument
from compiler.schema.groups import GroupDocument
from compiler.schema.invariants import Invariants
from compiler.schema.issuers import IssuerDocument
from compiler.schema.limits import Budgets, Limits
from compiler.schema.listeners import Listener
from compiler.schema.models import Model
from compiler.schema.prices import PriceDocument
from compiler.schema.providers import ProviderDocument
from compiler.schema.redactions import Redact, RedactionDocument
from compiler.schema.rollout import RolloutDocument
from compiler.schema.routes import RouteDocument
from compiler.schema.runtime import RuntimeKey, RuntimeValue
from compiler.schema.services import ServiceDocument
from compiler.schema.stores import CountersDocument, EdgeDocument, LedgerDocument
from compiler.schema.tenants import TenantDocument
from compiler.schema.tests import TestDocument
from compiler.schema.tiers import TierDocument
from policies.document import Document, Items, Maybe
from policies.values import ModelName, Name, refuse, shown

_VERSION = re.compile(r"1\.([0-9]{1,3})(?:\.[0-9]{1,3})?")


def _check_version(value: Any) -> Any:
    hint = 'write `"1.40"`, in quotes: 1.40 and 1.4 are the same number'
    if not isinstance(value, str):
        return refuse("bad-version", f"{shown(value)} is a number, not a version", hint)
    if _VERSION.fullmatch(value) is None:
        refuse("bad-version", f"{shown(value)} is no version of Envoy", hint)
    return value


EnvoyVersion = Annotated[
    str,
    BeforeValidator(_check_version),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^1\.[0-9]{1,3}(\.[0-9]{1,3})?$",
            "description": "A version of Envoy.",
            "examples": ["1.40"],
        }
    ),
]


PricedModel = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*/.+$", max_length=256)]


class GatewayDocument(Document):
    """A gateway: what it listens on, where it sends requests, and which models it serves.

    It may be one file or a folder of files, whose sections are merged by name.
    """

    gatewright: Literal["v1"]
    """The version of this language."""
    name: Name
    """The gateway's name."""
    envoy: EnvoyVersion = "1.40"
    """The oldest Envoy that runs it; what this one lacks is an error."""
    defaults: DefaultsDocument = DefaultsDocument.model_construct()
    """What holds where nothing else is written."""
    listeners: dict[Name, Listener] = Field(default_factory=dict)
    """The ports that clients connect to."""
    services: dict[Name, ServiceDocument] = Field(default_factory=dict)
    """The upstreams that routes send requests to."""
    providers: dict[Name, ProviderDocument] = Field(default_factory=dict)
    """Who answers LLM requests."""
    models: dict[ModelName, Model] = Field(default_factory=dict)
    """The models that clients ask for."""
    redactions: dict[Name, RedactionDocument] = Field(default_factory=dict)
    """What must not leave, by names that gateway, routes, tiers and tenants call it by."""
    redact: Redact = ()
    """The redactions that hold for all requests for models."""
    prices: dict[PricedModel, PriceDocument] = Field(
        default_factory=dict,
        examples=[
            {"inhouse/llama": {"input": "0.10 USD/1M tokens", "output": "0.20 USD/1M tokens"}}
        ],
    )
    """What tokens cost, by `provider/model`, in place of the shipped prices."""
    routes: Items[RouteDocument] = ()
    """Which requests go where."""
    tiers: dict[Name, TierDocument] = Field(default_factory=dict)
    """What tenants of one kind have in common."""
    tenants: dict[Name, TenantDocument] = Field(default_factory=dict)
    """Who uses the gateway, with which keys, and what they may."""
    issuers: dict[Name, IssuerDocument] = Field(default_factory=dict)
    """Whose tokens are believed, for `auth: jwt` and `auth: oidc`."""
    limits: Limits = ()
    """How much the whole gateway takes."""
    budget: Budgets = ()
    """How much the whole gateway may spend."""
    edge: EdgeDocument = EdgeDocument.model_construct()
    """The services beside each Envoy that look keys up and count."""
    counters: CountersDocument = CountersDocument.model_construct()
    """Where limits are counted."""
    ledger: Maybe[LedgerDocument] = None
    """Where each request is written down; `embedded` unless written, where the edge is asked about
    models or there are tenants."""
    groups: dict[Name, GroupDocument] = Field(default_factory=dict)
    """Which nodes of a fleet get which part of the gateway; every node gets all of it unless
    written. A node that no group takes is refused."""
    rollout: Maybe[RolloutDocument] = None
    """How a change comes to the nodes of each group; to all at once unless written."""
    runtime: dict[RuntimeKey, RuntimeValue] = Field(
        default_factory=dict, examples=[{"upstream.healthy_panic_threshold": 0}]
    )
    """What Envoy's runtime keys are set to, on every node."""
    invariants: Annotated[
        Invariants,
        Field(
            examples=[
                [
                    {
                        "name": "no raw personal data leaves",
                        "forbid": {"egress": "external", "redaction": "none"},
                    }
                ]
            ]
        ),
    ] = ()
    """What the policy promises of all requests; where it does not hold, the policy is refused."""
    tests: Items[TestDocument] = ()
    """What the gateway is to do with which request: `gatewright test` looks whether it does. They
    are no part of what is served."""

    @property
    def envoy_version(self) -> tuple[int, int]:
        """The oldest Envoy as (major, minor)."""
        major, minor, *_ = self.envoy.split(".")
        return int(major), int(minor)
