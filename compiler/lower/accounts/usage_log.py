"""The usage log: one JSON line for each request that an account or a model is told of.

The edge's ledger reads the file (`xds.edge.usage_line` says what each member means). It lies in
the edge's folder, and what has been read is given back to the disk, so that it never grows.
"""

from __future__ import annotations

from compiler.lower.accounts import names
from compiler.lower.llm.names import MODEL, NAMESPACE
from compiler.plan_accounts import Edge
from xds.edge import usage_line as line
from xds.edge.paths import USAGE_LOG
from xds.schema import envoy
from xds.wire import pack

accesslog_v3 = envoy.config.accesslog.v3
file_v3 = envoy.extensions.access_loggers.file.v3


def _usage(key: str) -> str:
    return f"%DYNAMIC_METADATA({NAMESPACE}:usage:{key})%"


def _target(key: str) -> str:
    # The host's and not the cluster's: a request that was refused has no host.
    return f"%METADATA(UPSTREAM_HOST:{NAMESPACE}:{key})%"


def _account(key: str) -> str:
    return f"%DYNAMIC_METADATA({line.AUTHZ}:{key})%"


FIELDS = {
    line.ID: "%REQ(X-REQUEST-ID)%",
    line.TIME: "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    line.ROUTE: f"%METADATA(ROUTE:{names.NAMESPACE}:{names.ROUTE})%",
    line.ENDPOINT: f"%METADATA(ROUTE:{NAMESPACE}:endpoint)%",
    line.METHOD: "%REQ(:METHOD)%",
    **{
        key: _account(key)
        for key in (
            *(line.TENANT, line.TEAM, line.KEY, line.USER),
            *(line.AUTH, line.HELD, line.ESTIMATE, line.CHOSEN),
        )
    },
    line.MODEL: f"%METADATA(ROUTE:{NAMESPACE}:model)%",
    line.SERVED: _target(line.SERVED),
    line.PROVIDER: _target(line.PROVIDER),
    line.PRICE: _target(line.PRICE),
    line.INPUT_PRICE: _target(line.INPUT_PRICE),
    line.OUTPUT_PRICE: _target(line.OUTPUT_PRICE),
    line.ATTEMPTS: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    **{
        key: _usage(key)
        for key in (
            *(line.INPUT, line.OUTPUT, line.CACHED, line.REASONING),
            *(line.COST, line.TOLD),
        )
    },
    line.SEEN: f"%DYNAMIC_METADATA({NAMESPACE}:{line.SEEN})%",
    line.STATUS: "%RESPONSE_CODE%",
    line.FLAGS: "%RESPONSE_FLAGS%",
    line.DETAILS: "%RESPONSE_CODE_DETAILS%",
    line.DURATION: "%DURATION%",
    line.FIRST: "%RESPONSE_DURATION%",
    line.SENT: "%REQUEST_TX_DURATION%",
    line.BYTES_IN: "%BYTES_RECEIVED%",
    line.BYTES_OUT: "%BYTES_SENT%",
}
"""What each member of a line is made of; each is one operator, so that numbers stay numbers."""


def usage_log(edge: Edge) -> accesslog_v3.AccessLog:
    """The logger: requests that named a model, all that are somebody's, and all that hold places.

    What was reserved is given back by its line, so there has to be one where nobody is asked, too;
    and where the client has left, for it may have done so while the edge was answering.
    """
    config = file_v3.FileAccessLog(path=f"{edge.folder.rstrip('/')}/{USAGE_LOG}")
    config.log_format.json_format.update(FIELDS)
    config.log_format.omit_empty_values = True
    log = accesslog_v3.AccessLog(name="envoy.access_loggers.file", typed_config=pack(config))
    for namespace, key in (
        (NAMESPACE, MODEL),
        (line.AUTHZ, line.TENANT),
        (line.AUTHZ, line.HELD),
    ):
        condition = log.filter.or_filter.filters.add().metadata_filter
        condition.matcher.filter = namespace
        condition.matcher.path.add().key = key
        condition.matcher.value.present_match = True
        condition.match_if_key_not_found.value = False
    log.filter.or_filter.filters.add().response_flag_filter.flags.extend(line.LEFT)
    return log
