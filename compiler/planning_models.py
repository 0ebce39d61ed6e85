"""Models of the plan: groups with prices, and fallbacks with every default filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from compiler.linking.findings import Findings
from compiler.linking.linked import Linked, LinkedModel, LinkedTarget
from compiler.plan_llm import Endpoint, Fallback, Group, Model, Price, Provider, Target, Trigger
from compiler.planning_limits import plan_limits
from compiler.prices import listed
from xds.edge.pairs import Way, pair

USUAL = (Trigger.RATE_LIMITED, Trigger.OVERLOADED, Trigger.TIMEOUT, Trigger.CONNECT_FAILURE)
"""What a chain goes on at unless it says so: what another provider does not suffer from too."""

OUTPUT = 4096
"""Tokens of output that are reserved for a request that states no bound, unless a model says so."""


def plan_models(
    linked: Linked, providers: Iterable[Provider], findings: Findings
) -> tuple[Model, ...]:
    """Plan all models, sorted by name."""
    by_name = {provider.name: provider for provider in providers}
    planned = []
    for model in linked.models:
        _check_context(model, by_name, findings)
        planned.append(
            Model(
                name=model.name,
                aliases=model.aliases,
                endpoints=_endpoints(model, by_name),
                groups=tuple(_group(group, by_name, linked) for group in model.groups),
                fallback=_fallback(model),
                timeout=model.document.timeout or linked.document.defaults.model_timeout,
                at=linked.locate(model.path),
                tags=tuple(sorted(set(model.document.tags))),
                on_request=model.document.access == "on_request",
                output=model.document.output or OUTPUT,
                limits=plan_limits(
                    model.document.limits,
                    model.document.budget,
                    model.path,
                    f"model/{model.name}",
                    f"model `{model.name}`",
                    linked,
                ),
            )
        )
    return tuple(planned)


def _endpoints(model: LinkedModel, providers: Mapping[str, Provider]) -> tuple[Endpoint, ...]:
    """Find the operations that all targets can serve."""
    speeches = {providers[one.provider].speech for group in model.groups for one in group}
    return tuple(
        endpoint
        for endpoint in Endpoint
        if all(
            (found := pair(endpoint.client, speech)) is not None and found.way is Way.SAME
            for speech in speeches
        )
    )


def _group(
    targets: tuple[LinkedTarget, ...], providers: Mapping[str, Provider], linked: Linked
) -> Group:
    """Plan a group, sorted; targets without a share are left out, a lone one has all of it."""
    shared = sorted(
        (target for target in targets if target.weight),
        key=lambda target: (target.provider, target.model),
    )
    return Group(
        tuple(
            Target(
                provider=target.provider,
                model=target.model,
                weight=target.weight if len(shared) > 1 else 1,
                timeout=target.timeout,
                price=_price(target, providers[target.provider], linked),
                at=linked.locate(target.path),
            )
            for target in shared
        )
    )


def _price(target: LinkedTarget, provider: Provider, linked: Linked) -> Price | None:
    written = linked.document.prices.get(f"{target.provider}/{target.model}")
    if written is not None:
        return Price(written.input, written.output, written.cached_input, "policy")
    return listed(provider.url, target.model).price


def _fallback(model: LinkedModel) -> Fallback:
    written = model.document.fallback
    chain = len(model.groups) > 1
    on = (USUAL if written.on is None else written.on) if chain else ()
    return Fallback(
        on=tuple(trigger for trigger in Trigger if trigger in on),
        attempt_timeout=written.attempt_timeout,
        attempts=len(model.groups) if written.attempts is None else written.attempts,
    )


def _check_context(
    model: LinkedModel, providers: Mapping[str, Provider], findings: Findings
) -> None:
    """Warn where a prompt that was too long goes to a model that holds no more."""
    on = model.document.fallback.on
    if on is None or Trigger.CONTEXT_EXCEEDED not in on:
        return
    windows = [
        [(listed(providers[t.provider].url, t.model).context_window, t) for t in group]
        for group in model.groups
    ]
    for before, after in pairwise(windows):
        holds = [window for window, _ in before]
        for window, target in after:
            least = min((held for held in holds if held is not None), default=None)
            if None in holds or least is None or window is None or window > least:
                continue
            findings.warning(
                "context-not-larger",
                f"`{target.provider}/{target.model}` holds {window:,} tokens, and a prompt that "
                f"exceeds {least:,} goes to it",
                target.path,
                f"{window:,} tokens",
                labels=[(before[0][1].path, f"{least:,} tokens")],
                hint="try a model with a larger context window next, or drop `context_exceeded`",
            )
