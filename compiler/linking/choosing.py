"""How a model chooses its first target: there is something to choose from, and a way to."""

from __future__ import annotations

from compiler.linking.findings import Findings
from compiler.linking.targets import Groups
from compiler.plan_llm import Choice
from compiler.schema.models import ModelDocument
from compiler.source import Path


def in_order(model: ModelDocument) -> bool:
    """Whether the groups of a model are tried as they are written."""
    return model.choose in (None, Choice.ORDER, Choice.WEIGHT)


def chosen(model: ModelDocument, groups: Groups) -> Choice:
    """Give what a model chooses by: as written, else by shares where it is one group of several."""
    if model.choose is not None:
        return model.choose
    shared = len(groups) == 1 and sum(target.weight > 0 for target in groups[0]) > 1
    return Choice.WEIGHT if shared else Choice.ORDER


def check_choice(model: ModelDocument, groups: Groups, path: Path, findings: Findings) -> None:
    """Check what is written; prices and windows are checked where they are known."""
    at: Path = (*path, "choose")
    if model.choose is Choice.WEIGHT and (len(groups) > 1 or len(groups[0]) == 1):
        findings.error(
            "choose-without-weights",
            "`choose: weight` draws from targets with shares, and these are a chain"
            if len(groups) > 1
            else "`choose: weight` draws from several targets, and there is one",
            at,
            labels=[((*path, "targets"), "no shares")],
            hint="give every target a weight: `{ to: .., weight: 90 }`",
        )
    elif model.choose not in (None, Choice.WEIGHT) and len(groups) == 1:
        several = len(groups[0]) > 1
        findings.error(
            "nothing-to-choose",
            f"`choose: {model.choose}` is about the order of a chain, and there is "
            + ("one group that shares the requests" if several else "one target"),
            at,
            labels=[((*path, "targets"), "one group" if several else "one target")],
            hint="remove the weights, or write `choose: weight`" if several else "add a target",
        )
