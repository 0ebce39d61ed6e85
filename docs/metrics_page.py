"""docs/metrics.md: every metric with its labels, from the registry that is scraped."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry

from ext_authz.service.tally import Tally
from xds.metrics import Metrics

HEADER = """\
<!-- Written by `make docs` from the metrics themselves. Edit xds/metrics.py and
     ext_authz/service/tally.py, not this page. -->

# Metrics

What `gatewright serve --operator ADDRESS` answers to `GET /metrics`: see [Operating](operating.md)
for the alerts worth having. Envoy's own metrics are Envoy's to scrape. No label is a node's id.

"""
EDGE = """
## Of an edge

What `gatewright edge --metrics PORT` answers, each worker at a port of its own: worker 0 at `PORT`,
worker 1 at the next one. An `outcome` is `admitted`, `uncounted` (the counters were away, and the
limits are `open`), `listed`, `rate_limit`, `unknown_route`, or the code of a refusal, such as
`invalid_api_key`. No label is a tenant's name or a client's word.

"""
TABLE = """\
| Metric | Kind | Labels | |
|---|---|---|---|
"""


def render() -> str:
    """The page's text."""
    return f"{HEADER}{_table(Metrics().registry)}{EDGE}{_table(Tally().registry)}"


def _table(registry: CollectorRegistry) -> str:
    return TABLE + "".join(f"{row}\n" for row in sorted(_rows(registry)))


def _rows(registry: CollectorRegistry) -> Iterator[str]:
    for collector in registry._collector_to_names:  # noqa: SLF001 - no public way to the labels
        [family] = collector.describe()  # type: ignore[attr-defined]  # all of ours can
        labels = ", ".join(f"`{one}`" for one in collector._labelnames)  # type: ignore[attr-defined] # noqa: SLF001 - as above
        name = family.name + ("_total" if family.type == "counter" else "")
        yield f"| `{name}` | {family.type} | {labels} | {family.documentation} |"
