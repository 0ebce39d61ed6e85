"""Envoy's own counters and histograms of what models did, by the plan's names.

Tags come from metadata of routes and clusters, never from what a client wrote, so there are as many
series as the policy has targets. Costs are in nano-USD, because counters are whole numbers.
"""

from __future__ import annotations

from compiler.lower.llm.names import MODEL, NAMESPACE, PROBLEM
from xds.edge.usage_line import AUTHZ, TENANT
from xds.schema import envoy
from xds.wire import pack

accesslog_v3 = envoy.config.accesslog.v3
stats_v3 = envoy.extensions.access_loggers.stats.v3

PREFIX = "gatewright_llm"

_TAGS = (
    ("route", f"%METADATA(ROUTE:{NAMESPACE}:route)%"),
    ("model", f"%METADATA(ROUTE:{NAMESPACE}:model)%"),
    ("provider", f"%METADATA(CLUSTER:{NAMESPACE}:provider)%"),
    ("upstream_model", f"%METADATA(CLUSTER:{NAMESPACE}:model)%"),
)
_STATUS = ("status", "%RESPONSE_CODE%")
_TENANT = ("tenant", f"%DYNAMIC_METADATA({AUTHZ}:{TENANT})%")

Tags = tuple[tuple[str, str], ...]


def metrics_logs(*, tenants: bool = False) -> tuple[accesslog_v3.AccessLog, ...]:
    """The loggers that count each request of an LLM operation whose body was read, when it ends.

    There are three because a logger complains about a value that is not there: all requests, those
    whose answer told its usage, and of these the ones whose price is known. With ``tenants`` they
    are counted by tenant as well: one that the policy names, never what a client wrote.
    """
    tags = (*_TAGS, _TENANT) if tenants else _TAGS
    return (_requests(tags), _usage(tags), _cost(tags))


def _requests(tags: Tags) -> accesslog_v3.AccessLog:
    config = stats_v3.Config()
    _counter(config, "requests", None, (*tags, _STATUS))
    _counter(config, "attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", tags)
    _histogram(config, "duration_ms", "%DURATION%", tags)
    log = _log(config)
    # A request whose body was read has one or the other; CEL would take three times as long.
    for key in (MODEL, PROBLEM):
        _where_told(log.filter.or_filter.filters.add(), key)
    return log


def _usage(tags: Tags) -> accesslog_v3.AccessLog:
    config = stats_v3.Config()
    for name, key in (
        ("input_tokens", "input"),
        ("output_tokens", "output"),
        ("cached_input_tokens", "cached"),
    ):
        _counter(config, name, f"%DYNAMIC_METADATA({NAMESPACE}:usage:{key})%", tags)
    _histogram(config, "first_byte_ms", "%RESPONSE_DURATION%", tags)
    log = _log(config)
    _where_told(log.filter, "usage", "input")
    return log


def _cost(tags: Tags) -> accesslog_v3.AccessLog:
    config = stats_v3.Config()
    _counter(config, "cost_nano_usd", f"%DYNAMIC_METADATA({NAMESPACE}:usage:cost)%", tags)
    log = _log(config)
    _where_told(log.filter, "usage", "cost")
    return log


def _log(config: stats_v3.Config) -> accesslog_v3.AccessLog:
    config.stats_scope.prefix = PREFIX
    return accesslog_v3.AccessLog(name="envoy.access_loggers.stats", typed_config=pack(config))


def _where_told(condition: accesslog_v3.AccessLogFilter, *path: str) -> None:
    """Log only requests whose metadata have something at the path."""
    matcher = condition.metadata_filter.matcher
    matcher.filter = NAMESPACE
    for part in path:
        matcher.path.add().key = part
    matcher.value.present_match = True
    condition.metadata_filter.match_if_key_not_found.value = False


def _counter(config: stats_v3.Config, name: str, value: str | None, tags: Tags) -> None:
    """Add a counter of values, or of requests."""
    counter = config.counters.add()
    if value is None:
        counter.value_fixed.value = 1
    else:
        counter.value_format = value
    _name(counter.stat, name, tags)


def _histogram(config: stats_v3.Config, name: str, value: str, tags: Tags) -> None:
    histogram = config.histograms.add(value_format=value)
    histogram.unit = stats_v3.Config.Histogram.Milliseconds
    _name(histogram.stat, name, tags)


def _name(stat: stats_v3.Config.Stat, name: str, tags: Tags) -> None:
    stat.name = name
    for tag, value in tags:
        stat.tags.add(name=tag, value_format=value)
