import pytest

from penstock.model.state import FINISHED, LIVE, TRANSITIONS, RunState, TaskState


def test_every_state_has_its_row_in_the_table():
    assert set(TRANSITIONS) == set(TaskState)


@pytest.mark.parametrize("state", TaskState)
def test_a_finished_state_is_left_only_by_a_clear_and_every_other_can_be_finished(state):
    if state.finished:
        assert TRANSITIONS[state] == {TaskState.NONE}
    else:
        assert TRANSITIONS[state] & FINISHED


@pytest.mark.parametrize("state", sorted(LIVE))
def test_a_live_state_is_never_cleared_before_its_try_was_ended(state):
    assert TaskState.NONE not in TRANSITIONS[state]


def test_only_what_is_scheduled_goes_out():
    assert [state for state in TaskState if TaskState.QUEUED in TRANSITIONS[state]] == [TaskState.SCHEDULED]


def test_no_state_is_both_live_and_finished():
    assert not LIVE & FINISHED
    assert [state.value for state in RunState if state.finished] == ["success", "failed", "cancelled", "skipped"]
