"""ext_proc in the chain of a target: the edge, which translates, redacts, signs, or is a gate.

The filter stands in the clusters of targets that need it for anything, and its name is the
cluster's, so that each Envoy route can say what it is there: by default the edge has the whole
exchange; where only a stream's beginning is of interest it is a gate; else it is switched off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from compiler.lower.llm.names import NAMESPACE, cluster_name, process_filter_name
from compiler.lower.llm.variants import Variant, variants
from compiler.needs import Needs, gated, needs_of, served
from compiler.plan import Plan, Route
from compiler.plan_llm import FORMS, Endpoint, Model, Target
from xds.edge import attempt
from xds.edge.paths import CLUSTER
from xds.edge.usage_line import AUTHZ
from xds.schema import envoy
from xds.wire import pack

hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
ext_proc_v3 = envoy.extensions.filters.http.ext_proc.v3
route_v3 = envoy.config.route.v3
core_v3 = envoy.config.core.v3
previous_hosts_v3 = envoy.extensions.retry.host.previous_hosts.v3

_MODE = ext_proc_v3.ProcessingMode
_LONGEST = timedelta(hours=1)
"""Envoy takes no longer wait for an answer of the edge."""
_WORKERS_TRIED = 5
_SLACK = timedelta(seconds=5)
"""What the edge is waited for beyond any bound of a request: those are Envoy's router's to see to,
which goes on to the next target where this filter would end it all."""


@dataclass(frozen=True, slots=True)
class Processors:
    """Which clusters have the filter, each with the longest that a request may take there."""

    needs: Needs
    clusters: Mapping[str, timedelta]

    def filter(self, cluster: str) -> hcm_v3.HttpFilter | None:
        """Give the filter of a cluster's chain, or None where nothing there needs it."""
        longest = self.clusters.get(cluster)
        return None if longest is None else _filter(cluster, min(longest + _SLACK, _LONGEST))

    def whole(
        self, route: Route, endpoint: Endpoint, model: Model, variant: Variant
    ) -> frozenset[str]:
        """Find the clusters of a chain at which the edge has the whole exchange."""
        return frozenset(
            cluster_name(target)
            for target in _targets(variant)
            if self.needs.at(route, endpoint, model, target)
        )

    def present(
        self, route: Route, endpoint: Endpoint, model: Model, variant: Variant
    ) -> frozenset[str]:
        """Find the clusters of a chain at which the edge sees anything of an exchange."""
        return self.whole(route, endpoint, model, variant) | _gates(endpoint, model, variant)

    def settle(
        self,
        route: Route,
        endpoint: Endpoint,
        model: Model,
        variant: Variant,
        made: route_v3.Route,
    ) -> None:
        """Say on an Envoy route what the filter is at each cluster of its chain."""
        whole = self.whole(route, endpoint, model, variant)
        gates = _gates(endpoint, model, variant)
        for name in sorted({cluster_name(target) for target in _targets(variant)}):
            if name in whole or name not in self.clusters:
                continue
            config = _gate() if name in gates else ext_proc_v3.ExtProcPerRoute(disabled=True)
            made.typed_per_filter_config[process_filter_name(name)].CopyFrom(pack(config))
        if whole:
            made.metadata.filter_metadata[NAMESPACE].update(
                {"processed": dict.fromkeys(sorted(whole), True)}
            )


def processors_of(plan: Plan) -> Processors:
    """Work out, for a whole plan, which clusters have the filter."""
    processors = Processors(needs_of(plan), {})
    models = {model.name: model for model in plan.models}
    longest: dict[str, timedelta] = {}
    for route in plan.routes:
        for model in served(route, models):
            for endpoint in model.endpoints:
                if endpoint in FORMS:
                    continue  # the edge reads no files: where it would have to, none are taken
                for variant in variants(route, endpoint, model, processors.needs):
                    for name in processors.present(route, endpoint, model, variant):
                        longest[name] = max(longest.get(name, timedelta()), model.timeout)
    return Processors(processors.needs, longest)


def _targets(variant: Variant) -> Iterable[Target]:
    return (target for group in variant.groups for target in group.targets)


def _gates(endpoint: Endpoint, model: Model, variant: Variant) -> frozenset[str]:
    """The clusters of a chain whose streams may fall back: those of all groups but the last."""
    if not variant.stream or not gated(model, endpoint):
        return frozenset()
    tried = variant.groups[: model.fallback.attempts]
    return frozenset(cluster_name(target) for group in tried[:-1] for target in group.targets)


def _filter(cluster: str, patience: timedelta) -> hcm_v3.HttpFilter:
    config = ext_proc_v3.ExternalProcessor(
        failure_mode_allow=False,
        allow_content_length_header=True,
        # A gate answers to the headers only when it has seen some of the body.
        send_body_without_waiting_for_header_response=True,
        request_attributes=[attempt.ROUTE_ATTRIBUTE],
        # Those of requests come with a request alone, and a gate sees none.
        response_attributes=[attempt.ROUTE_ATTRIBUTE],
    )
    _ask_edge(config.grpc_service, cluster)
    config.message_timeout.FromTimedelta(patience)
    config.status_on_error.code = 503
    mode = config.processing_mode
    mode.request_header_mode = mode.response_header_mode = _MODE.SEND
    mode.request_body_mode = mode.response_body_mode = _MODE.FULL_DUPLEX_STREAMED
    mode.request_trailer_mode = mode.response_trailer_mode = _MODE.SEND
    config.mutation_rules.allow_all_routing.value = True
    config.mutation_rules.allow_envoy.value = True
    config.metadata_options.forwarding_namespaces.untyped.extend((NAMESPACE, AUTHZ))
    config.metadata_options.receiving_namespaces.untyped.append(NAMESPACE)
    return hcm_v3.HttpFilter(name=process_filter_name(cluster), typed_config=pack(config))


def _ask_edge(service: core_v3.GrpcService, cluster: str) -> None:
    """Have a whole exchange with one worker.

    One that is not there is passed over for another; what was begun is never begun anew.
    """
    service.envoy_grpc.cluster_name = CLUSTER
    # Envoy reads commands in the value (`%...%`), and names of models may hold an escaped `@`.
    service.initial_metadata.add(key=attempt.UPSTREAM, value=cluster.replace("%", "%%"))
    retries = service.retry_policy
    retries.retry_on = "connect-failure,refused-stream"
    retries.num_retries.value = _WORKERS_TRIED - 1
    retries.retry_back_off.base_interval.FromMilliseconds(2)
    # Envoy also takes this for what an attempt may take; the waits themselves stay far below it.
    retries.retry_back_off.max_interval.FromTimedelta(_LONGEST)
    elsewhere = retries.retry_host_predicate.add(name="envoy.retry_host_predicates.previous_hosts")
    elsewhere.typed_config.CopyFrom(pack(previous_hosts_v3.PreviousHostsPredicate()))
    # One that is gone has nothing to do, so of two it is drawn more often than not.
    retries.host_selection_retry_max_attempts = 50


def _gate() -> ext_proc_v3.ExtProcPerRoute:
    """See answers alone; an edge that is away lets them pass as they come."""
    config = ext_proc_v3.ExtProcPerRoute()
    mode = config.overrides.processing_mode
    mode.request_header_mode = _MODE.SKIP
    mode.response_header_mode = _MODE.SEND
    mode.request_body_mode = _MODE.NONE
    mode.response_body_mode = _MODE.STREAMED
    mode.request_trailer_mode = mode.response_trailer_mode = _MODE.SKIP
    config.overrides.failure_mode_allow.value = True
    return config
