"""What an edge has been served: replaced as a whole with each response, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from xds.edge.key_table import DIGEST, KeyTable
from xds.edge.processing import Processing, read_processing
from xds.edge.resources import KEYS, PROCESSING, REVOKED, RULES
from xds.edge.rules import Rules, read_rules
from xds.order import SECRET

FOLLOWED: Final = (SECRET, KEYS, REVOKED, RULES, PROCESSING)
"""The types that are followed, in the order in which they are asked for."""


class UnusableError(ValueError):
    """A resource that cannot be used; the message says which and why, for the control plane."""


@dataclass(frozen=True, slots=True)
class Served:
    """The rules, the keys, those that are revoked ahead, what attempts need, secrets by SDS names.

    ``versions`` are those of all resources, by type URL and name.
    """

    rules: Rules | None = None
    keys: KeyTable = field(default_factory=KeyTable, repr=False)
    processing: Processing | None = None
    revoked: frozenset[bytes] = field(default=frozenset(), repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    versions: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    @property
    def wanted_secrets(self) -> frozenset[str]:
        """The names of the secrets that the rules and what attempts need speak of."""
        stores = () if self.rules is None else (self.rules.counters, self.rules.ledger)
        named = frozenset(store.secret for store in stores if store.secret)
        return named | self.processing_secrets

    @property
    def processing_secrets(self) -> frozenset[str]:
        """The names of the secrets that are signed and hashed with."""
        if self.processing is None:
            return frozenset()
        named = {one.hash_key for one in self.processing.redactions.values()}
        for upstream in self.processing.upstreams.values():
            if (aws := upstream.aws) is not None:
                named |= {aws.access_key, aws.secret_key, aws.session_token}
        return frozenset(named - {""})

    @property
    def complete(self) -> bool:
        """Whether there are rules, and keys or the word that there are none.

        To decide by rules alone would be to tell everybody that his key is none.
        """
        return self.rules is not None and KEYS in self.versions

    @property
    def waits(self) -> bool:
        """Whether something is missing that is needed: rules, keys, or secrets spoken of."""
        return not self.complete or not self.wanted_secrets <= self.secrets.keys()

    def secret(self, name: str) -> str | None:
        """Give a secret's value, None while it is not there."""
        return self.secrets.get(name)

    def taking(
        self,
        type_url: str,
        changed: Mapping[str, tuple[str, bytes]],
        removed: Iterable[str],
    ) -> Served:
        """Take a response: bodies with their versions by name, and the names of what is gone.

        Raises UnusableError, and then nothing of it counts.
        """
        gone = frozenset(removed) - changed.keys()
        bodies = {name: body for name, (_, body) in changed.items()}
        known = {n: v for n, v in self.versions.get(type_url, {}).items() if n not in gone}
        versions = {name: version for name, (version, _) in changed.items()}
        served = replace(self, versions={**self.versions, type_url: {**known, **versions}})
        if type_url == RULES:
            return _with_rules(served, bodies, gone)
        if type_url == PROCESSING:
            return _with_processing(served, bodies, gone)
        if type_url == KEYS:
            try:
                return replace(served, keys=self.keys.with_shards(bodies, gone))
            except ValueError as error:
                raise UnusableError(str(error)) from None
        if type_url == REVOKED:
            return _with_revoked(served, bodies, gone)
        kept = {name: text for name, text in self.secrets.items() if name not in gone}
        texts = {name: body.decode("utf-8", "surrogateescape") for name, body in bodies.items()}
        return replace(served, secrets={**kept, **texts})


def _with_rules(served: Served, bodies: Mapping[str, bytes], gone: frozenset[str]) -> Served:
    if not bodies:
        return replace(served, rules=None) if gone else served
    if len(bodies) > 1:
        raise UnusableError("there is more than one resource of rules")
    ((name, body),) = bodies.items()
    try:
        return replace(served, rules=read_rules(body))
    except msgspec.MsgspecError as error:
        raise UnusableError(f"{name}: the rules cannot be read: {error}") from None


def _with_processing(served: Served, bodies: Mapping[str, bytes], gone: frozenset[str]) -> Served:
    if not bodies:
        return replace(served, processing=None) if gone else served
    if len(bodies) > 1:
        raise UnusableError("there is more than one resource of processing")
    ((name, body),) = bodies.items()
    try:
        return replace(served, processing=read_processing(body))
    except msgspec.MsgspecError as error:
        raise UnusableError(f"{name}: it cannot be read: {error}") from None


def _with_revoked(served: Served, bodies: Mapping[str, bytes], gone: frozenset[str]) -> Served:
    if not bodies:
        return replace(served, revoked=frozenset()) if gone else served
    body = b"".join(bodies.values())
    if len(body) % DIGEST:
        raise UnusableError(f"{len(body)} bytes are no digests")
    found = (body[at : at + DIGEST] for at in range(0, len(body), DIGEST))
    return replace(served, revoked=frozenset(found))
