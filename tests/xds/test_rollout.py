"""The rollout of a change as a table: what comes in at which time, and what follows."""

from __future__ import annotations

import itertools

import pytest

from xds.placement import WHOLE, position
from xds.rollout import Command, CommandError, Rollout, State
from xds.rollout_event import Kind
from xds.wave import Strategy

STRATEGY = Strategy(waves=(2_000, 5_000, WHOLE), hold=60, deadline=600, max_errors=500)


def ids(low, high, count):
    """Node ids whose position is in [low, high)."""
    every = (f"node-{n}" for n in itertools.count())
    return list(itertools.islice((node for node in every if low <= position(node) < high), count))


FIRST = ids(0, 2_000, 2)
SECOND = ids(2_000, 5_000, 3)
LAST = ids(5_000, WHOLE, 4)
ALL = [*FIRST, *SECOND, *LAST]


def kinds(events):
    return [event.kind for event in events]


@pytest.fixture
def rollout():
    """Nine nodes have the version ``old``, and ``new`` was published at 0."""
    machine = Rollout(STRATEGY)
    assert kinds(machine.published("old", STRATEGY, 0)) == [Kind.FINISHED]
    for node in ALL:
        assert machine.joined(node, 0) == ()
    assert kinds(machine.published("new", STRATEGY, 0)) == [Kind.STARTED]
    return machine


def on_candidate(machine):
    return [node for node in ALL if machine.takes(node)]


def acked(machine, nodes, now):
    return [event for node in nodes for event in machine.acked(node, "new", now)]


def test_the_first_snapshot_of_all_is_everybodys_at_once():
    """There is nothing good yet that a canary could be compared with, or go back to."""
    machine = Rollout(STRATEGY)
    machine.published("new", STRATEGY, 0)
    assert (machine.state.stable, machine.state.candidate) == ("new", None)


def test_without_a_strategy_a_change_is_everybodys_at_once(rollout):
    """Also while a careful one is under way."""
    events = rollout.published("newest", None, 1)
    assert kinds(events) == [Kind.WITHDRAWN]
    assert (rollout.state.stable, on_candidate(rollout)) == ("newest", [])


def test_waves_follow_each_other_once_their_nodes_took_it_and_the_hold_is_over(rollout):
    """Canary, half, all: each by its own ACKs and its own hold."""
    assert on_candidate(rollout) == FIRST
    assert acked(rollout, FIRST, 1) == []
    assert rollout.due() == 61
    assert rollout.tick(60.9) == ()
    [event] = rollout.tick(61)
    assert (event.kind, event.wave, event.share) == (Kind.ADVANCED, 1, 5_000)
    assert on_candidate(rollout) == [*FIRST, *SECOND]
    assert rollout.tick(200) == ()
    acked(rollout, SECOND, 200)
    assert kinds(rollout.tick(260)) == [Kind.ADVANCED]
    assert on_candidate(rollout) == ALL
    acked(rollout, LAST, 261)
    assert kinds(rollout.tick(321)) == [Kind.FINISHED]
    assert rollout.state == State(stable="new")


def test_a_refusal_rolls_back_and_quarantines(rollout):
    """All nodes are to have the old one at once, and the new one is not tried again."""
    acked(rollout, FIRST[:1], 1)
    [event] = rollout.nacked(FIRST[1], "new", "no such filter", 2)
    assert (event.kind, event.wave, event.reason) == (Kind.ROLLED_BACK, 0, "no such filter")
    assert on_candidate(rollout) == []
    [event] = rollout.published("new", STRATEGY, 3)
    assert (event.kind, event.reason) == (Kind.IGNORED, "no such filter")
    assert kinds(rollout.published("other", STRATEGY, 4)) == [Kind.STARTED]


def test_a_refusal_by_a_node_that_has_the_stable_one_is_nothing_to_it(rollout):
    """It was not the candidate that it refused."""
    assert rollout.nacked(LAST[0], "new", "no", 1) == ()
    assert rollout.nacked(FIRST[0], "old", "no", 1) == ()
    assert on_candidate(rollout) == FIRST


def test_a_wave_that_is_not_through_in_time_is_rolled_back(rollout):
    """The reason names who kept it."""
    acked(rollout, FIRST[:1], 1)
    assert rollout.due() == 600
    [event] = rollout.tick(600)
    assert event.kind is Kind.ROLLED_BACK
    assert FIRST[1] in event.reason


def test_too_many_failing_requests_roll_back_at_once(rollout):
    """Twenty requests are enough to judge by; the share is of the wave's, not of a node's."""
    acked(rollout, FIRST, 1)
    assert rollout.measured(FIRST[0], 10, 10, 2) == ()
    [event] = rollout.measured(FIRST[1], 10, 0, 3)
    assert (event.kind, event.reason) == (Kind.ROLLED_BACK, "10 of 20 requests failed")


def test_few_requests_are_judged_at_the_end_of_the_hold(rollout):
    """One failure of one is no reason to stop at once, but none to go on either."""
    acked(rollout, FIRST, 1)
    assert rollout.measured(FIRST[0], 1, 1, 2) == ()
    assert kinds(rollout.tick(61)) == [Kind.ROLLED_BACK]


def test_requests_of_nodes_that_have_the_old_one_do_not_count(rollout):
    """Neither do those from before the node took the candidate."""
    assert rollout.measured(FIRST[0], 100, 100, 1) == ()
    acked(rollout, FIRST, 1)
    assert rollout.measured(LAST[0], 100, 100, 2) == ()
    assert kinds(rollout.tick(61)) == [Kind.ADVANCED]


def test_a_canary_that_vanishes_with_the_change_rolls_it_back(rollout):
    """It may have crashed; the hold begins anew while it is away."""
    acked(rollout, FIRST, 1)
    rollout.left(FIRST[0], 30)
    assert rollout.tick(61) == ()
    [event] = rollout.tick(90)
    assert event.kind is Kind.ROLLED_BACK
    assert FIRST[0] in event.reason


def test_a_canary_that_comes_back_is_held_anew(rollout):
    """It was restarted, or connected to us again."""
    acked(rollout, FIRST, 1)
    rollout.left(FIRST[0], 30)
    rollout.joined(FIRST[0], 32)
    assert rollout.tick(91) == ()
    assert kinds(rollout.tick(92)) == [Kind.ADVANCED]


def test_nodes_come_and_go_in_a_large_fleet_without_harm():
    """One of thirty leaves for good and another one comes late: the hold goes on."""
    many = ids(0, 2_000, 31)
    machine = Rollout(STRATEGY)
    machine.published("old", STRATEGY, 0)
    for node in many[:30]:
        machine.joined(node, 0)
    machine.published("new", STRATEGY, 0)
    acked(machine, many[:30], 1)
    machine.left(many[0], 20)
    machine.joined(many[30], 60)
    assert machine.tick(61) == ()
    assert kinds(machine.acked(many[30], "new", 62)) == [Kind.ADVANCED]


def test_a_small_fleet_has_a_canary_too():
    """Where nobody's turn comes first, the one that stands lowest is the canary alone."""
    machine = Rollout(STRATEGY)
    machine.published("old", STRATEGY, 0)
    for node in LAST:
        machine.joined(node, 0)
    machine.published("new", STRATEGY, 0)
    assert not any(map(machine.takes, LAST))
    assert machine.due() == 10
    machine.tick(10)
    [canary] = [node for node in LAST if machine.takes(node)]
    assert position(canary) == min(map(position, LAST))


def test_without_any_node_a_change_waits_for_one():
    """It is neither proven nor disproven; the deadline runs from the first node on."""
    machine = Rollout(STRATEGY)
    machine.published("old", STRATEGY, 0)
    machine.published("new", STRATEGY, 0)
    assert machine.due() is None
    assert machine.tick(10_000) == ()
    machine.joined(FIRST[0], 20_000)
    acked(machine, FIRST[:1], 20_001)
    assert kinds(machine.tick(20_061)) == [Kind.ADVANCED]


def test_another_change_takes_its_place_at_the_canary(rollout):
    """The one before is not to blame: it is withdrawn, not quarantined."""
    acked(rollout, FIRST, 1)
    rollout.tick(61)
    events = rollout.published("newest", STRATEGY, 70)
    assert kinds(events) == [Kind.WITHDRAWN, Kind.STARTED]
    assert on_candidate(rollout) == FIRST
    assert rollout.acked(FIRST[0], "new", 71) == ()
    assert rollout.state.quarantined == {}


def test_going_back_to_the_stable_policy_withdraws_the_change(rollout):
    """A revert commit is all it takes."""
    assert kinds(rollout.published("old", STRATEGY, 5)) == [Kind.WITHDRAWN]
    assert on_candidate(rollout) == []


def test_the_same_policy_again_changes_nothing(rollout):
    """A commit that changes no resource does not begin the hold anew."""
    acked(rollout, FIRST, 1)
    assert rollout.published("new", STRATEGY, 50) == ()
    assert kinds(rollout.tick(61)) == [Kind.ADVANCED]


def test_a_paused_wave_waits_for_its_operator(rollout):
    """No promotion and no deadline, but a refusal still takes it back."""
    acked(rollout, FIRST, 1)
    assert kinds(rollout.command(Command.PAUSE, 2)) == [Kind.PAUSED]
    assert rollout.due() is None
    assert rollout.tick(5_000) == ()
    with pytest.raises(CommandError, match="paused already"):
        rollout.command(Command.PAUSE, 5_000)
    assert kinds(rollout.command(Command.RESUME, 5_001)) == [Kind.RESUMED]
    assert rollout.tick(5_060) == ()
    assert kinds(rollout.tick(5_061)) == [Kind.ADVANCED]
    rollout.command(Command.PAUSE, 5_062)
    assert kinds(rollout.nacked(FIRST[0], "new", "no", 5_063)) == [Kind.ROLLED_BACK]


def test_a_pause_outlives_the_change_that_takes_the_place_but_not_a_revert(rollout):
    """A group that is paused stays so while anything is on its way to it."""
    rollout.command(Command.PAUSE, 1)
    rollout.published("newest", STRATEGY, 2)
    assert rollout.state.paused
    rollout.published("old", STRATEGY, 3)
    assert rollout.state == State(stable="old")


def test_an_operator_may_go_on_without_waiting(rollout):
    """Wave by wave; the last promotion makes it the stable one."""
    assert kinds(rollout.command(Command.PROMOTE, 1)) == [Kind.ADVANCED]
    assert kinds(rollout.command(Command.PROMOTE, 2)) == [Kind.ADVANCED]
    assert kinds(rollout.command(Command.PROMOTE, 3)) == [Kind.FINISHED]
    assert rollout.state.stable == "new"
    with pytest.raises(CommandError, match="no change is under way"):
        rollout.command(Command.PROMOTE, 4)


def test_an_operator_may_take_it_back_and_lift_the_quarantine(rollout):
    """What was quarantined begins at its canary once more, and only with force."""
    assert kinds(rollout.command(Command.ROLLBACK, 1)) == [Kind.ROLLED_BACK]
    with pytest.raises(CommandError, match="quarantined: an operator said so"):
        rollout.command(Command.PROMOTE, 2)
    assert kinds(rollout.command(Command.PROMOTE, 3, force=True)) == [Kind.STARTED]
    assert on_candidate(rollout) == FIRST


def test_a_restart_goes_on_where_it_was(rollout):
    """In the same wave, with its hold anew; what is quarantined stays so."""
    acked(rollout, FIRST, 1)
    rollout.tick(61)
    again = Rollout(STRATEGY, rollout.state, now=0)
    for node in ALL:
        again.joined(node, 1)
    assert on_candidate(again) == [*FIRST, *SECOND]
    acked(again, [*FIRST, *SECOND], 2)
    assert kinds(again.tick(62)) == [Kind.ADVANCED]


def test_positions_are_the_same_everywhere_and_spread_evenly():
    """They are part of what replicas have in common: pinned here."""
    assert [position(f"edge-{n}") for n in range(4)] == [1609, 7917, 9984, 3076]
    tenth = [node for node in map(str, range(10_000)) if position(node) < 1_000]
    assert 900 < len(tenth) < 1_100


@pytest.mark.parametrize("version", ["old", "newest"])
def test_a_policy_of_fewer_waves_takes_back_a_change_that_was_further(rollout, version):
    """The change was at the third of three waves; what takes its place knows two."""
    for _ in range(2):
        rollout.command(Command.PROMOTE, 0)
    shorter = Strategy(waves=(5_000, WHOLE), hold=0, deadline=20, max_errors=None)
    first, *_ = rollout.published(version, shorter, 1)
    assert (first.kind, first.wave) == (Kind.WITHDRAWN, 2)
    assert rollout.strategy == shorter
