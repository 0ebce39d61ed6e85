"""Calendar months in UTC, counted from year 0, by the arithmetic that `counters.lua` has too.

After Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (civil_from_days); good for
every time from 1970 on.
"""

from __future__ import annotations

from typing import Final

DAY_MS: Final = 86_400_000
_DAYS_TO_1970: Final = 719_468  # from 0000-03-01, where the algorithm's years begin
_DAYS_OF_400_YEARS: Final = 146_097


def month_at(now: int) -> int:
    """The month in which a time (ms since 1970) is."""
    days = now // DAY_MS + _DAYS_TO_1970
    era, day = divmod(days, _DAYS_OF_400_YEARS)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day_of_year = day - (365 * year + year // 4 - year // 100)
    march = (5 * day_of_year + 2) // 153  # 0 is March: leap days end a year
    return (era * 400 + year) * 12 + march + 2


def month_begins(month: int) -> int:
    """When a month begins, in ms since 1970."""
    year, march = divmod(month - 2, 12)
    era, of_era = divmod(year, 400)
    day = (153 * march + 2) // 5 + of_era * 365 + of_era // 4 - of_era // 100
    return (era * _DAYS_OF_400_YEARS + day - _DAYS_TO_1970) * DAY_MS
