"""The names that clients ask for: models, their aliases, and other names of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from compiler.linking.findings import Findings
from compiler.schema import GatewayDocument
from compiler.source import Path


def link_names(document: GatewayDocument, findings: Findings) -> Mapping[str, str]:
    """Give the model that each name means, for names of models and aliases alike.

    Names whose meaning cannot be told are left out, and reported.
    """
    declared: dict[str, Path] = {name: ("models", name) for name in document.models}
    listed: dict[str, str] = {}
    for name, model in document.models.items():
        if isinstance(model, str):
            continue
        for place, alias in enumerate(model.aliases):
            at: Path = ("models", name, "aliases", place)
            if alias in declared:
                findings.error(
                    "ambiguous-model",
                    f"`{alias}` would be two models",
                    at,
                    "the same name",
                    labels=[(declared[alias], "declared here")],
                    hint="a name means one model: remove or rename one",
                )
                continue
            declared[alias] = at
            listed[alias] = name
    meaning: dict[str, str] = {}
    for name in declared:
        end = _follow(name, listed, document, findings)
        if end is not None:
            meaning[name] = end
    return meaning


def other_names(meaning: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """Give the other names of each model, sorted."""
    others: dict[str, list[str]] = defaultdict(list)
    for name, model in meaning.items():
        if name != model:
            others[model].append(name)
    return {model: tuple(sorted(names)) for model, names in others.items()}


def _follow(
    name: str, listed: Mapping[str, str], document: GatewayDocument, findings: Findings
) -> str | None:
    """Follow a name to a model with targets; None if it goes in a circle or leads nowhere."""
    trail = [name]
    while True:
        here = listed.get(trail[-1], trail[-1])
        model = document.models[here]
        if not isinstance(model, str):
            return here
        path: Path = ("models", here)
        if model in trail:
            # Each name of the circle comes here; the smallest tells it for all.
            circle = trail[trail.index(model) :]
            if name == min(circle) and name in document.models:
                _circle(circle, findings)
            return None
        if model not in document.models and model not in listed:
            if len(trail) == 1:
                known = [*document.models, *listed]
                findings.unknown(
                    "model",
                    "models",
                    model,
                    [other for other in known if other != here],
                    f"`{here}` is to be another name of model `{model}`",
                    path,
                    hint=f"for targets write a list: `{here}: {{ targets: [{model}] }}`"
                    if "/" in model
                    else None,
                )
            return None
        trail.append(model)


def _circle(circle: list[str], findings: Findings) -> None:
    arrows = " -> ".join(f"`{name}`" for name in (*circle, circle[0]))
    rest: list[tuple[Path, str]] = [(("models", name), "and on here") for name in circle[1:]]
    findings.error(
        "alias-cycle",
        f"these names mean each other: {arrows}",
        ("models", circle[0]),
        "leads back to itself",
        labels=rest,
        hint="give one of them `targets`",
    )
