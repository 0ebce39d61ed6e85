"""What the edge does to requests for models, as it is served: the resource PROCESSING.

An attempt tells the edge the names of its cluster and of its Envoy route. So there is an upstream
for each cluster with the edge in its chain, and an operation for each route that leads to one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compiler.lower.llm import body_bytes_of
from compiler.lower.llm.attempt import authority
from compiler.lower.llm.names import cluster_name
from compiler.lower.llm.processors import Processors, processors_of
from compiler.lower.llm.variants import variants
from compiler.needs import served, targets_of
from compiler.plan import Plan, Route, Serve
from compiler.plan_llm import FORMS, Endpoint, Model, Provider, Redaction, Target, Trust
from policies.secret import SecretRef
from xds.edge import processing
from xds.edge.resources import PROCESSING, edge_resource
from xds.resource import Resource

NAME = "processing"
"""The name of the one resource of its type."""


def processing_resource(plan: Plan) -> Resource | None:
    """Make the resource; None where no request for a model meets the edge on its way."""
    made = processing_of(plan)
    if made is None:
        return None
    return edge_resource(PROCESSING, NAME, processing.write_processing(made))


def processing_of(plan: Plan) -> processing.Processing | None:
    """Say what the edge goes by; None where it has nothing to do."""
    processors = processors_of(plan)
    if not processors.clusters:
        return None
    providers = {provider.name: provider for provider in plan.providers}
    operations = dict(_operations(plan, processors))
    redactions = {one.name: one.rules for one in _redactions(plan)}
    return processing.Processing(
        upstreams={
            cluster_name(target): _upstream(providers[target.provider], target)
            for model in plan.models
            for target in targets_of(model)
            if cluster_name(target) in processors.clusters
        },
        operations=operations,
        redactions=redactions,
        tenants={tenant.name: tenant.redact for tenant in plan.tenants if tenant.redact},
        body_limit=max(
            body_bytes_of(route) for route in plan.routes if isinstance(route.action, Serve)
        ),
    )


def processing_secrets(plan: Plan) -> Iterator[SecretRef]:
    """Yield the secrets that the resource speaks of, beside those of providers."""
    for redaction in _redactions(plan):
        if redaction.hash_key is not None:
            yield redaction.hash_key


def _operations(plan: Plan, processors: Processors) -> Iterator[tuple[str, processing.Operation]]:
    models = {model.name: model for model in plan.models}
    for route in plan.routes:
        for model in served(route, models):
            for endpoint in model.endpoints:
                if endpoint in FORMS:
                    continue
                for variant in variants(route, endpoint, model, processors.needs):
                    if processors.present(route, endpoint, model, variant):
                        yield variant.name, _operation(plan, route, endpoint, model)


def _operation(plan: Plan, route: Route, endpoint: Endpoint, model: Model) -> processing.Operation:
    return processing.Operation(
        client=endpoint.client,
        route=route.name,
        model=model.name,
        on=tuple(trigger.value for trigger in model.fallback.on),
        trim=model.fallback.trim,
        output=model.output,
        redact=tuple(dict.fromkeys((*plan.redact, *route.redact))),
    )


def _upstream(provider: Provider, target: Target) -> processing.Upstream:
    google = provider.google
    return processing.Upstream(
        name=provider.name,
        provider=provider.speech,
        model=target.model,
        authority=authority(provider.url),
        base=provider.url.path,
        project="" if google is None else google.project,
        location="" if google is None else google.location,
        api_version=provider.api_version,
        external=provider.trust is Trust.EXTERNAL,
        window=target.window or 0,
        aws=_aws(provider),
    )


def _aws(provider: Provider) -> processing.Aws | None:
    """Who the edge signs as; None where Envoy signs, or nobody does."""
    if provider.aws is None or provider.aws.keys is None:
        return None
    keys = provider.aws.keys
    return processing.Aws(
        region=provider.aws.region,
        access_key=keys.access_key.name,
        secret_key=keys.secret_key.name,
        session_token="" if keys.session_token is None else keys.session_token.name,
    )


def _redactions(plan: Plan) -> Iterable[Redaction]:
    """The redactions that anybody's requests may be under."""
    named = {*plan.redact}
    for route in plan.routes:
        named.update(route.redact)
    for tenant in plan.tenants:
        named.update(tenant.redact)
    return (one for one in plan.redactions if one.name in named)
