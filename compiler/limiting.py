"""From a limit as it was written to a limit that is counted: its shape, and the name it keeps.

The name is made of the place, the unit and the period, and of what is not usual about it. The
amount takes no part: who edits it goes on with what was counted.
"""

from __future__ import annotations

from compiler.schema.limits import BudgetDocument, LimitDocument
from policies.limit_text import amount_of
from xds.edge.limit import Away, Each, Limit, Period, Shape, Unit

_BY_CALENDAR = (Period.DAY, Period.MONTH)


def shape_of(written: LimitDocument) -> Shape:
    """Tell how the time of a limit is cut."""
    if written.limit.unit is Unit.CONCURRENT:
        return Shape.CONCURRENT
    if written.burst is not None or written.per == "edge":
        return Shape.BUCKET
    if written.window is not None:
        return Shape(written.window)
    return _usual(written.limit.period)


def suffix_of(written: LimitDocument | BudgetDocument) -> str:
    """Give what a limit is called at its place: ``requests/minute``, ``cost/month/budget``."""
    text = written.limit
    if text.unit is Unit.CONCURRENT:
        parts = [text.unit.value]
    else:
        parts = [text.unit.value, text.period.value]
    if isinstance(written, LimitDocument):
        shape = shape_of(written)
        if written.per == "edge":
            parts.append(written.per)
        elif shape is not Shape.CONCURRENT and shape is not _usual(text.period):
            parts.append(shape.value)
    if written.each is not Each.ALL:
        parts.append(f"each-{written.each.value}")
    if isinstance(written, BudgetDocument):
        parts.append("budget")
    return "/".join(parts)


def limit_of(written: LimitDocument | BudgetDocument, place: str, owner: str, away: Away) -> Limit:
    """Give the limit; ``place`` is such as ``tenant/acme``, ``away`` what holds unless written."""
    text = written.limit
    budget = isinstance(written, BudgetDocument)
    shape = Shape.CALENDAR if isinstance(written, BudgetDocument) else shape_of(written)
    burst = 0
    if isinstance(written, LimitDocument) and shape is Shape.BUCKET:
        stated = None if written.burst is None else amount_of(written.burst, text.unit)
        burst = text.amount if stated is None else stated
    return Limit(
        id=f"{place}/{suffix_of(written)}",
        owner=owner,
        text=text.text,
        unit=text.unit,
        amount=text.amount,
        period=text.period,
        shape=shape,
        burst=burst,
        each=written.each,
        away=written.when_away or away,
        budget=budget,
    )


def _usual(period: Period) -> Shape:
    return Shape.CALENDAR if period in _BY_CALENDAR else Shape.SLIDING
