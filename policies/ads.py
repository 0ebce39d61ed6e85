"""How a resource says that another comes over the same ADS stream: always the same bytes.

A ConfigSource that changed would make Envoy fetch and warm again what it has already.
"""

from __future__ import annotations

from policies.secret import SecretRef
from xds.schema import envoy

core_v3 = envoy.config.core.v3
tls_v3 = envoy.extensions.transport_sockets.tls.v3


def ads_source() -> core_v3.ConfigSource:
    """The ConfigSource of everything that is not inline."""
    source = core_v3.ConfigSource(resource_api_version="V3")
    source.ads.SetInParent()
    return source


def sds_secret(ref: SecretRef) -> tls_v3.SdsSecretConfig:
    """A secret by its name; what it says is served by the control plane alone."""
    return tls_v3.SdsSecretConfig(name=ref.name, sds_config=ads_source())
