"""How an Envoy shows itself to its control plane, and tells that from others: TLS by files.

Source: envoy/extensions/transport_sockets/tls/v3. Envoy reads a certificate again when it changes
only if SDS delivered it; so the files are named by SDS files, which lie on the disk beside the
bootstrap and never change themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from xds.schema import envoy
from xds.wire import pack

CERTIFICATE: Final = "control-plane-certificate"
TRUST: Final = "control-plane-trust"


@dataclass(frozen=True, slots=True)
class ClientTls:
    """Where an Envoy finds what it needs for TLS; all paths are those of the Envoy's machine.

    ``ca`` verifies the control plane, which must bear one of ``verify`` (DNS names, IP addresses or
    URIs). ``certificate`` and ``key`` are the Envoy's own, or both None. ``sni`` is the name that
    is asked for. ``folder`` is where the SDS files lie; None puts the paths into the bootstrap
    itself, and Envoy then has to be restarted for a new certificate.
    """

    ca: Path
    verify: tuple[str, ...]
    certificate: Path | None = None
    key: Path | None = None
    sni: str = ""
    folder: Path | None = None


def transport_socket(tls: ClientTls) -> envoy.config.core.v3.TransportSocket:
    """Make the transport socket of the control plane's cluster."""
    context = envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext(sni=tls.sni)
    common = context.common_tls_context
    common.alpn_protocols.append("h2")
    parameters = envoy.extensions.transport_sockets.tls.v3.TlsParameters
    common.tls_params.tls_minimum_protocol_version = parameters.TLSv1_2
    # Envoy's client would stay below 1.3 by itself.
    common.tls_params.tls_maximum_protocol_version = parameters.TLSv1_3
    if tls.folder is None:
        if tls.certificate is not None:
            common.tls_certificates.append(_certificate(tls))
        common.validation_context.CopyFrom(_trust(tls))
    else:
        if tls.certificate is not None:
            own = common.tls_certificate_sds_secret_configs.add(name=CERTIFICATE)
            own.sds_config.CopyFrom(_file(tls.folder, CERTIFICATE))
        trust = common.validation_context_sds_secret_config
        trust.name = TRUST
        trust.sds_config.CopyFrom(_file(tls.folder, TRUST))
    socket = envoy.config.core.v3.TransportSocket(name="envoy.transport_sockets.tls")
    socket.typed_config.CopyFrom(pack(context))
    return socket


def secret_files(tls: ClientTls) -> dict[str, envoy.service.discovery.v3.DiscoveryResponse]:
    """Make the SDS files by name. They hold paths and no key.

    Envoy reads what they name again whenever something is moved into the folder of the certificate
    (or of the CA): by `mv`, or as Kubernetes swaps its links.
    """
    kinds = envoy.extensions.transport_sockets.tls.v3
    secrets = [kinds.Secret(name=TRUST, validation_context=_trust(tls))]
    secrets[0].validation_context.watched_directory.path = str(tls.ca.parent)
    if tls.certificate is not None:
        secret = kinds.Secret(name=CERTIFICATE, tls_certificate=_certificate(tls))
        secret.tls_certificate.watched_directory.path = str(tls.certificate.parent)
        secrets.append(secret)
    files = {}
    for secret in secrets:
        response = envoy.service.discovery.v3.DiscoveryResponse()
        response.resources.append(pack(secret))
        files[_name(secret.name)] = response
    return files


def _certificate(tls: ClientTls) -> envoy.extensions.transport_sockets.tls.v3.TlsCertificate:
    certificate = envoy.extensions.transport_sockets.tls.v3.TlsCertificate()
    certificate.certificate_chain.filename = str(tls.certificate)
    certificate.private_key.filename = str(tls.key)
    return certificate


def _trust(
    tls: ClientTls,
) -> envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext:
    trust = envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext()
    trust.trusted_ca.filename = str(tls.ca)
    for name in tls.verify:
        matcher = trust.match_typed_subject_alt_names.add()
        matcher.san_type = _kind(name)
        matcher.matcher.exact = name
    return trust


def _kind(name: str) -> int:
    kinds = envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher
    if "://" in name:
        return kinds.URI
    try:
        ip_address(name)
    except ValueError:
        return kinds.DNS
    return kinds.IP_ADDRESS


def _file(folder: Path, name: str) -> envoy.config.core.v3.ConfigSource:
    source = envoy.config.core.v3.ConfigSource(resource_api_version=envoy.config.core.v3.V3)
    source.path_config_source.path = str(folder / _name(name))
    return source


def _name(secret: str) -> str:
    return f"{secret}.json"
