"""References to secrets: a plan says where a secret lies, and only the control plane reads it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SecretKind(StrEnum):
    """What an SDS secret holds: a header's value, a certificate with its key, or trusted roots."""

    GENERIC = "generic"
    CERTIFICATE = "certificate"
    TRUST = "trust"
    GOOGLE_TOKEN = "google-token"  # noqa: S105 - a kind of secret
    """An access token, made from the key of a Google service account that the source holds."""


@dataclass(frozen=True, slots=True, order=True)
class SecretRef:
    """Where the parts of one SDS secret lie; never what they say.

    ``sources`` are ``env:NAME``, ``file:PATH`` or ``system:`` (the machine's trust store): one for
    GENERIC, TRUST and GOOGLE_TOKEN, certificate chain and private key for CERTIFICATE.
    """

    kind: SecretKind
    sources: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the SDS resource, the same wherever the same sources are named."""
        return f"{self.kind}/{'+'.join(self.sources)}"
