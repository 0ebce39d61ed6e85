"""Ends: where paths to models lead: a target that may be asked for a model, by an operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from compiler.invariants.doors import limits_in
from compiler.invariants.invariant import Word
from compiler.invariants.slots import Part, Slot
from compiler.lower.llm.variants import orders
from compiler.plan import Plan
from compiler.plan_llm import Choice, Endpoint, Group, Model, Provider, Target

WORDS: Final[Mapping[Endpoint, str]] = {
    Endpoint.CHAT_COMPLETIONS: "chat",
    Endpoint.COMPLETIONS: "completions",
    Endpoint.RESPONSES: "responses",
    Endpoint.MESSAGES: "messages",
    Endpoint.EMBEDDINGS: "embeddings",
    Endpoint.IMAGES: "images",
    Endpoint.SPEECH: "speech",
}
"""The API of clients that an operation is of, as policies call it. What comes with one of these
(counts, and the same with files) leads nowhere that it does not lead."""


@dataclass(frozen=True, slots=True)
class End:
    """``model`` is None where a door leads to no models; ``number`` is the model's bit."""

    number: int = 0
    model: Model | None = None
    endpoint: Endpoint | None = None
    target: Target | None = None
    part: Part = field(compare=False, default_factory=dict)


NOWHERE = End()
"""The end of a path that leads to no model."""


def ends_of(plan: Plan, numbers: Mapping[str, int]) -> tuple[End, ...]:
    """Give the ends of all models, the simplest operations of each first."""
    providers = {provider.name: provider for provider in plan.providers}
    found: list[End] = []
    for model in plan.models:
        part = _part_of(model, plan)
        reached = reachable(model, providers)
        for endpoint in (one for one in model.endpoints if one in WORDS):
            for target in reached:
                own = {
                    **part,
                    Word.OPERATIONS: frozenset({WORDS[endpoint]}),
                    Word.PROVIDERS: frozenset({target.provider}),
                    Word.TARGETS: frozenset({f"{target.provider}/{target.model}"}),
                    Word.EGRESS: frozenset({providers[target.provider].trust.value}),
                }
                found.append(End(numbers[model.name], model, endpoint, target, own))
    return tuple(found)


def reachable(model: Model, providers: Mapping[str, Provider]) -> tuple[Target, ...]:
    """Give the targets that may be asked for a model, each once, those that are tried first first.

    A chain may end before its last group (`attempts`), and may begin with another than its first.
    Where it goes on for nothing, a group is passed by only while all of it cools down.
    """
    found: dict[tuple[str, str], Target] = {}
    for order in orders(model):
        for group in order.groups[: model.fallback.attempts]:
            for target in group.targets:
                found.setdefault((target.provider, target.model), target)
            if not model.fallback.on and not cools_down(group, providers):
                break
    return tuple(found.values())


def cools_down(group: Group, providers: Mapping[str, Provider]) -> bool:
    """Tell whether a whole group may be cooling down."""
    return all(providers[one.provider].cool_down is not None for one in group.targets)


def _part_of(model: Model, plan: Plan) -> dict[Slot, frozenset[str]]:
    """Say what all paths to a model have."""
    latency = model.choice is Choice.LATENCY and len(model.groups) > 1
    firsts = model.groups if latency else model.groups[:1]
    asked = {target.provider for group in firsts for target in group.targets}
    limits = [*model.limits]
    for provider in plan.providers:
        if provider.name in asked:
            limits += provider.limits
    return {
        **limits_in(limits),
        Word.MODELS: frozenset({model.name}),
        Word.TAGS: frozenset(model.tags),
    }
