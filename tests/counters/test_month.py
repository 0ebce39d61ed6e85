"""Calendar months by arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ext_authz.counters.month import month_at, month_begins


@given(st.datetimes(datetime(1970, 1, 1), datetime(2400, 1, 1)))  # noqa: DTZ001 - UTC is given next
def test_a_time_is_in_its_month(naive):
    """Month and its first moment are those of the calendar, leap years and centuries too."""
    moment = naive.replace(tzinfo=UTC)
    month = month_at(int(moment.timestamp() * 1000))
    assert month == moment.year * 12 + moment.month - 1
    first = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    assert month_begins(month) == int(first.timestamp() * 1000)
