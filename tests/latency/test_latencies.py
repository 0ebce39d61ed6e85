"""Which group of targets is tried first: the one that lately began to answer first."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ext_authz.latency.latencies import EXPLORED, TRIES, Latencies
from ext_authz.latency.speed import HALF_LIFE, MOST
from tests.latency.simulated import NOW, A, B, C, Traffic, line, model


def test_the_faster_is_tried_first_wherever_it_is_written():
    """Once each has been tried; and a few go to others, to see whether they have become faster."""
    for slow, fast in ((A, B), (B, A)):
        sent = Traffic({slow: 400, fast: 100}).send(2_000)
        assert TRIES <= sent[slow] < 2_000 * EXPLORED * 2
        assert sent[fast] == 2_000 - sent[slow]


def test_the_share_of_requests_that_explore_is_small_and_even():
    """All others get some."""
    sent = Traffic({A: 300, B: 100, C: 300}, (A, B, C)).send(20_000, every=0.001)
    for other in (A, C):
        assert sent[other] == pytest.approx(20_000 * EXPLORED / 2, rel=0.25)


def test_a_target_that_becomes_slow_is_left_within_a_few_requests():
    """However many fast answers there were before."""
    traffic = Traffic({A: 100, B: 200})
    traffic.send(1_000)
    traffic.takes[A] = 2_000
    sent = traffic.send(100)
    assert sent[A] <= 6
    assert sent[B] >= 94


def test_a_target_that_has_become_fast_is_found():
    """By the few requests that explore."""
    traffic = Traffic({A: 100, B: 200})
    traffic.send(1_000)
    traffic.takes[B] = 10
    traffic.send(500)
    assert traffic.send(1_000)[B] > 950


@pytest.mark.parametrize("fast", [70, 10])
def test_a_target_that_fails_is_left_however_fast_it_is(fast):
    """A refusal is soon said."""
    traffic = Traffic({A: fast, B: 100})
    traffic.send(500)
    traffic.takes[A] = None
    sent = traffic.send(100)
    assert sent[A] <= 8
    traffic.takes[A] = fast
    traffic.send(1_000)
    assert traffic.send(1_000)[A] > 950


def test_a_target_that_always_fails_is_tried_seldom():
    """It gets its few, then those that explore, and a few again when it is forgotten."""
    sent = Traffic({A: None, B: 5_000}).send(2_000, every=1.0)
    assert sent[A] < 2_000 * EXPLORED + TRIES * 2_000 / HALF_LIFE / 2


def test_where_all_fail_the_order_is_as_written():
    """There is nothing to choose by."""
    traffic = Traffic({A: None, B: None})
    traffic.send(20)
    assert traffic.send(200)[A] > 180


def test_what_is_known_is_forgotten_in_silence():
    """A target that was slow some minutes ago is as good as any."""
    traffic = Traffic({A: 3_000, B: 100})
    traffic.send(200)
    assert traffic.latencies.first("fast") == 1
    traffic.now += HALF_LIFE * (1 + MOST)
    traffic.takes[A] = 50
    sent = traffic.send(200)
    assert sent[A] > 180


def test_one_answer_is_remembered_for_one_half_life():
    """Less evidence is sooner forgotten."""
    now = NOW
    latencies = Latencies(lambda: now, lambda: 0.5)
    latencies.take({"fast": model(A, B)})
    for target, ms in ((A, 500), (B, 100)):
        latencies.hear(line(target, ms, now - ms / 1_000))
    now += HALF_LIFE * 0.95
    assert latencies.first("fast") == 1
    now += HALF_LIFE * 0.1
    assert latencies.first("fast") == 0, "nobody knows it any more"


def test_an_unknown_target_gets_a_few_requests_and_no_more_until_it_answers():
    """It may hang, and is heard of when it has ended."""
    now = NOW
    latencies = Latencies(lambda: now, lambda: 0.5)
    latencies.take({"fast": model(A, B, C)})
    chosen = [latencies.first("fast") for _ in range(3 * TRIES + 10)]
    assert chosen == [0] * TRIES + [1] * TRIES + [2] * TRIES + [0] * 10
    latencies.hear(line(B, 100, now - 0.1))
    assert [latencies.first("fast") for _ in range(10)] == [1] * 10
    now += HALF_LIFE * 0.5
    latencies.hear(line(B, 100, now - 0.1))
    now += HALF_LIFE * 0.6
    assert [latencies.first("fast") for _ in range(2 * TRIES + 1)] == [0] * 3 + [2] * 3 + [1]


def test_targets_of_one_group_count_together():
    """Nobody knows which of them is drawn."""
    latencies = Latencies(lambda: NOW, lambda: 0.5)
    latencies.take({"fast": model((A, B), C)})
    for target, ms in ((A, 10), (B, 1_000), (C, 300)):
        latencies.hear(line(target, ms, NOW - 1))
    assert latencies.first("fast") == 1
    latencies.hear(line(A, 10, NOW - 1))
    latencies.hear(line(A, 10, NOW - 1))
    assert latencies.first("fast") == 0


def test_models_with_the_same_targets_know_the_same():
    """Also where a model has no choice, or another order."""
    latencies = Latencies(lambda: NOW, lambda: 0.5)
    latencies.take({"fast": model(A, B), "other": model(B, A), "plain": model()})
    latencies.hear(line(A, 500, NOW - 1, model="plain"))
    latencies.hear(line(B, 100, NOW - 1, model="plain"))
    assert (latencies.first("fast"), latencies.first("other")) == (1, 0)
    assert latencies.first("plain") is None
    assert latencies.first("nobody's") is None


def test_new_rules_forget_nothing_of_targets_that_stay():
    """A policy changes for many reasons."""
    latencies = Latencies(lambda: NOW, lambda: 0.5)
    latencies.take({"fast": model(A, B)})
    for target, ms in ((A, 500), (B, 100)):
        latencies.hear(line(target, ms, NOW - 1))
    latencies.take({"fast": model(A, B), "more": model(C, B)})
    assert latencies.first("fast") == 1
    assert latencies.first("more") == 0, "it is not known yet"
    latencies.take({"fast": model()})
    assert not latencies.wanted
    assert latencies.first("fast") is None


def test_the_same_chance_gives_the_same_choices():
    """Nothing else is random."""
    one, other = (Traffic({A: 100, B: 120, C: 130}, (A, B, C), random=Random(3)) for _ in range(2))
    assert one.send(500) == other.send(500)


_LINES = st.builds(
    line,
    st.sampled_from((A, B, C, "/", "d/other")),
    st.integers(0, 10_000_000),
    st.floats(NOW - 1e6, NOW + 1e4),
    status=st.sampled_from((0, 200, 204, 400, 401, 429, 500, 504)),
    attempts=st.integers(0, 4),
    first=st.one_of(st.none(), st.integers(-1, 4)),
    first_ms=st.one_of(st.none(), st.integers(0, 10_000)),
    sent_ms=st.one_of(st.none(), st.integers(0, 10_000)),
    flags=st.sampled_from(("", "DC", "UT", "URX,UF")),
)


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.one_of(_LINES, st.binary(max_size=40)), st.floats(-60, 1_000)), max_size=30
    ),
    st.floats(0, 1, exclude_max=True),
)
def test_whatever_is_heard_there_is_a_choice(lines, chance):
    """A group's number for a model that chooses, in whichever order and however late."""
    now = NOW
    latencies = Latencies(lambda: now, lambda: chance)
    latencies.take({"fast": model(A, (B, C), C)})
    for raw, later in lines:
        now += later
        latencies.hear(raw)
        assert latencies.first("fast") in {0, 1, 2}


@given(
    st.lists(st.integers(1, 60_000), min_size=2, max_size=6, unique=True),
    st.integers(0, 1_000),
)
@settings(max_examples=50)
def test_it_comes_to_the_fastest_of_any(times, seed):
    """In any order of any number of targets, with times that do not change."""
    order = tuple(f"p{number}/m" for number in range(len(times)))
    takes: dict[str, int | None] = dict(zip(order, times, strict=True))
    traffic = Traffic(takes, order, random=Random(seed))
    traffic.send(TRIES * len(order))
    sent = traffic.send(200)
    fastest = min(order, key=lambda one: takes[one] or 0)
    assert sent[fastest] > 180
