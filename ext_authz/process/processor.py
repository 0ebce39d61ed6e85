"""What is served, made ready to work by: targets, redactors, secrets.

Made anew as a whole with each change; an attempt goes on with the one that it began with.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from ext_authz.redact.catalogue import detectors
from ext_authz.redact.detector import Detector, Finder
from ext_authz.redact.detectors.entities import EntityFinder
from ext_authz.redact.detectors.patterns import pattern_detector
from ext_authz.redact.detectors.words import word_detector
from ext_authz.redact.errors import DetectorError
from ext_authz.redact.redactor import Redactor
from ext_authz.redact.rules import Action, Caps, Rules
from ext_authz.translate.target import Target
from xds.edge.processing import Operation, Processing, Redaction, Scope, Upstream

_log = logging.getLogger("gatewright.edge")

Secret = Callable[[str], str | None]
"""Gives a secret by its SDS name, None while it is not there."""


class NotReadyError(Exception):
    """Something that a request needs is not there: it does not go on."""


@dataclass(frozen=True, slots=True)
class Place:
    """A target as an attempt meets it."""

    upstream: Upstream
    target: Target


@dataclass(frozen=True, slots=True)
class Processor:
    """All of it. ``redactors`` are by name; None for one that cannot be used."""

    processing: Processing
    places: Mapping[str, Place]
    redactors: Mapping[str, Redactor | None]
    secret: Secret = field(repr=False)
    made_of: Mapping[str, tuple[bytes, bytes]] = field(repr=False)
    """What each redactor was made of: its redaction and its key."""

    def place(self, cluster: str) -> Place | None:
        """Give the target that a cluster is."""
        return self.places.get(cluster)

    def operation(self, route: str) -> Operation | None:
        """Give what an Envoy route is for."""
        return self.processing.operations.get(route)

    def is_slow(self, operation: Operation, upstream: Upstream, tenant: str) -> bool:
        """Whether a model has to read the requests, which takes long."""
        found = (one for _, one in self._redactions(operation, upstream, tenant))
        return any(redaction is not None and redaction.entities for redaction in found)

    def redactors_for(
        self, operation: Operation, upstream: Upstream, tenant: str
    ) -> tuple[Redactor, ...]:
        """Give the redactors of a request, in order; raises NotReadyError if one is not usable."""
        found: list[Redactor] = []
        for name, redaction in self._redactions(operation, upstream, tenant):
            if redaction is None:
                raise NotReadyError(f"there is no redaction {name}")
            redactor = self.redactors.get(name)
            if redactor is None:
                raise NotReadyError(f"the redaction {name} cannot be used")
            found.append(redactor)
        return tuple(found)

    def _redactions(
        self, operation: Operation, upstream: Upstream, tenant: str
    ) -> Iterator[tuple[str, Redaction | None]]:
        """Yield what a request is redacted by, in order; None for one that is not there."""
        names = operation.redact + self.processing.tenants.get(tenant, ())
        for name in dict.fromkeys(names):
            redaction = self.processing.redactions.get(name)
            if redaction is None or redaction.scope is Scope.ALL or upstream.external:
                yield name, redaction


def processor(processing: Processing, secret: Secret, before: Processor | None = None) -> Processor:
    """Make one; redactors of ``before`` that would be made of the same are taken over."""
    redactors: dict[str, Redactor | None] = {}
    made_of: dict[str, tuple[bytes, bytes]] = {}
    for name, redaction in processing.redactions.items():
        text = secret(redaction.hash_key) if redaction.hash_key else ""
        key = (text or "").encode("utf-8", "surrogateescape")
        parts = (msgspec.json.encode(redaction), key)
        made_of[name] = parts
        if before is not None and before.made_of.get(name) == parts:
            redactors[name] = before.redactors[name]
            continue
        try:
            redactors[name] = Redactor(rules_of(redaction, key, processing.body_limit))
        except (DetectorError, ValueError) as error:
            redactors[name] = None
            _log.error("redaction %s cannot be used, so its requests are refused: %s", name, error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a model may fail as it likes
            redactors[name] = None
            _log.error(
                "redaction %s cannot be used, so its requests are refused (%s)",
                name,
                type(error).__name__,
            )
    places = {
        cluster: Place(
            one,
            Target(
                one.provider,
                one.model,
                base=one.base,
                project=one.project,
                location=one.location,
                api_version=one.api_version,
            ),
        )
        for cluster, one in processing.upstreams.items()
    }
    return Processor(processing, places, redactors, secret, made_of)


def rules_of(redaction: Redaction, hash_key: bytes, body_limit: int) -> Rules:
    """Say a redaction as the rules that redactors are made of; raises DetectorError, ValueError."""
    found: list[Detector | Finder] = list(detectors(redaction.detect))
    for own in redaction.patterns:
        if own.words:
            found.append(word_detector(own.name, own.words))
        else:
            found.append(pattern_detector(own.name, own.pattern))
    found += [EntityFinder(entity, language=redaction.language) for entity in redaction.entities]
    return Rules(
        tuple(found),
        action=Action(redaction.action),
        actions={name: Action(action) for name, action in redaction.actions.items()},
        hash_key=hash_key,
        restore=redaction.restore,
        answers=Action(redaction.answers) if redaction.answers else None,
        caps=Caps(body=body_limit),
    )
