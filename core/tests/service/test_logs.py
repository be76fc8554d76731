"""Logs: read whole, and as they grow."""

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


def test_logs_are_followed_try_after_try_until_the_task_has_ended(installation, task):
    first, second = logs.task_logs(installation, "sales", "extract")
    write(first, "one\n")
    chunks = logs.follow_logs(installation, "sales", "extract")
    assert next(chunks) == (b"one\n", TaskState.RUNNING)
    assert next(chunks) == (b"", TaskState.RUNNING), "nothing is new: the caller waits a moment"
    write(second, "two\n")
    assert next(chunks) == (b"two\n", TaskState.RUNNING)
    assert next(chunks).data == b""
    write(second, "its last words\n")
    task(TaskState.SUCCESS)
    assert list(chunks) == [(b"its last words\n", TaskState.SUCCESS), (b"", TaskState.SUCCESS)]


def test_what_is_not_there_cannot_be_followed(installation, task):
    with pytest.raises(NotFoundError, match="no task of DAG 'sales' is named 'extrakt'"):
        next(logs.follow_logs(installation, "sales", "extrakt"))
    with pytest.raises(NotFoundError, match=r"no index of task 'extract' .* is named '3'\. It is not mapped"):
        next(logs.follow_logs(installation, "sales", "extract", map_index=3))
