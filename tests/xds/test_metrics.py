"""Metrics: what is counted, under which bounded labels, in a text that Prometheus reads."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from xds.load import Load
from xds.metrics import Facts, Metrics, Served
from xds.nack import Nack
from xds.observer import Pushed, Stream
from xds.observers import Observers
from xds.order import CLUSTER, ROUTE

STREAM = Stream("delta", "default")


def samples(metrics, facts=None):
    """Every sample of the exposition, by name and labels."""
    text, kind = metrics.exposition(facts or Facts(build="1"))
    assert kind.startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value(found, name, **labels):
    return found["gatewright_" + name, tuple(sorted(labels.items()))]


def test_streams_are_open_until_they_close():
    """The gauge goes down again; the counter does not."""
    metrics = Metrics()
    metrics.opened(STREAM)
    metrics.opened(STREAM)
    metrics.closed(STREAM)
    found = samples(metrics)
    where = {"protocol": "delta", "group": "default"}
    assert value(found, "xds_streams", **where, stream="aggregated") == 1
    assert value(found, "xds_streams_opened_total", **where) == 2


def test_answers_are_counted_by_type():
    """An ACK, a NACK and a stale nonce are three things, each beside its request."""
    metrics = Metrics()
    watching = Observers(metrics)
    watching.requested(STREAM, CLUSTER)
    watching.pushed(STREAM, Pushed(CLUSTER, 5_000, 3, responses=2), 0.002)
    watching.acked(STREAM, CLUSTER, 0.02)
    watching.nacked(STREAM, Nack("n", ROUTE, "v", {}, "no"))
    watching.stale(STREAM, ROUTE)
    watching.overdue(STREAM, 2)
    watching.refused_stream("identity")
    watching.converged("default", 0.3)
    found = samples(metrics)
    assert value(found, "xds_requests_total", type="cluster") == 1
    assert value(found, "xds_acks_total", type="cluster", group="default") == 1
    assert value(found, "xds_nacks_total", type="route", group="default") == 1
    assert value(found, "xds_stale_nonces_total", type="route") == 1
    assert value(found, "xds_pushes_total", type="cluster", group="default") == 2
    assert value(found, "xds_pushed_resources_total", type="cluster") == 3
    assert value(found, "xds_push_bytes_sum", type="cluster") == 5_000
    assert value(found, "xds_push_seconds_bucket", type="cluster", le="0.025") == 1
    assert value(found, "xds_push_seconds_bucket", type="cluster", le="0.01") == 0
    assert value(found, "xds_queue_seconds_count", type="cluster") == 1
    assert value(found, "xds_barrier_timeouts_total", group="default") == 2
    assert value(found, "xds_streams_rejected_total", reason="identity") == 1
    assert value(found, "xds_convergence_seconds_sum", group="default") == pytest.approx(0.3)


def test_a_client_cannot_make_up_labels():
    """However many types it asks for, they are one time series."""
    metrics = Metrics()
    for number in range(100):
        metrics.requested(STREAM, f"type.googleapis.com/made.up.{number}")
    requests = [key for key in samples(metrics) if key[0] == "gatewright_xds_requests_total"]
    assert requests == [("gatewright_xds_requests_total", (("type", "other"),))]


def test_what_went_away_is_not_shown_on():
    """Facts are of the moment: a version that is no longer served leaves with the next scrape."""
    metrics = Metrics()
    first = samples(metrics, Facts("1", (Served("default", "aaa", "c0ffee"),)))
    assert value(first, "served_info", group="default", version="aaa", revision="c0ffee") == 1
    second = samples(metrics, Facts("1", (Served("default", "bbb"),), unresolved=2))
    versions = [dict(labels)["version"] for name, labels in second if name.endswith("served_info")]
    assert versions == ["bbb"]
    assert value(second, "secrets_unresolved") == 2


def test_upstream_requests_end_well_or_not():
    """Two outcomes add up to all requests."""
    metrics = Metrics()
    metrics.reported("api", Load(10, 3, 1))
    found = samples(metrics, Facts(under_way={"api": 1}))
    assert value(found, "upstream_requests_total", cluster="api", outcome="success") == 7
    assert value(found, "upstream_requests_total", cluster="api", outcome="error") == 3
    assert value(found, "upstream_in_progress", cluster="api") == 1


def test_tokens_are_counted_since_the_start():
    """A scrape that finds no more than the last one adds nothing."""
    metrics = Metrics()
    for tokens, failures in ((0, 0), (2, 1), (2, 1), (3, 4)):
        found = samples(metrics, Facts(tokens=tokens, no_tokens=failures))
        assert value(found, "google_tokens_total") == tokens
        assert value(found, "google_token_failures_total") == failures


def test_openmetrics_is_given_to_who_asks_for_it():
    """Prometheus of today asks; the text ends with its mark."""
    text, kind = Metrics().exposition(Facts(), "application/openmetrics-text;version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")
