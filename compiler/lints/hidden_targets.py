"""Targets and branches whose weight leaves them next to nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from compiler.linking.findings import Findings
from compiler.linking.linked import Linked
from compiler.source import Path

LEAST: Final = 0.001
"""The share of the requests below which nobody looks at what became of them."""


def check_hidden_targets(linked: Linked, findings: Findings) -> None:
    """Warn of targets and branches that get no request, or less than one in a thousand."""
    for shares in _shared(linked):
        whole = sum(weight for _, weight, _ in shares)
        for name, weight, path in shares:
            if whole and weight < whole * LEAST:
                part = "no request" if not weight else f"{weight} of {whole:,} requests"
                findings.warning(
                    "hidden-target",
                    f"`{name}` gets {part}",
                    (*path, "weight"),
                    "of all weights beside it",
                    hint="raise its weight, or remove it",
                )


def _shared(linked: Linked) -> Iterator[Sequence[tuple[str, int, Path]]]:
    """Give what shares requests by weight: names, weights and places."""
    for model in linked.models:
        for group in model.groups:
            yield [(f"{one.provider}/{one.model}", one.weight, one.path) for one in group]
    for route in linked.routes:
        branches = route.document.split or ()
        yield [
            (branch.to, branch.weight, (*route.path, "split", place))
            for place, branch in enumerate(branches)
        ]
