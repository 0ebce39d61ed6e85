"""The ``services`` section: the upstreams that routes send requests to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Strict

from compiler.plan import Protocol
from compiler.schema.attached import with_policies
from policies.base import Place
from policies.document import Document, Items, Maybe, NonEmpty, Unfold, keyed
from policies.values import Duration, HostPort


class EndpointDocument(Document):
    """One address of a service. A text is its `address`."""

    address: HostPort
    """Host and port."""
    weight: Annotated[int, Field(ge=1, le=128, examples=[3])] = 1
    """Its share of the requests, relative to the other endpoints."""
    priority: Annotated[int, Field(ge=0, le=15, examples=[1])] = 0
    """Higher numbers get requests only when the lower ones are unhealthy; no gaps."""
    zone: Annotated[str, Field(min_length=1, max_length=64, examples=["eu-west-1a"])] = ""
    """The zone it stands in, for zone-aware balancing and for metrics."""


_SHORT = {"type": "string", "examples": ["orders.internal:8080"]}

Endpoints = Annotated[
    Items[Annotated[EndpointDocument, keyed("address", _SHORT, str)]],
    NonEmpty("no-endpoints", "this service has no endpoints", "name at least one `host:port`"),
    # `{file: ...}` is replaced by the file's list before documents are made; editors still see it.
    Unfold(
        lambda value: value,
        {
            "type": "object",
            "description": "A YAML file with the list, relative to this file.",
            "properties": {
                "file": {
                    "type": "string",
                    "description": "The file, relative to this one.",
                    "examples": ["endpoints/orders.yaml"],
                }
            },
            "required": ["file"],
            "additionalProperties": False,
        },
    ),
]


@with_policies(Place.SERVICE)
class ServiceDocument(Document):
    """An upstream: its endpoints, what they speak, and how they are watched and chosen."""

    endpoints: Annotated[Endpoints, Field(examples=[["orders.internal:8080"]])]
    """Where it runs: IP addresses or DNS names, or a file that lists them."""
    protocol: Annotated[Protocol, Strict(strict=False)] = Protocol.HTTP1
    """What it speaks; `grpc` is HTTP/2 with gRPC's health checks and retries."""
    resolve: Maybe[Literal["dns", "logical_dns"]] = None
    """How names become addresses: `dns` uses all of them, `logical_dns` one at a time (for large
    round-robin names). IP addresses need none."""
    connect_timeout: Maybe[Duration] = None
    """How long a connection may take to open; `defaults.connect_timeout` unless written."""
