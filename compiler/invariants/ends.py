"""Ends: where paths to models lead: a target that may be asked for a model, by an operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from compiler.invariants.doors import limits_in
from compiler.invariants.slots import Part, Slot
from compiler.lower.llm.variants import orders
from compiler.needs import COUNTS, Needs
from compiler.plan import Plan, Route
from compiler.plan_llm import Choice, Endpoint, Group, Model, Provider, Target
from xds.edge.pairs import pair

WORDS: Mapping[Endpoint, str] = {
    Endpoint.CHAT_COMPLETIONS: "chat",
    Endpoint.COMPLETIONS: "completions",
    Endpoint.RESPONSES: "responses",
    Endpoint.INPUT_TOKENS: "responses",
    Endpoint.MESSAGES: "messages",
    Endpoint.COUNT_TOKENS: "messages",
    Endpoint.EMBEDDINGS: "embeddings",
    Endpoint.IMAGES: "images",
    Endpoint.IMAGE_EDITS: "images",
    Endpoint.SPEECH: "speech",
    Endpoint.TRANSCRIPTIONS: "speech",
    Endpoint.AUDIO_TRANSLATIONS: "speech",
}
"""The API of clients that an operation is of, as policies call it."""


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


def ends_at(route: Route, plan: Plan, numbers: Mapping[str, int], needs: Needs) -> tuple[End, ...]:
    """Give the ends of all models as they are behind a route, simplest operations first.

    What a route redacts decides of an operation that is refused where files would have to be read.
    """
    providers = {provider.name: provider for provider in plan.providers}
    found: list[End] = []
    for model in plan.models:
        part = _part_of(model, plan)
        reached = reachable(model, providers)
        for endpoint in model.endpoints:
            if needs.unread(route, endpoint, model):
                continue
            for target in reached:
                provider = providers[target.provider]
                if endpoint in COUNTS and pair(endpoint.client, provider.speech) is None:
                    continue  # nothing is sent: the edge counts
                own = {
                    **part,
                    Slot.OPERATIONS: frozenset({WORDS[endpoint]}),
                    Slot.PROVIDERS: frozenset({target.provider}),
                    Slot.TARGETS: frozenset({f"{target.provider}/{target.model}"}),
                    Slot.EGRESS: frozenset({provider.trust.value}),
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
        Slot.MODELS: frozenset({model.name}),
        Slot.TAGS: frozenset(model.tags),
    }
