"""What accounts add to a listener: the seam between them and the rest of lowering."""

from __future__ import annotations

from dataclasses import dataclass

from xds.schema import envoy

accesslog_v3 = envoy.config.accesslog.v3
core_v3 = envoy.config.core.v3
hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3


@dataclass(frozen=True, slots=True)
class AccountParts:
    """The accounts' share of one listener; empty where nobody is asked and nothing limited.

    ``early`` runs before anything looks at a request's headers, ``replies`` come before the
    mappers of local replies that the listener has anyway. ``identity`` tells whether requests may
    be somebody's, for those who write about them.
    """

    http_filters: tuple[hcm_v3.HttpFilter, ...] = ()
    early: tuple[core_v3.TypedExtensionConfig, ...] = ()
    access_log: tuple[accesslog_v3.AccessLog, ...] = ()
    replies: tuple[hcm_v3.ResponseMapper, ...] = ()
    identity: bool = False


NO_ACCOUNTS = AccountParts()
