"""What lines of the usage log tell of targets."""

from __future__ import annotations

import pytest

from ext_authz.latency.sample import Heard, heard, read_line
from tests.latency.simulated import NOW, A, B, line


def told(group=frozenset(), target=A, ms=300, begun=NOW - 10, **more):
    found = read_line(line(target, ms, begun, **more))
    return [] if found is None else list(heard(found, group, NOW))


def test_an_answer_tells_when_it_began():
    """From when the target had the whole request; the rest of a stream is none of it."""
    assert told(ms=9_000, first_ms=700, sent_ms=200) == [Heard(A, 500, pytest.approx(NOW - 9.3))]


def test_numbers_may_come_as_texts():
    """As the usage log may have them."""
    (one,) = told(first_ms="700", sent_ms="200", status="200", attempts="1", ms="900")
    assert one.ms == 500


@pytest.mark.parametrize("status", [429, 500, 503, 504, 529, 401, 403, 404])
def test_failures_of_the_provider_are_its_own(status):
    """Of its load and its account; the client's own key is refused before anybody is asked."""
    assert told(status=status) == [Heard(A, None, pytest.approx(NOW - 9.7))]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_the_client_did_wrong_tells_nothing(status):
    """It is soon said."""
    assert told(status=status) == []


def test_a_request_that_went_on_tells_of_two():
    """The one that it was sent to first failed, the other answered in its own time."""
    failed, answered = told({B}, first=1, attempts=2, first_ms=700, sent_ms=600)
    assert (failed.target, failed.ms) == ("", None)
    assert (answered.target, answered.ms) == (A, 100)


def test_a_request_that_was_tried_again_at_its_first_target_tells_of_that_one():
    """And without a word of when it was sent, nothing of how long."""
    assert [one.target for one in told({A}, first=0, attempts=2)] == [A]
    assert told({A}, first=0, attempts=2, sent_ms=None) == []


def test_a_request_for_which_there_was_no_host_is_a_failure_of_its_first_target():
    """All are unhealthy, or it stands aside."""
    (failed,) = told({B}, first=1, status=503, provider=None, served=None, first_ms=None)
    assert (failed.target, failed.ms) == ("", None)


def test_a_client_that_leaves_before_the_answer_has_waited_for_so_long():
    """It would have taken longer; after the answer has begun it does not matter who leaves."""
    left = {"status": 0, "flags": "DC", "ms": 8_000}
    assert told(**left, first_ms=None) == [Heard(A, 8_000, pytest.approx(NOW - 2), left=True)]
    (one,) = told(**left, first_ms=400)
    assert (one.ms, one.left) == (400, False)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"provider": 3}', b'{"model": "fast"}']
)
def test_what_is_no_line_of_a_target_is_none(raw):
    """Torn lines, and requests that were answered by Envoy."""
    assert read_line(raw) is None


def test_a_time_that_is_none_or_to_come_is_about_now():
    """Clocks are set, and lines are torn."""
    assert told(time="yesterday", ms=500) == [Heard(A, 500, pytest.approx(NOW))]
    assert told(begun=NOW + 100, ms=500) == [Heard(A, 500, NOW)]
