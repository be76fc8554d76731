"""Logs: read whole, and as they grow."""

from itertools import islice

import msgspec
import pytest

from penstock.errors import ConfigError, NotFoundError
from penstock.model.changes import Changes
from penstock.model.run import TaskInstance, Try
from penstock.model.state import Outcome, RunState, TaskState
from penstock.service import dags, logs


@pytest.fixture
def task(installation, store, now):
    """A function that stores the state of the task's instance, in its second try."""
    run = dags.trigger(installation, "sales", run_id="one").run
    tries = [
        Try(run.run, "extract", -1, 1, 1, "local", now, outcome=Outcome.FAILED),
        Try(run.run, "extract", -1, 2, 2, "local", now),
    ]
    running = msgspec.structs.replace(run, state=RunState.RUNNING, started_at=now)
    store.apply(Changes(runs=[running], tries=tries), now)

    def save(state):
        store.apply(Changes(tasks=[TaskInstance(run.run, "extract", -1, state, 2, 2)]), now)

    save(TaskState.RUNNING)
    return save


def write(log, text):
    log.path.parent.mkdir(parents=True, exist_ok=True)
    with log.path.open("a") as file:
        file.write(text)


def test_a_log_is_read_whole(installation, task):
    first, second = logs.task_logs(installation, "sales", "extract")
    assert (first.live, second.live) == (False, True)
    write(second, "begun\n")
    assert b"".join(logs.read_log(second)) == b"begun\n"
    with pytest.raises(NotFoundError, match=r"no log is named '.*1.log'\. Nothing was written, or it was deleted\."):
        list(logs.read_log(first))


def test_a_log_that_cannot_be_read_is_not_told_as_one_that_is_not_there(installation, task):
    first, second = logs.task_logs(installation, "sales", "extract")
    first.path.mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"1.log: the log cannot be read: Is a directory\."):
        list(logs.read_log(first))
    with pytest.raises(NotFoundError, match=r"2.log'\. Nothing was written yet\."):
        list(logs.read_log(second))


def pieces(chunks):
    """What chunks say: index, dispatch and text of a piece; whether nothing more comes after a look that is over."""
    return [(c.log.task.map_index, c.log.epoch, c.data.decode()) if c.log else c.last for c in chunks]


def test_logs_are_followed_try_after_try_until_the_task_has_ended(installation, task):
    first, second = logs.task_logs(installation, "sales", "extract")
    write(first, "one\n")
    chunks = logs.follow_logs(installation, "sales", "extract")
    assert pieces(islice(chunks, 2)) == [(-1, 1, "one\n"), False], "nothing is new: the caller waits a moment"
    write(second, "two\n")
    assert pieces(islice(chunks, 2)) == [(-1, 2, "two\n"), False]
    write(second, "its last words\n")
    task(TaskState.SUCCESS)
    found = list(chunks)
    assert (pieces(found), found[-1].states) == ([(-1, 2, "its last words\n"), True], {TaskState.SUCCESS})


def test_one_dispatch_is_followed_until_its_try_has_ended(installation, task):
    first, second = logs.task_logs(installation, "sales", "extract")
    write(first, "one\n")
    write(second, "two\n")
    assert pieces(logs.follow_logs(installation, "sales", "extract", dispatch=1)) == [(-1, 1, "one\n"), True]
    chunks = logs.follow_logs(installation, "sales", "extract", dispatch=2)
    assert pieces(islice(chunks, 2)) == [(-1, 2, "two\n"), False]
    task(TaskState.FAILED)
    assert pieces(chunks) == [True]


def test_each_instance_of_a_mapped_task_is_followed_to_its_end(installation, store, now, task):
    run = store.runs.find("sales", "one").run
    rows = [TaskInstance(run, "load", index, TaskState.RUNNING, 1, 1) for index in (0, 1)]
    tries = [Try(run, "load", index, 1, 1, "local", now) for index in (0, 1)]
    store.apply(Changes(tasks=rows, tries=tries), now)
    for number, log in enumerate(logs.task_logs(installation, "sales", "load")):
        write(log, f"of {number}\n" * (number + 1))
    chunks = logs.follow_logs(installation, "sales", "load")
    assert pieces(islice(chunks, 3)) == [(0, 1, "of 0\n"), (1, 1, "of 1\nof 1\n"), False]
    ended = [msgspec.structs.replace(rows[0], state=TaskState.FAILED), rows[1]]
    store.apply(Changes(tasks=ended), now)
    assert pieces(islice(chunks, 1)) == [False], "the second one goes on"
    store.apply(Changes(tasks=[msgspec.structs.replace(rows[1], state=TaskState.SUCCESS)]), now)
    (last,) = chunks
    assert (last.last, last.states) == (True, {TaskState.FAILED, TaskState.SUCCESS})


def test_what_is_not_there_cannot_be_followed(installation, task):
    with pytest.raises(NotFoundError, match="no task of DAG 'sales' is named 'extrakt'"):
        next(logs.follow_logs(installation, "sales", "extrakt"))
    with pytest.raises(NotFoundError, match=r"no index of task 'extract' .* is named '3'\. It is not mapped"):
        next(logs.follow_logs(installation, "sales", "extract", map_index=3))
