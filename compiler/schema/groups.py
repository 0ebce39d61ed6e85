"""The ``groups`` section: which nodes of a fleet get which part of the gateway."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from policies.document import Document, Maybe, OneOrMore, keyed
from policies.values import refuse, shown
from xds.glob import simplest


def _glob(
    pattern: str,
    what: str,
    hint: str,
    examples: list[str],
    stars: str = "`*` stands for any run of characters",
) -> tuple[Any, ...]:
    """Make the validator and the schema of a glob."""
    compiled = re.compile(pattern)

    def check(value: Any) -> Any:
        if not isinstance(value, str):
            return value  # pydantic says that it is no string
        if compiled.fullmatch(value) is None:
            refuse("bad-glob", f"{shown(value)} is no {what}", hint)
        return value

    schema = {
        "type": "string",
        "pattern": f"^(?:{pattern})$",
        "description": f"{what[0].upper()}{what[1:]}; {stars}.",
        "examples": examples,
    }
    return BeforeValidator(check), WithJsonSchema(schema)


NodeGlob = Annotated[
    str,
    *_glob(
        r"[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?",
        "text of a node",
        "write it as the node says it, one line of at most 256 characters; `*` stands for any run "
        "of characters",
        ["eu-*", "edge-1"],
    ),
    AfterValidator(simplest),
]
"""What a node says of itself, as a glob."""


def _small_name(value: Any) -> Any:
    """DNS names do not differ by case; URIs do."""
    return value.lower() if isinstance(value, str) and "://" not in value else value


IdentityGlob = Annotated[
    str,
    *_glob(
        # Neither whose names they are may be left open, nor where a name begins.
        r"[a-z][a-z0-9+.-]*://[A-Za-z0-9._-]+(?:/[\x21-\x7e]{0,2000})?"
        r"|(?:\*{1,2}\.)?[A-Za-z0-9_-][A-Za-z0-9*_-]*(?:\.[A-Za-z0-9_-]+)*",
        "name of a certificate",
        "write a URI (`spiffe://corp/edge/*`) or a DNS name (`*.edge.example.com`); trust domains "
        "and the ends of DNS names are written out",
        ["spiffe://corp/edge/eu/*", "*.eu.edge.example.com"],
        "`*` stands for any run of characters within one segment of a path, or within one label of "
        "a DNS name; `**` crosses segments",
    ),
    AfterValidator(_small_name),
]
"""A subject alternative name (URI or DNS name) of client certificates, as a glob."""

NameGlob = Annotated[
    str,
    *_glob(
        r"[a-z0-9*][a-z0-9*_-]{0,127}",
        "name",
        "small letters, digits, `-` and `_`; `*` stands for any run of characters",
        ["shop-*", "public"],
    ),
    AfterValidator(simplest),
]
"""A name of the policy, as a glob."""

MetadataKey = Annotated[str, Field(min_length=1, max_length=128)]


class NodesDocument(Document):
    """Which nodes: what their bootstrap says of them, all of it. A text is the `cluster`."""

    cluster: Maybe[NodeGlob] = None
    """The node's cluster."""
    id: Maybe[NodeGlob] = None
    """The node's id."""
    region: Maybe[NodeGlob] = None
    """The region of its locality."""
    zone: Maybe[NodeGlob] = None
    """The zone of its locality."""
    metadata: dict[MetadataKey, NodeGlob] = Field(
        default_factory=dict, examples=[{"canary": "yes"}]
    )
    """Keys that its metadata has, at the top, and the texts of their values."""


class GroupDocument(Document):
    """Nodes that get the same part of the gateway, and nothing of the rest."""

    nodes: Annotated[NodesDocument, keyed("cluster", {"type": "string", "examples": ["eu-*"]}, str)]
    """Which nodes; `{}` for all that no other group takes."""
    identity: OneOrMore[IdentityGlob] = ()
    """Names in client certificates (URIs or DNS names) whose holders may be in this group; a node
    with none of them is refused. Unless written, any node may be in it, and gets secrets only from
    a control plane that none but its own machine reaches."""
    listeners: Maybe[OneOrMore[NameGlob]] = None
    """The listeners that it gets; all unless written."""
    routes: Maybe[OneOrMore[NameGlob]] = None
    """The routes that it gets, of those on its listeners; all unless written."""
