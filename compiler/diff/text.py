"""A review as text without colours: one screen, the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from compiler.diff.change import Change, Severity
from compiler.diff.connections import Effect
from compiler.diff.radius import Radius
from compiler.diff.resources import ResourceChange
from compiler.diff.review import Review
from compiler.diff.spending import Spending, usd
from compiler.render.mask import mask
from compiler.source import Span

SCREEN = 24
"""How many changes are shown before it is said how many more there are."""
_FEW = 6

SIGNS = {
    Severity.DANGER: "!!",
    Severity.LOSS: " -",
    Severity.GAIN: " +",
    Severity.NEUTRAL: " ~",
}


def render_text(review: Review, *, whole: bool = False) -> str:
    """Write a review; ``whole`` shows every change, and every field of every resource."""
    if review.same:
        return f"{review.before} and {review.after} do the same\n"
    return mask("".join(f"{line}\n" for line in _lines(review, whole=whole)))


def headline(review: Review) -> str:
    """Say how many changes of each severity there are."""
    counts = [(word, len(review.changes.of(severity))) for severity, word in _WORDS.items()]
    return ", ".join(f"{count} {_many(word, count)}" for word, count in counts if count)


_WORDS = {
    Severity.DANGER: "danger",
    Severity.LOSS: "loss",
    Severity.GAIN: "gain",
    Severity.NEUTRAL: "other change",
}


def _many(word: str, count: int) -> str:
    return word if count == 1 else f"{word}es" if word.endswith("s") else f"{word}s"


def _lines(review: Review, *, whole: bool) -> Iterator[str]:
    yield f"{review.before} -> {review.after}: {headline(review)}"
    yield ""
    entries = review.changes.entries
    shown = entries if whole else entries[:SCREEN]
    for change in shown:
        yield f"{SIGNS[change.severity]} {change.subject}: {change.message}{place(change)}"
    if len(shown) < len(entries):
        yield f"    ... and {len(entries) - len(shown)} more; --all shows them"
    yield ""
    if review.spending is not None:
        yield from spent_lines(review.spending)
    yield from connection_lines(review)
    yield f"touches {radius_said(review.radius)}"
    yield from _resources(review.resources, whole=whole)


def place(change: Change) -> str:
    """Give the lines of a change: the later policy's, or the earlier one's where it is gone."""
    spans = change.after_at or change.before_at
    if not spans:
        return ""
    gone = "" if change.after_at else "was "
    return f"  ({gone}{_spans(spans)})"


def _spans(spans: Sequence[Span]) -> str:
    first = f"{spans[0].file}:{spans[0].line}"
    more = len(spans) - 1
    return first if not more else f"{first} and {more} more"


def spent_lines(spending: Spending) -> Iterator[str]:
    """Say what the recorded period would have cost."""
    total = spending.total
    yield f"cost of the recorded period: {spent(total.before, total.after)}"
    for one in spending.groups[:_FEW]:
        refused = f", {one.refused} requests refused" if one.refused else ""
        who = one.tenant or "(nobody known)"
        yield f"    {who}, {one.model}: {spent(one.before, one.after)}{refused}"
    if len(spending.groups) > _FEW:
        yield f"    ... and {len(spending.groups) - _FEW} more"
    if total.unpriced:
        yield f"    ({total.unpriced} requests have no known price and are left out)"


def spent(before: int, after: int) -> str:
    """Say two sums of money and how far they are apart."""
    change = ""
    if before != after:
        sign = "+" if after > before else "-"
        change = f" ({sign}{usd(abs(after - before))}"
        change += f", {100 * (after - before) / before:+.3g} %)" if before else ")"
    return f"{usd(before)} -> {usd(after)} USD{change}"


def connection_lines(review: Review) -> Iterator[str]:
    """Say what drains and reconnects, one line for all that fare alike."""
    for effect, lead in (
        (Effect.DRAINS, "clients reconnect: listener"),
        (Effect.CLOSES, "nobody answers any more: listener"),
        (Effect.RECONNECTS, "new connections upstream: cluster"),
        (Effect.ENDS, "connections upstream end: cluster"),
        (Effect.MOVES, "endpoints change, others keep their connections: cluster"),
    ):
        names = [one.name for one in review.connections if one.effect is effect]
        if names:
            shown = ", ".join(names[:_FEW])
            more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
            yield f"{lead}{'s' if len(names) > 1 else ''} {shown}{more}"
    if not review.connections and not review.same:
        yield "no connection is drained or made anew"


def radius_said(radius: Radius) -> str:
    """Say how much is touched."""
    parts = [
        _of(len(radius.tenants), radius.all_tenants, "tenant"),
        _of(len(radius.models), radius.all_models, "model"),
        _of(len(radius.routes), radius.all_routes, "route"),
    ]
    words = ", ".join(part for part in parts if part) or "nothing"
    traffic = radius.traffic
    if traffic is not None and traffic.requests:
        share = 100 * traffic.touched / traffic.requests
        words += f"; {share:.3g} % of {traffic.requests:,} recorded requests"
    return words


def _of(some: int, whole: int, noun: str) -> str:
    if not whole:
        return ""
    return f"{some} of {whole} {noun}{'' if whole == 1 else 's'}"


def _resources(resources: Sequence[ResourceChange], *, whole: bool) -> Iterator[str]:
    counts = Counter((one.type, one.fate) for one in resources)
    said = [f"{count} {kind} {fate}" for (kind, fate), count in counts.items()]
    yield f"resources: {', '.join(said) or 'none'}"
    if whole:
        for one in resources:
            yield f"    {one.fate} {one.type} {one.name}"
            for field in one.fields:
                yield f"        {field.path}: {field.before} -> {field.after}"
