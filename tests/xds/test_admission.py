"""How many streams come in, and how fast; time is a number that the tests pass along."""

from __future__ import annotations

import pytest

from xds.admission import Admission, Bucket, Limits, TurnedAwayError


def test_as_many_as_fit_come_in_at_once():
    """The bucket starts full."""
    admission = Admission(Limits(new_streams=10, new_streams_at_once=3))
    assert [admission.enter("a", 0.0) for _ in range(3)] == [0, 0, 0]


def test_more_wait_for_their_turn():
    """At the rate, one after the other."""
    admission = Admission(Limits(new_streams=10, new_streams_at_once=1))
    waits = [admission.enter("a", 0.0) for _ in range(4)]
    assert waits == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_whoever_would_wait_too_long_is_told_when_to_come_again():
    """And takes no turn: who comes later, in time, is let in as if it had never been."""
    admission = Admission(Limits(new_streams=10, new_streams_at_once=1, patience=0.15))
    assert [admission.enter("a", 0.0) for _ in range(2)] == pytest.approx([0.0, 0.1])
    for _ in range(100):
        with pytest.raises(TurnedAwayError) as caught:
            admission.enter("a", 0.0)
        assert (caught.value.code, caught.value.retry) == ("UNAVAILABLE", pytest.approx(0.2))
    assert admission.streams == 2
    assert admission.enter("a", 0.2) == pytest.approx(0.0)


def test_a_storm_of_a_thousand_is_let_in_within_seconds():
    """By the defaults, which a fleet of that size must not have to change."""
    admission = Admission()
    assert max(admission.enter(f"10.0.{i // 256}.{i % 256}", 0.0) for i in range(1_000)) <= 1.01


def test_no_more_than_so_many_streams():
    """Of the process, until one ends."""
    admission = Admission(Limits(streams=2))
    admission.enter("a", 0.0)
    admission.enter("b", 0.0)
    with pytest.raises(TurnedAwayError) as caught:
        admission.enter("c", 0.0)
    assert (caught.value.code, caught.value.retry) == ("RESOURCE_EXHAUSTED", 30.0)
    admission.leave("a")
    assert admission.enter("c", 0.0) == 0


def test_no_more_than_so_many_of_an_address():
    """One address cannot take the place of the others; a Unix socket has no address."""
    admission = Admission(Limits(streams_of_a_peer=1))
    admission.enter("a", 0.0)
    with pytest.raises(TurnedAwayError):
        admission.enter("a", 0.0)
    assert admission.enter("b", 0.0) == 0
    assert [admission.enter("", 0.0) for _ in range(3)] == [0, 0, 0]
    admission.leave("a")
    assert admission.enter("a", 0.0) == 0


def test_a_flood_of_requests_would_have_to_wait():
    """A burst is an Envoy's start; what goes on above the rate is a flood."""
    bucket = Admission(Limits(requests=10, requests_at_once=20)).requests()
    assert not any(bucket.take(0.0) for _ in range(20))
    assert bucket.take(0.0) > 0
    steady = Admission(Limits(requests=10, requests_at_once=20)).requests()
    assert not any(steady.take(number / 10) for number in range(500))


def test_a_clock_that_goes_back_gives_nothing():
    """Nor does it take anything away."""
    bucket = Bucket(1, 1)
    assert bucket.take(100.0) == 0
    assert bucket.take(50.0) == pytest.approx(1.0)
    assert bucket.take(52.0) == pytest.approx(0.0)
