"""Every detector that is built in, by its name, and the names of groups of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ext_authz.redact.detector import Detector
from ext_authz.redact.detectors import email, keys, national, network, payment, phone, tokens
from ext_authz.redact.errors import DetectorError

BUILT_IN: Final[dict[str, Detector]] = {
    detector.name: detector
    for family in (email, phone, payment, national, network, keys, tokens)
    for detector in family.FAMILY
}
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "pii": ("email", "phone", "credit_card", "iban", "us_ssn", "uk_nino"),
    "network": tuple(detector.name for detector in network.FAMILY),
    "national_ids": tuple(detector.name for detector in national.FAMILY),
    "secrets": tuple(detector.name for family in (keys, tokens) for detector in family.FAMILY),
}
"""What a policy may say in place of a list. `national_ids` are of all countries: their checks take
one of five numbers of nine to eleven digits for some country's, so name the countries instead."""


def detectors(names: Iterable[str]) -> tuple[Detector, ...]:
    """Return the detectors of names and groups, each once, or raise `DetectorError`."""
    found: dict[str, Detector] = {}
    for name in names:
        members = GROUPS.get(name, (name,))
        for member in members:
            if member not in BUILT_IN:
                raise DetectorError(f"there is no detector {member!r}")
            found[member] = BUILT_IN[member]
    return tuple(found.values())
