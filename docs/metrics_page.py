"""docs/metrics.md: every metric with its labels, from the registry that is scraped."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry

from xds.metrics import Metrics

HEADER = """\
<!-- Written by `make docs` from the metrics themselves. Edit xds/metrics.py, not this page. -->

# Metrics

What `gatewright serve --operator ADDRESS` answers to `GET /metrics`: see [Operating](operating.md)
for the alerts worth having. Envoy's own metrics are Envoy's to scrape. No label is a node's id.

| Metric | Kind | Labels | |
|---|---|---|---|
"""


def render() -> str:
    """The page's text."""
    return HEADER + "".join(f"{row}\n" for row in sorted(_rows(Metrics().registry)))


def _rows(registry: CollectorRegistry) -> Iterator[str]:
    for collector in registry._collector_to_names:  # noqa: SLF001 - no public way to the labels
        [family] = collector.describe()  # type: ignore[attr-defined]  # all of ours can
        labels = ", ".join(f"`{one}`" for one in collector._labelnames)  # type: ignore[attr-defined] # noqa: SLF001 - as above
        name = family.name + ("_total" if family.type == "counter" else "")
        yield f"| `{name}` | {family.type} | {labels} | {family.documentation} |"
