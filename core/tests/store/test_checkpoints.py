"""Checkpoints belong to the current try of a task instance: others may neither read nor write, and a clear deletes them."""

import msgspec
import pytest

from penstock.errors import RequestError, SupersededError
from penstock.model.changes import Changes
from penstock.model.names import JOB, LARGEST_STEPS, LEFT_JOB, MOST_CHECKPOINTS, MOST_STEPS, STEP, STEP_COUNT
from penstock.model.run import NewRun, RunKind, TaskInstance, TaskKey, Try
from penstock.model.state import Outcome, RunState, TaskState


@pytest.fixture
def run(store, now):
    """A run with one mapped task, whose two instances wait."""
    [made] = store.apply(Changes(new_runs=[NewRun("d", "r", RunKind.MANUAL, now, now, now)]), now)
    tasks = [TaskInstance(made.run, "t", index, TaskState.DEFERRED, epoch=3) for index in (0, 1)]
    tries = [Try(made.run, "t", index, 3, 1, "waiter", now) for index in (0, 1)]
    store.apply(Changes(tasks=tasks, tries=tries), now)
    return made


@pytest.fixture
def key(run):
    return TaskKey(run.run, "t", 0)


def set_state(store, now, key, state, epoch=3):
    store.apply(Changes(tasks=[TaskInstance(*key, state, epoch=epoch)]), now)


def end_try(store, now, key, outcome, epoch=3):
    store.apply(Changes(tries=[Try(*key, epoch, 1, "waiter", now, outcome=outcome)]), now)


def test_each_instance_keeps_its_own_values_until_they_are_deleted(store, key):
    other = key._replace(map_index=1)
    store.checkpoints.put(key, 3, "page", b"1")
    store.checkpoints.put(key, 3, "page", b"2")
    store.checkpoints.put(other, 3, "page", b"7")
    assert (store.checkpoints.value(key, 3, "page"), store.checkpoints.value(other, 3, "page")) == (b"2", b"7")
    store.checkpoints.put(key, 3, "page", None)
    assert (store.checkpoints.value(key, 3, "page"), store.checkpoints.value(other, 3, "page")) == (None, b"7")


@pytest.mark.parametrize("epoch", [0, 2, 4])
def test_no_try_but_the_current_one_reads_or_writes(store, key, epoch):
    store.checkpoints.put(key, 3, "page", b"1")
    with pytest.raises(SupersededError, match="t\\[0\\]"):
        store.checkpoints.put(key, epoch, "page", b"9")
    with pytest.raises(SupersededError):
        store.checkpoints.put(key, epoch, "page", None)
    with pytest.raises(SupersededError):
        store.checkpoints.value(key, epoch, "page")
    assert store.checkpoints.value(key, 3, "page") == b"1"


def test_a_lost_try_neither_reads_nor_writes_and_the_next_one_finds_what_it_kept(store, key, now):
    store.checkpoints.put(key, 3, "page", b"1")
    end_try(store, now, key, Outcome.LOST)
    set_state(store, now, key, TaskState.UP_FOR_RETRY)
    for ask in (lambda: store.checkpoints.value(key, 3, "page"), lambda: store.checkpoints.put(key, 3, "page", b"2")):
        with pytest.raises(SupersededError):
            ask()
    store.apply(Changes(tries=[Try(*key, 4, 1, "waiter", now)]), now)
    set_state(store, now, key, TaskState.QUEUED, epoch=4)
    assert store.checkpoints.value(key, 4, "page") == b"1"
    store.checkpoints.put(key, 4, "page", b"2")


@pytest.mark.parametrize("state", [TaskState.CANCELLED, TaskState.SUCCESS, TaskState.NONE, TaskState.SCHEDULED])
def test_a_try_that_is_being_killed_may_look_and_keeps_nothing_more(store, key, now, state):
    store.checkpoints.put(key, 3, "page", b"1")
    set_state(store, now, key, state)
    assert store.checkpoints.value(key, 3, "page") == b"1"
    with pytest.raises(SupersededError):
        store.checkpoints.put(key, 3, "page", b"2")


def test_a_clear_deletes_them_and_moves_the_job_so_that_it_can_be_ended(store, key, now):
    other = key._replace(map_index=1)
    for name, value in (("page", b"1"), (JOB, b'{"id":"a"}')):
        store.checkpoints.put(key, 3, name, value)
        store.checkpoints.put(other, 3, name, value)
    store.apply(Changes(cleared=[key], forgotten=[key]), now)
    found = {name: store.checkpoints.value(key, 3, name) for name in ("page", JOB, LEFT_JOB)}
    assert found == {"page": None, JOB: None, LEFT_JOB: b'{"id":"a"}'}
    assert store.checkpoints.value(other, 3, JOB) == b'{"id":"a"}'
    store.apply(Changes(cleared=[key, other], forgotten=[key, other]), now)
    assert store.checkpoints.value(key, 3, LEFT_JOB) == b'{"id":"a"}'
    store.checkpoints.put(key, 3, JOB, b'{"id":"b"}')
    store.apply(Changes(cleared=[key, other], forgotten=[key, other]), now)
    assert (store.checkpoints.value(key, 3, LEFT_JOB), store.checkpoints.value(key, 3, JOB)) == (b'{"id":"b"}', None)


def test_there_is_a_largest_number_of_them_which_may_still_be_changed(store, key):
    for number in range(MOST_CHECKPOINTS):
        store.checkpoints.put(key, 3, str(number), b"1")
    store.checkpoints.put(key, 3, "0", b"2")
    with pytest.raises(RequestError, match="100 checkpoints, which is the most: 'more' was not kept"):
        store.checkpoints.put(key, 3, "more", b"1")
    store.checkpoints.put(key, 3, "0", None)
    store.checkpoints.put(key, 3, "more", b"1")


def test_steps_are_counted_by_themselves_whatever_else_an_instance_keeps(store, key):
    for number in range(MOST_CHECKPOINTS + 1):
        store.checkpoints.put(key, 3, f"{STEP}{number}", b"12345")
    for _ in range(2):
        store.checkpoints.put(key, 3, f"{STEP}0", b"1")
    store.checkpoints.put(key, 3, "page", b"1")
    assert store.checkpoints.value(key, 3, STEP_COUNT) == b"[101,501]"


@pytest.mark.parametrize(
    ("count", "more", "value"),
    [
        ((MOST_STEPS, 0), "10,000 steps, of 0 bytes: step 'b'", b"1"),
        ((7, LARGEST_STEPS), "step 'b' was not kept", b"1"),
    ],
    ids=["number", "bytes"],
)
def test_there_are_a_largest_number_and_size_of_steps(store, key, count, more, value):
    store.checkpoints.put(key, 3, f"{STEP}a", value)
    store.checkpoints.put(key, 3, STEP_COUNT, msgspec.json.encode(count))
    with pytest.raises(RequestError, match=more):
        store.checkpoints.put(key, 3, f"{STEP}b", value)
    store.checkpoints.put(key, 3, f"{STEP}a", value)


def test_a_clear_may_leave_them_and_moves_the_job_all_the_same(store, key, now):
    names = ("page", f"{STEP}load", STEP_COUNT, JOB, LEFT_JOB)
    for job in (b'{"id":"a"}', b'{"id":"b"}'):
        for name, value in (("page", b"1"), (f"{STEP}load", b"2"), (JOB, job)):
            store.checkpoints.put(key, 3, name, value)
        store.apply(Changes(cleared=[key]), now)
        assert [store.checkpoints.value(key, 3, name) for name in names] == [b"1", b"2", b"[1,1]", None, job]
    store.apply(Changes(cleared=[key], forgotten=[key]), now)
    assert [store.checkpoints.value(key, 3, name) for name in names] == [None, None, None, None, b'{"id":"b"}']


def test_they_go_with_their_run(store, run, key, now):
    store.checkpoints.put(key, 3, "page", b"1")
    ended = msgspec.structs.replace(run, state=RunState.SUCCESS, ended_at=now)
    store.apply(Changes(runs=[ended]), now)
    assert store.retention.delete_runs([run.run], now) == 1
    with pytest.raises(SupersededError):
        store.checkpoints.value(key, 3, "page")
    assert store.check() == []
