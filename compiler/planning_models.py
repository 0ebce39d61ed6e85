"""Models of the plan: groups with prices, and fallbacks with every default filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from compiler.linking.choosing import chosen
from compiler.linking.findings import Findings
from compiler.linking.linked import Linked, LinkedModel, LinkedTarget
from compiler.needs import STREAMED
from compiler.plan_llm import Fallback, Group, Model, Price, Provider, Retries, Target, Trigger
from compiler.planning_chains import Placed, check_trim, check_windows, ordered
from compiler.planning_limits import plan_limits
from compiler.prices import listed

USUAL = (Trigger.RATE_LIMITED, Trigger.OVERLOADED, Trigger.TIMEOUT, Trigger.CONNECT_FAILURE)
"""What a chain goes on at unless it says so: what another provider does not suffer from too."""

OUTPUT = 4096
"""Tokens of output that are reserved for a request that states no bound, unless a model says so."""


def plan_models(
    linked: Linked, providers: Iterable[Provider], findings: Findings
) -> tuple[Model, ...]:
    """Plan all models, sorted by name."""
    by_name = {provider.name: provider for provider in providers}
    return tuple(_model(model, by_name, linked, findings) for model in linked.models)


def _model(
    model: LinkedModel, providers: Mapping[str, Provider], linked: Linked, findings: Findings
) -> Model:
    choice = chosen(model.document, model.groups)
    written = [_group(group, providers, linked) for group in model.groups]
    placed = ordered(model, written, choice, findings)
    groups = tuple(group for group, _ in placed)
    fallback = _fallback(model)
    if len(groups) > 1:
        check_windows(model, placed, choice, fallback.on, findings)
    check_trim(model, groups, findings)
    return Model(
        name=model.name,
        aliases=model.aliases,
        endpoints=model.endpoints,
        groups=groups,
        fallback=fallback,
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
        choice=choice,
    )


def _group(
    targets: tuple[LinkedTarget, ...], providers: Mapping[str, Provider], linked: Linked
) -> Placed:
    """Plan a group, sorted; targets without a share are left out, a lone one has all of it."""
    shared = sorted(
        (target for target in targets if target.weight),
        key=lambda target: (target.provider, target.model),
    )
    group = Group(
        tuple(
            Target(
                provider=target.provider,
                model=target.model,
                weight=target.weight if len(shared) > 1 else 1,
                timeout=target.timeout,
                price=_price(target, providers[target.provider], linked),
                at=linked.locate(target.path),
                window=target.window
                or listed(providers[target.provider].url, target.model).context_window,
            )
            for target in shared
        )
    )
    return group, tuple(target.path for target in shared)


def _price(target: LinkedTarget, provider: Provider, linked: Linked) -> Price | None:
    written = linked.document.prices.get(f"{target.provider}/{target.model}")
    if written is not None:
        return Price(written.input, written.output, written.cached_input, "policy")
    return listed(provider.url, target.model).price


def _fallback(model: LinkedModel) -> Fallback:
    written = model.document.fallback
    chain = len(model.groups) > 1
    retries = written.retries
    on = (USUAL if written.on is None else written.on) if chain or retries is not None else ()
    attempts = len(model.groups) if written.attempts is None else written.attempts
    held = written.before_first_token in (None, "fall_back")
    gate = held and chain and attempts > 1 and bool(on)
    return Fallback(
        on=tuple(trigger for trigger in Trigger if trigger in on),
        attempt_timeout=written.attempt_timeout,
        attempts=attempts,
        gate=gate and not STREAMED.isdisjoint(model.endpoints),
        trim=written.trim is not None,
        retries=None if retries is None else Retries(retries.attempts, retries.longest_wait),
    )
