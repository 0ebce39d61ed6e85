"""Envoy's own counters and histograms of what models did, by the plan's names.

Tags come from metadata of routes and clusters, never from what a client wrote, so there are as many
series as the policy has targets. Costs are in nano-USD, because counters are whole numbers.
"""

from __future__ import annotations

from compiler.lower.llm.names import NAMESPACE
from xds.schema import envoy
from xds.wire import pack

accesslog_v3 = envoy.config.accesslog.v3
cel_v3 = envoy.extensions.access_loggers.filters.cel.v3
stats_v3 = envoy.extensions.access_loggers.stats.v3

PREFIX = "gatewright_llm"

_TAGS = (
    ("route", f"%METADATA(ROUTE:{NAMESPACE}:route)%"),
    ("model", f"%METADATA(ROUTE:{NAMESPACE}:model)%"),
    ("provider", f"%METADATA(CLUSTER:{NAMESPACE}:provider)%"),
    ("upstream_model", f"%METADATA(CLUSTER:{NAMESPACE}:model)%"),
)
_STATUS = ("status", "%RESPONSE_CODE%")


def metrics_logs() -> tuple[accesslog_v3.AccessLog, ...]:
    """The loggers that count each request of an LLM operation when it ends.

    There are three because a logger complains about a value that is not there: all requests, those
    whose answer told its usage, and of these the ones whose price is known.
    """
    return (_requests(), _usage(), _cost())


def _requests() -> accesslog_v3.AccessLog:
    config = stats_v3.Config()
    _counter(config, "requests", None, (*_TAGS, _STATUS))
    _counter(config, "attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%")
    _histogram(config, "duration_ms", "%DURATION%")
    log = _log(config)
    extension = log.filter.extension_filter
    extension.name = "envoy.access_loggers.extension_filters.cel"
    extension.typed_config.CopyFrom(
        pack(
            cel_v3.ExpressionFilter(
                expression=f"'{NAMESPACE}' in xds.route_metadata.filter_metadata"
            )
        )
    )
    return log


def _usage() -> accesslog_v3.AccessLog:
    config = stats_v3.Config()
    for name, key in (
        ("input_tokens", "input"),
        ("output_tokens", "output"),
        ("cached_input_tokens", "cached"),
    ):
        _counter(config, name, f"%DYNAMIC_METADATA({NAMESPACE}:usage:{key})%")
    _histogram(config, "first_byte_ms", "%RESPONSE_DURATION%")
    return _where_told(_log(config), "input")


def _cost() -> accesslog_v3.AccessLog:
    config = stats_v3.Config()
    _counter(config, "cost_nano_usd", f"%DYNAMIC_METADATA({NAMESPACE}:usage:cost)%")
    return _where_told(_log(config), "cost")


def _log(config: stats_v3.Config) -> accesslog_v3.AccessLog:
    config.stats_scope.prefix = PREFIX
    return accesslog_v3.AccessLog(name="envoy.access_loggers.stats", typed_config=pack(config))


def _where_told(log: accesslog_v3.AccessLog, key: str) -> accesslog_v3.AccessLog:
    """Log only requests whose usage has the key."""
    condition = log.filter.metadata_filter
    condition.matcher.filter = NAMESPACE
    for part in ("usage", key):
        condition.matcher.path.add().key = part
    condition.matcher.value.present_match = True
    condition.match_if_key_not_found.value = False
    return log


def _counter(
    config: stats_v3.Config,
    name: str,
    value: str | None,
    tags: tuple[tuple[str, str], ...] = _TAGS,
) -> None:
    """Add a counter of values, or of requests."""
    counter = config.counters.add()
    if value is None:
        counter.value_fixed.value = 1
    else:
        counter.value_format = value
    _name(counter.stat, name, tags)


def _histogram(config: stats_v3.Config, name: str, value: str) -> None:
    histogram = config.histograms.add(value_format=value)
    histogram.unit = stats_v3.Config.Histogram.Milliseconds
    _name(histogram.stat, name, _TAGS)


def _name(stat: stats_v3.Config.Stat, name: str, tags: tuple[tuple[str, str], ...]) -> None:
    stat.name = name
    for tag, value in tags:
        stat.tags.add(name=tag, value_format=value)
