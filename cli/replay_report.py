"""What a replay comes to, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compiler.expectations.judge import usd
from compiler.render.mask import mask
from compiler.render.terminal import printable
from compiler.replaying.change import Kind
from compiler.replaying.tally import Group, Spent, Tally

_GROUPS = 20
_TENANTS = 5


@dataclass(slots=True)
class Bad:
    """Lines that could not be read: how many, and where the first one is and why."""

    count: int = 0
    first: str = ""


def text(tally: Tally, bad: Bad) -> str:
    """Lay it out for a terminal."""
    lines = [f"{_counted(tally.requests)}, {tally.changed:,} change{_share(tally)}"]
    for kind in Kind:
        groups = tally.sorted_groups(kind)
        if not groups:
            continue
        lines.append(f"{kind.value}: {_counted(tally.by_kind[kind])}")
        for group in groups[:_GROUPS]:
            lines += _group_lines(group)
        if len(groups) > _GROUPS:
            lines.append(f"  ... {len(groups) - _GROUPS} more; --json shows all")
    lines += _cost_lines(tally)
    if bad.count:
        noun = "line cannot" if bad.count == 1 else "lines cannot"
        lines.append(f"{bad.count:,} {noun} be read; the first: {bad.first}")
    return "\n".join(map(printable, lines))


def data(tally: Tally, bad: Bad) -> dict[str, Any]:
    """Give the same as plain data."""
    return {
        "requests": tally.requests,
        "changed": tally.changed,
        "kinds": {kind.value: tally.by_kind[kind] for kind in Kind if tally.by_kind[kind]},
        "changes": [
            {
                "kind": kind.value,
                "before": mask(group.change.before),
                "after": mask(group.change.after),
                "requests": group.count,
                "tenants": dict(group.tenants.most_common()),
                "examples": group.examples,
            }
            for kind in Kind
            for group in tally.sorted_groups(kind)
        ],
        "cost": {
            model: {
                "requests": spent.requests,
                "changed": spent.changed,
                "before_usd": usd(spent.before).removesuffix(" USD"),
                "after_usd": usd(spent.after).removesuffix(" USD"),
                "unknown": spent.unknown,
            }
            for model, spent in sorted(tally.costs.items())
        },
        "unreadable": {"lines": bad.count, "first": bad.first or None},
    }


def _group_lines(group: Group) -> Iterator[str]:
    change = group.change
    yield f"  {group.count:>7,}  {mask(change.before)} -> {mask(change.after)}"
    tenants = [
        f"{name or 'nobody known'} {count:,}" for name, count in group.tenants.most_common(_TENANTS)
    ]
    if len(group.tenants) > _TENANTS:
        tenants.append(f"{len(group.tenants) - _TENANTS} more")
    yield f"           {', '.join(tenants)}"
    if group.examples:
        yield f"           such as {', '.join(group.examples)}"


def _cost_lines(tally: Tally) -> Iterator[str]:
    changed = {model: spent for model, spent in tally.costs.items() if spent.changed}
    if not changed:
        return
    yield "cost of the same tokens"
    for model, spent in sorted(changed.items()):
        yield f"  {model}: {usd(spent.before)} -> {usd(spent.after)}{_by(spent)}"


def _by(spent: Spent) -> str:
    words = ""
    if spent.before:
        words = f" ({100 * (spent.after - spent.before) / spent.before:+.1f} %)"
    if spent.unknown:
        words += f", {_counted(spent.unknown)} without a price"
    return words


def _share(tally: Tally) -> str:
    return f" ({100 * tally.changed / tally.requests:.1f} %)" if tally.requests else ""


def _counted(number: int) -> str:
    return f"{number:,} request{'' if number == 1 else 's'}"
