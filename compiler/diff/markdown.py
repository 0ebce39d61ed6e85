"""A review for a comment on a pull request: what matters first, all else behind a click."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from compiler.diff.change import Area, Change, Severity
from compiler.diff.resources import ResourceChange
from compiler.diff.review import Review
from compiler.diff.spending import Spending
from compiler.diff.text import connection_lines, headline, place, radius_said, spent
from compiler.render.markdown import MAX_LENGTH
from compiler.render.mask import mask

if TYPE_CHECKING:
    from jinja2 import Template

OPEN = 8
"""How many changes are in sight; of the rest one has to open a block."""
_CUTS = (2_000, 400, 100, 30, 8)
"""How many items a block may have, from the first that makes the comment short enough."""
_LONGEST = 600


class _Block(NamedTuple):
    """Something to open: its items are bullets, or the lines of a piece of code."""

    title: str
    items: Sequence[str]
    more: int
    fence: str = ""


def render_markdown(review: Review) -> str:
    """Write a comment of fewer than 60,000 characters."""
    texts = (_render(review, most) for most in _CUTS)
    shortest = ""
    for text in texts:
        shortest = text
        if len(text) < MAX_LENGTH:
            break
    return shortest


def _render(review: Review, most: int) -> str:
    entries = review.changes.entries
    # By which lane it goes is in sight only where there is nothing else to say.
    in_sight = [one for one in entries if one.area is not Area.LANES]
    shown = (in_sight or list(entries))[:OPEN]
    rest = [one for one in entries if one not in shown]
    return _template().render(
        headline=headline(review) or "no change of behaviour",
        before=_inline(f"`{review.before}`"),
        after=_inline(f"`{review.after}`"),
        same=review.same,
        touches=_inline(radius_said(review.radius)),
        connections=[_inline(line) for line in connection_lines(review)],
        cost=None
        if review.spending is None
        else _inline(spent(review.spending.total.before, review.spending.total.after)),
        shown=[_item(one) for one in shown],
        blocks=list(_blocks(review, rest, most)),
    )


def _blocks(review: Review, rest: Sequence[Change], most: int) -> Iterator[_Block]:
    for area in Area:
        found = [one for one in rest if one.area is area]
        if found:
            items = [_item(one) for one in found[:most]]
            yield _Block(f"{area}: {len(found)} more", items, len(found) - len(items))
    if review.spending is not None:
        yield from _spending(review.spending, most)
    if review.resources:
        yield _resources(review.resources, most)


def _item(change: Change) -> str:
    where = place(change).strip()
    tail = f" <sub>{_inline(where)}</sub>" if where else ""
    words = f"{change.subject}: {change.message}"
    if len(words) > _LONGEST:
        words = f"{words[: _LONGEST - 3]}..."
    lead = "" if change.severity is Severity.NEUTRAL else f"**{change.severity}** "
    return f"{lead}{_inline(words)}{tail}"


def _spending(spending: Spending, most: int) -> Iterator[_Block]:
    groups = spending.groups[:most]
    items = []
    for one in groups:
        refused = f", {one.refused} requests refused" if one.refused else ""
        who = f"`{one.tenant}`" if one.tenant else "nobody known"
        items.append(_inline(f"{who}, `{one.model}`: {spent(one.before, one.after)}{refused}"))
    if spending.total.unpriced:
        items.append(f"{spending.total.unpriced} requests have no known price and are left out")
    if items:
        title = "what the recorded period would have cost, by tenant and model"
        yield _Block(title, items, len(spending.groups) - len(groups))


def _resources(resources: Sequence[ResourceChange], most: int) -> _Block:
    lines: list[str] = []
    for one in resources:
        lines.append(f"  {one.fate} {one.type} {one.name}")
        for field in one.fields:
            if field.before is not None:
                lines.append(f"-   {field.path}: {field.before}")
            if field.after is not None:
                lines.append(f"+   {field.path}: {field.after}")
    kept = mask("\n".join(lines[:most])).splitlines()
    run = max((len(found) for found in re.findall("`+", "\n".join(kept))), default=0)
    title = f"resources: {len(resources)} added, changed or removed"
    return _Block(title, kept, len(lines) - len(kept), "`" * max(3, run + 1))


def _inline(text: str) -> str:
    """Turn what stands in backticks into code, and have nothing else be markup or a mention."""
    parts = mask(text.replace("\n", " ")).split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = [f"{parts[-2]}'{parts[-1]}"]
    made = []
    for place_, part in enumerate(parts):
        safe = escape(part, quote=False).replace("@", "@\u200b")
        if place_ % 2:
            made.append(f"<code>{safe}</code>")
        else:
            made.append(re.sub(r"([\\*_\[\]|~#])", r"\\\1", safe))
    return "".join(made)


@cache
def _template() -> Template:
    """Read the template once; what is put into it is escaped already, or fenced."""
    # Here, because no other format needs its 30 ms.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("compiler.diff", "templates"),
        autoescape=False,  # noqa: S701 - Markdown: see above
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    loaded: Any = environment.get_template("review.md.jinja")
    found: Template = loaded
    return found
