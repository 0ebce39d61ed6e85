"""What Prometheus scrapes: counted as it happens, and looked up when it is asked for.

Every label has few values: words for types, groups and clusters of the policy, reasons and states
of this program. A node's id is never one, for a client may call itself anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST as TEXT
from prometheus_client.exposition import generate_latest as as_text
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as as_openmetrics

from xds.load import Load
from xds.nack import Nack
from xds.observer import Pushed, Stream, short

M = TypeVar("M", Counter, Gauge, Histogram)

_TIMES: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LONG: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)
_SIZES: Final = (256, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22)


@dataclass(frozen=True, slots=True)
class Served:
    """What a group is served: the snapshot's version, and the commit it was made of or empty."""

    group: str
    version: str
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is not counted but looked up at a scrape.

    ``nodes`` counts by (group, state), ``stragglers`` by group; ``rollouts`` is the state of each
    group's rollout and ``waves`` the share of nodes (0 to 1) that has the change. ``under_way`` are
    requests in progress by cluster. ``tokens`` and ``no_tokens`` count since the start how often
    Google service accounts were given an access token, and were not.
    """

    build: str = ""
    served: tuple[Served, ...] = ()
    nodes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    stragglers: Mapping[str, int] = field(default_factory=dict)
    unresolved: int = 0
    quarantined: int = 0
    revoked: int = 0
    rollouts: Mapping[str, str] = field(default_factory=dict)
    waves: Mapping[str, float] = field(default_factory=dict)
    under_way: Mapping[str, int] = field(default_factory=dict)
    tokens: int = 0
    no_tokens: int = 0


class Metrics:
    """The metrics of one control plane, in a registry of their own; an `Observer`."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._series: dict[tuple[Any, tuple[str, ...]], Any] = {}
        name = "gatewright_xds_"

        def counter(what: str, text: str, *labels: str) -> Counter:
            return Counter(name + what, text, labels, registry=registry)

        def histogram(what: str, text: str, buckets: Iterable[float], *labels: str) -> Histogram:
            return Histogram(name + what, text, labels, registry=registry, buckets=tuple(buckets))

        self._streams = Gauge(
            name + "streams",
            "Streams that are open.",
            ("protocol", "group", "stream"),
            registry=registry,
        )
        self._opened = counter("streams_opened", "Streams that were served.", "protocol", "group")
        self._rejected = counter(
            "streams_rejected", "Streams and nodes that were turned away or cut off.", "reason"
        )
        self._requests = counter("requests", "Requests of any kind.", "type")
        self._acks = counter("acks", "Responses that a client accepted.", "type", "group")
        self._nacks = counter("nacks", "Responses that a client refused.", "type", "group")
        self._stale = counter(
            "stale_nonces", "Requests that answered a response which was not the newest.", "type"
        )
        self._pushes = counter("pushes", "Responses sent.", "type", "group")
        self._resources = counter("pushed_resources", "Resources in responses sent.", "type")
        self._sizes = histogram(
            "push_bytes",
            "Size of what was sent at once to one stream, of one type.",
            _SIZES,
            "type",
        )
        self._push = histogram(
            "push_seconds", "Time from a response to its ACK; clusters are warm by then.",
            _TIMES, "type",
        )  # fmt: skip
        self._queue = histogram(
            "queue_seconds", "Time from a change to the response that tells of it.", _TIMES, "type"
        )
        self._converged = histogram(
            "convergence_seconds",
            "Time from a publication until every connected node of the group has it.",
            _LONG,
            "group",
        )
        self._overdue = counter(
            "barrier_timeouts", "Steps of a transaction that were not waited for to the end.",
            "group",
        )  # fmt: skip
        self._compiled = Histogram(
            "gatewright_compile_seconds",
            "Time from reading the policy to handing out its snapshot.",
            ("outcome",),
            registry=registry,
            buckets=_LONG,
        )
        self._upstream = Counter(
            "gatewright_upstream_requests",
            "Requests to a cluster that ended, as Envoys reported them.",
            ("cluster", "outcome"),
            registry=registry,
        )
        self._facts = _Gauges(registry)

    def opened(self, stream: Stream) -> None:
        """Count it."""
        self._of(self._streams, *_labels(stream)).inc()
        self._of(self._opened, stream.protocol, stream.group).inc()

    def closed(self, stream: Stream) -> None:
        """Count it."""
        self._of(self._streams, *_labels(stream)).dec()

    def refused_stream(self, reason: str) -> None:
        """Count it."""
        self._of(self._rejected, reason).inc()

    def requested(self, stream: Stream, type_url: str) -> None:  # noqa: ARG002 - a word is enough
        """Count it."""
        self._of(self._requests, short(type_url)).inc()

    def pushed(self, stream: Stream, pushed: Pushed, queued: float) -> None:
        """Count and measure it."""
        word = short(pushed.type_url)
        self._of(self._pushes, word, stream.group).inc(pushed.responses)
        self._of(self._resources, word).inc(pushed.resources)
        self._of(self._sizes, word).observe(pushed.size)
        self._of(self._queue, word).observe(queued)

    def acked(self, stream: Stream, type_url: str, waited: float) -> None:
        """Count and measure it."""
        self._of(self._acks, short(type_url), stream.group).inc()
        self._of(self._push, short(type_url)).observe(waited)

    def nacked(self, stream: Stream, nack: Nack) -> None:
        """Count it."""
        self._of(self._nacks, short(nack.type_url), stream.group).inc()

    def stale(self, stream: Stream, type_url: str) -> None:  # noqa: ARG002 - as above
        """Count it."""
        self._of(self._stale, short(type_url)).inc()

    def overdue(self, stream: Stream, steps: int) -> None:
        """Count it."""
        self._of(self._overdue, stream.group).inc(steps)

    def converged(self, group: str, seconds: float) -> None:
        """Measure it."""
        self._of(self._converged, group).observe(seconds)

    def compiled(self, seconds: float, *, good: bool) -> None:
        """Measure a compilation; ``good`` is one that was published."""
        self._of(self._compiled, "good" if good else "wrong").observe(seconds)

    def reported(self, cluster: str, load: Load) -> None:
        """Count what an Envoy reported; the caller sees to it that clusters are those it knows."""
        self._of(self._upstream, cluster, "success").inc(load.requests - load.errors)
        self._of(self._upstream, cluster, "error").inc(load.errors)

    def _of(self, metric: M, *labels: str) -> M:
        """Give the time series of these labels; prometheus_client takes far longer to find it."""
        key = (metric, labels)
        found = self._series.get(key)
        if found is None:
            found = self._series[key] = metric.labels(*labels)
        return cast("M", found)

    def exposition(self, facts: Facts, accept: str = "") -> tuple[bytes, str]:
        """Give the text and its content type: OpenMetrics where ``accept`` asks for it."""
        self._facts.take(facts)
        if "application/openmetrics-text" in accept:
            return as_openmetrics(self.registry), OPENMETRICS  # type: ignore[no-untyped-call]
        return as_text(self.registry), TEXT


class _Gauges:
    """What is set anew at each scrape, so that what went away is not shown on."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(what: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"gatewright_{what}", text, labels, registry=registry)

        self._build = gauge("build_info", "The version of this program.", "version")
        self._served = gauge(
            "served_info", "What a group is served, and the commit.", "group", "version", "revision"
        )
        self._nodes = gauge("nodes", "Connected nodes by what they have.", "group", "state")
        self._stragglers = gauge("stragglers", "Connected nodes that are behind.", "group")
        self._unresolved = gauge("secrets_unresolved", "Secrets that cannot be read.")
        self._quarantined = gauge(
            "quarantined", "Resources that are not sent: a node refused them."
        )
        self._revoked = gauge(
            "keys_revoked_ahead", "Keys that are refused though the policy has them."
        )
        self._rollout = gauge("rollout_state", "1 for the state it is in.", "group", "state")
        self._wave = gauge("rollout_share", "Share of nodes that have the change.", "group")
        self._under_way = gauge("upstream_in_progress", "Requests under way.", "cluster")
        self._tokens = Counter(
            "gatewright_google_tokens",
            "Access tokens that Google service accounts were given.",
            registry=registry,
        )
        self._no_tokens = Counter(
            "gatewright_google_token_failures",
            "Times that a Google service account was given none.",
            registry=registry,
        )
        self._counted = (0, 0)

    def take(self, facts: Facts) -> None:
        for gauge in (
            self._build, self._served, self._nodes, self._stragglers, self._rollout, self._wave,
            self._under_way,
        ):  # fmt: skip
            gauge.clear()
        self._build.labels(facts.build).set(1)
        for one in facts.served:
            self._served.labels(one.group, one.version, one.revision).set(1)
        for (group, state), count in facts.nodes.items():
            self._nodes.labels(group, state).set(count)
        for group, count in facts.stragglers.items():
            self._stragglers.labels(group).set(count)
        self._unresolved.set(facts.unresolved)
        self._quarantined.set(facts.quarantined)
        self._revoked.set(facts.revoked)
        for group, state in facts.rollouts.items():
            self._rollout.labels(group, state).set(1)
        for group, share in facts.waves.items():
            self._wave.labels(group).set(share)
        for cluster, count in facts.under_way.items():
            self._under_way.labels(cluster).set(count)
        tokens, no_tokens = self._counted
        self._tokens.inc(facts.tokens - tokens)
        self._no_tokens.inc(facts.no_tokens - no_tokens)
        self._counted = facts.tokens, facts.no_tokens


def _labels(stream: Stream) -> tuple[str, str, str]:
    kind = short(stream.type_url) if stream.type_url else "aggregated"
    return stream.protocol, stream.group, kind
