"""Questions to the ledger as SQL, in the words of SQLite and of PostgreSQL; pure.

Sums are whole numbers: tokens, and nano-USD. Days and months are those of UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ext_authz.ledger.columns import COLUMNS, TABLE, quoted

_DAY: Final = {
    "sqlite": "strftime('{}', \"time\" / 1000, 'unixepoch')",
    "postgres": "to_char(to_timestamp(\"time\" / 1000) AT TIME ZONE 'UTC', '{}')",
}
_FORMATS: Final = {
    "day": {"sqlite": "%Y-%m-%d", "postgres": "YYYY-MM-DD"},
    "month": {"sqlite": "%Y-%m", "postgres": "YYYY-MM"},
    "hour": {"sqlite": "%Y-%m-%dT%H:00Z", "postgres": 'YYYY-MM-DD"T"HH24":00Z"'},
}
PRICED: Final = ("price", "input_price", "output_price")
"""What tells one version of a price from another."""

DIMENSIONS: Final = (
    *("tenant", "team", "key", "model", "served", "provider", "route", "day", "month", "hour"),
    *("status", "endpoint", "subject", "gateway"),
)
"""What sums may be asked by."""

FILTERS: Final = ("tenant", "team", "key", "model", "served", "provider", "route", "gateway")
"""Columns whose values a question may be narrowed to."""

SUMS: Final = ("input", "output", "cached", "reasoning", "cost")


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which rows: those that began in ``[since, until)`` (ms since 1970), with one of the values.

    ``values`` are by column; ``statuses`` are ranges of HTTP statuses, both ends in them.
    """

    since: int | None = None
    until: int | None = None
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    statuses: tuple[tuple[int, int], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Question:
    """SQL and its parameters."""

    sql: str
    parameters: tuple[str | int, ...]


def sums(by: Sequence[str], narrowed: Narrowed, dialect: str, more: Sequence[str] = ()) -> Question:
    """Ask for counts and sums by dimensions, and further by the version of the price.

    Rows of the answer: the dimensions, ``more`` columns, the three of the price, requests, those
    that failed, those whose usage is an estimate, and ``SUMS``.
    """
    groups = [*(_expression(name, dialect) for name in by), *map(quoted, (*more, *PRICED))]
    failed = 'SUM(CASE WHEN "status" BETWEEN 200 AND 399 THEN 0 ELSE 1 END)'
    yes = "1" if dialect == "sqlite" else "TRUE"
    estimated = f'SUM(CASE WHEN "estimated" = {yes} THEN 1 ELSE 0 END)'
    columns = [*groups, "COUNT(*)", failed, estimated, *(f"SUM({quoted(name)})" for name in SUMS)]
    where, parameters = _where(narrowed, dialect)
    places = ", ".join(str(place + 1) for place in range(len(groups)))
    return Question(
        f"SELECT {', '.join(columns)} FROM {TABLE}{where} GROUP BY {places} ORDER BY {places}",  # noqa: S608 - names of our own
        parameters,
    )


def rows(narrowed: Narrowed, dialect: str) -> Question:
    """Ask for the rows themselves, in the order in which their requests began."""
    where, parameters = _where(narrowed, dialect)
    names = ", ".join(map(quoted, COLUMNS))
    return Question(f'SELECT {names} FROM {TABLE}{where} ORDER BY "time", "id"', parameters)  # noqa: S608 - names of our own


def _expression(name: str, dialect: str) -> str:
    if name not in DIMENSIONS:
        raise ValueError(f"no dimension: {name}")
    if name in _FORMATS:
        return _DAY[dialect].format(_FORMATS[name][dialect])
    return quoted(name)


def _where(narrowed: Narrowed, dialect: str) -> tuple[str, tuple[str | int, ...]]:
    mark = "?" if dialect == "sqlite" else "%s"
    conditions: list[str] = []
    parameters: list[str | int] = []
    if narrowed.since is not None:
        conditions.append(f'"time" >= {mark}')
        parameters.append(narrowed.since)
    if narrowed.until is not None:
        conditions.append(f'"time" < {mark}')
        parameters.append(narrowed.until)
    for name, values in narrowed.values:
        if name not in FILTERS:
            raise ValueError(f"no filter: {name}")
        conditions.append(f"{quoted(name)} IN ({', '.join([mark] * len(values))})")
        parameters.extend(values)
    if narrowed.statuses:
        ranges = [f'"status" BETWEEN {mark} AND {mark}' for _ in narrowed.statuses]
        conditions.append(f"({' OR '.join(ranges)})")
        parameters.extend(bound for pair in narrowed.statuses for bound in pair)
    return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), tuple(parameters)
