"""TLS on a listener: its certificate, and whom it lets in.

``certificate`` (a PEM chain, leaf first) and ``key`` say where they lie. With ``client_ca`` a
client must show a certificate that one of those roots signed. Certificates are served to Envoy
over SDS, and replaced without closing a connection. HTTP/2 is offered before HTTP/1.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from policies.ads import sds_secret
from policies.base import Place, PolicyKind, listener_v3
from policies.document import Document, Maybe
from policies.secret import SecretKind, SecretRef
from policies.values import SecretSource
from xds.schema import envoy
from xds.wire import pack

tls_v3 = envoy.extensions.transport_sockets.tls.v3

SOCKET = "envoy.transport_sockets.tls"

_VERSIONS: dict[str, tls_v3.TlsParameters.TlsProtocol.ValueType] = {
    "1.2": tls_v3.TlsParameters.TLSv1_2,
    "1.3": tls_v3.TlsParameters.TLSv1_3,
}


class ListenerTls(Document):
    """TLS on a listener: its certificate, and whom it lets in."""

    certificate: SecretSource
    """Where the certificate chain lies (PEM, leaf first)."""
    key: SecretSource
    """Where its private key lies (PEM)."""
    client_ca: Maybe[SecretSource] = None
    """Where the roots lie that clients' certificates must chain to; asks for one when set."""
    min_version: Literal["1.2", "1.3"] = "1.2"
    """The oldest version of TLS that is spoken."""


@dataclass(frozen=True, slots=True)
class DownstreamTls:
    """The certificate, the roots of clients' certificates, and the oldest version."""

    certificate: SecretRef
    client_ca: SecretRef | None
    min_version: str


def plan(document: ListenerTls) -> DownstreamTls:
    """Name the secrets."""
    roots = document.client_ca
    return DownstreamTls(
        certificate=SecretRef(SecretKind.CERTIFICATE, (document.certificate, document.key)),
        client_ca=None if roots is None else SecretRef(SecretKind.TRUST, (roots,)),
        min_version=document.min_version,
    )


def patch_filter_chain(plan: DownstreamTls, chain: listener_v3.FilterChain) -> None:
    """Take connections over TLS; ciphers are Envoy's own choice, which follows BoringSSL's."""
    context = tls_v3.DownstreamTlsContext()
    common = context.common_tls_context
    common.tls_params.tls_minimum_protocol_version = _VERSIONS[plan.min_version]
    common.tls_params.tls_maximum_protocol_version = tls_v3.TlsParameters.TLSv1_3
    common.alpn_protocols.extend(("h2", "http/1.1"))
    common.tls_certificate_sds_secret_configs.append(sds_secret(plan.certificate))
    if plan.client_ca is not None:
        context.require_client_certificate.value = True
        common.validation_context_sds_secret_config.CopyFrom(sds_secret(plan.client_ca))
    chain.transport_socket.name = SOCKET
    chain.transport_socket.typed_config.CopyFrom(pack(context))


def secrets(plan: DownstreamTls) -> tuple[SecretRef, ...]:
    """All that the listener must have before it can take a connection."""
    return (plan.certificate,) if plan.client_ca is None else (plan.certificate, plan.client_ca)


KIND = PolicyKind(
    name="tls",
    places=frozenset({Place.LISTENER}),
    docs=__doc__,
    document=ListenerTls,
    plan=plan,
    valid="""\
certificate: file:tls/edge.crt
key: file:tls/edge.key
client_ca: file:tls/clients.crt
min_version: "1.3"
""",
    invalid="{ certificate: tls/edge.crt, key: file:tls/edge.key }",
    invalid_code="inline-secret",
    patch_filter_chain=patch_filter_chain,
    secrets=secrets,
)
