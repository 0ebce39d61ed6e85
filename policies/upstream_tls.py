"""TLS to a service or a provider: whom to call, whom to believe, and who we are.

``true`` is enough where the endpoints have DNS names: each is called by its name (SNI), and must
show a certificate for it that the machine's own roots signed. ``ca`` names other roots. ``sni`` is
another name to call and to verify; ``verify`` lists the names (DNS, IP or ``spiffe://``) of which
the certificate must have one. Endpoints by IP address have no name: they need ``sni`` or
``verify``. ``certificate`` and ``key`` are what we show when the upstream asks.

A provider with an ``https`` URL has TLS without the key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from policies.ads import sds_secret
from policies.base import Place, PolicyKind, cluster_v3
from policies.document import Document, Items, Maybe, Unfold
from policies.downstream_tls import SOCKET
from policies.secret import SecretKind, SecretRef
from policies.values import Host, SecretSource, is_ip, refuse
from xds.schema import envoy
from xds.wire import pack

tls_v3 = envoy.extensions.transport_sockets.tls.v3

SYSTEM = SecretRef(SecretKind.TRUST, ("system:",))
"""The roots that the control plane's machine trusts."""


class Tls(Document):
    """TLS to a service or a provider: whom to call, whom to believe, and who we are."""

    sni: Maybe[Host] = None
    """The server's name to call, and to verify unless `verify` is given."""
    ca: Maybe[SecretSource] = None
    """Where the roots lie that the server's certificate must chain to; default: the machine's."""
    verify: Maybe[Annotated[Items[str], Field(min_length=1, examples=[["orders.internal"]])]] = None
    """Names of which the server's certificate must have one."""
    certificate: Maybe[SecretSource] = None
    """Where our own certificate chain lies (PEM, leaf first)."""
    key: Maybe[SecretSource] = None
    """Where its private key lies (PEM)."""

    @model_validator(mode="after")
    def _paired(self) -> Tls:
        if (self.certificate is None) is not (self.key is None):
            missing = "certificate" if self.certificate is None else "key"
            refuse("incomplete-tls", f"`{missing}` is missing", "give both, or neither")
        if self.sni is not None and is_ip(self.sni):
            refuse("bad-host", "`sni` is an IP address", "list it under `verify` (RFC 6066)")
        return self


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """Whom to call (None: each endpoint by its own name), whom to believe, and who we are."""

    sni: str | None = None
    trust: SecretRef = SYSTEM
    verify: tuple[str, ...] = ()
    certificate: SecretRef | None = None


DEFAULT = UpstreamTls()
"""What an ``https`` URL alone asks for."""


def plan(document: Tls) -> UpstreamTls:
    """Name the secrets; sort the names, of which any will do."""
    certificate = None
    if document.certificate is not None and document.key is not None:
        certificate = SecretRef(SecretKind.CERTIFICATE, (document.certificate, document.key))
    return UpstreamTls(
        sni=document.sni,
        trust=SYSTEM if document.ca is None else SecretRef(SecretKind.TRUST, (document.ca,)),
        verify=tuple(sorted(set(document.verify or ()))),
        certificate=certificate,
    )


def patch_cluster(plan: UpstreamTls, cluster: cluster_v3.Cluster) -> None:
    """Connect over TLS; the cluster's endpoints must be in place, for their names are called."""
    hosts = {
        host.endpoint.address.socket_address.address
        for locality in cluster.load_assignment.endpoints
        for host in locality.lb_endpoints
    }
    verify = plan.verify
    context = tls_v3.UpstreamTlsContext()
    if plan.sni is not None:
        context.sni = plan.sni
        verify = verify or (plan.sni,)
    elif len(hosts) == 1:
        (only,) = hosts
        verify = verify or (only,)
        if not is_ip(only):
            context.sni = only
    else:
        context.auto_host_sni = True
        context.auto_sni_san_validation = not verify
    common = context.common_tls_context
    common.tls_params.tls_minimum_protocol_version = tls_v3.TlsParameters.TLSv1_2
    common.tls_params.tls_maximum_protocol_version = tls_v3.TlsParameters.TLSv1_3
    if plan.certificate is not None:
        common.tls_certificate_sds_secret_configs.append(sds_secret(plan.certificate))
    combined = common.combined_validation_context
    combined.default_validation_context.SetInParent()
    combined.validation_context_sds_secret_config.CopyFrom(sds_secret(plan.trust))
    for name in verify:
        matcher = combined.default_validation_context.match_typed_subject_alt_names.add()
        matcher.san_type = _san_type(name)
        matcher.matcher.exact = name
    cluster.transport_socket.name = SOCKET
    cluster.transport_socket.typed_config.CopyFrom(pack(context))


def _san_type(name: str) -> tls_v3.SubjectAltNameMatcher.SanType.ValueType:
    if "://" in name:
        return tls_v3.SubjectAltNameMatcher.URI
    return (
        tls_v3.SubjectAltNameMatcher.IP_ADDRESS if is_ip(name) else tls_v3.SubjectAltNameMatcher.DNS
    )


def secrets(plan: UpstreamTls) -> tuple[SecretRef, ...]:
    """All that the cluster must have before it can connect."""
    return (plan.trust,) if plan.certificate is None else (plan.trust, plan.certificate)


KIND = PolicyKind(
    name="tls",
    places=frozenset({Place.SERVICE, Place.PROVIDER}),
    docs=__doc__,
    document=Annotated[
        Tls, Unfold(lambda v: {} if v is True else v, {"const": True, "description": "As it is."})
    ],
    plan=plan,
    valid="""\
sni: orders.internal
ca: file:tls/internal-ca.crt
verify: [orders.internal, "spiffe://prod/orders"]
certificate: file:tls/edge.crt
key: file:tls/edge.key
""",
    invalid="certificate: file:tls/edge.crt",
    invalid_code="incomplete-tls",
    patch_cluster=patch_cluster,
    secrets=secrets,
)
