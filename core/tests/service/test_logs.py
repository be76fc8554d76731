"""Logs: read whole, and as they grow."""

from itertools import islice

import msgspec
import pytest

from penstock.errors import ConfigError, NotFoundError, PluginError, RequestError
from penstock.logs.shipping_report import ShippingReport
from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant, Principal
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec, Mapping, TaskSpec, XComRef
from penstock.model.run import TaskInstance, TaskKey, Try
from penstock.model.state import Outcome, RunState, TaskState
from penstock.plugins.object_logs import ObjectLogs
from penstock.scheduler.heartbeat_file import HeartbeatFile
from penstock.service import dags, logs
from penstock.service.log_view.log_lines import log_lines
from penstock.settings.logs import LogSettings


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
    assert b"".join(logs.read_log(installation, second)) == b"begun\n"
    with pytest.raises(
        NotFoundError, match=r"no log is named 'sales/.*/extract/1.log'\. Nothing was written, or it was"
    ):
        list(logs.read_log(installation, first))


def test_where_a_log_lies_is_told_to_who_may_read_the_installation_and_read_for_all(installation, task):
    first, second = logs.task_logs(installation, "sales", "extract")
    write(second, "begun\n")
    (first.path.parent / "1.log").mkdir()
    grant = Grant(Role.VIEWER, dags=("*",))
    seen = installation.seen_by(Principal("ann", (grant, msgspec.structs.replace(grant, installation=True))))
    assert [each.path for each in logs.task_logs(seen, "sales", "extract")] == [first.path, second.path]
    seen = installation.seen_by(Principal("bob", (grant,)))
    folder = installation.settings.logs_folder
    shown = logs.task_logs(seen, "sales", "extract")
    assert [each.path for each in shown] == [each.path.relative_to(folder) for each in (first, second)]
    assert b"".join(logs.log_content(seen, "sales", "extract", 2)) == b"begun\n"
    assert next(logs.follow_logs(seen, "sales", "extract", dispatch=2)).data == b"begun\n"
    assert [each.text for each in log_lines(seen, "sales", "extract", dispatch=2).lines] == ["begun"]
    for name, given in ((seen, shown[0]), (installation, first)):
        with pytest.raises(
            ConfigError,
            match=r"^sales/[^/]+/extract/1.log: the log cannot be read: it is a link, a pipe or the like, and no file",
        ):
            list(logs.read_log(name, given))


def test_a_log_that_cannot_be_read_is_not_told_as_one_that_is_not_there(installation, task):
    first, second = logs.task_logs(installation, "sales", "extract")
    first.path.mkdir(parents=True)
    with pytest.raises(
        ConfigError, match=r"1.log: the log cannot be read: it is a link, a pipe or the like, and no file"
    ):
        list(logs.read_log(installation, first))
    with pytest.raises(NotFoundError, match=r"2.log'\. Nothing was written yet\."):
        list(logs.read_log(installation, second))


def followed(*args, **named):
    """What follows logs, without the moments to wait, of which there is one after each look but the last."""
    before = None
    for chunk in logs.follow_logs(*args, **named):
        if chunk is not None:
            before = chunk
            yield chunk
        else:
            assert (before.log, before.last) == (None, False)


def pieces(chunks):
    """What chunks say: index, dispatch and text of a piece; whether nothing more comes after a look that is over."""
    return [(c.log.task.map_index, c.log.epoch, c.data.decode()) if c.log else c.last for c in chunks]


def test_logs_are_followed_try_after_try_until_the_task_has_ended(installation, task):
    first, second = logs.task_logs(installation, "sales", "extract")
    write(first, "one\n")
    chunks = followed(installation, "sales", "extract")
    assert pieces(islice(chunks, 2)) == [(-1, 1, "one\n"), False], "nothing is new: the caller waits a moment"
    write(second, "two\n")
    assert pieces(islice(chunks, 2)) == [(-1, 2, "two\n"), False]
    write(second, "its last words\n")
    task(TaskState.SUCCESS)
    found = list(chunks)
    assert (pieces(found), found[-1].states) == ([(-1, 2, "its last words\n"), True], {TaskState.SUCCESS})


def test_a_log_is_followed_no_longer_once_nobody_has_been_there_to_go_on_with_its_task(installation, task, now):
    chunks = followed(installation, "sales", "extract")
    for _ in range(4):
        assert pieces(islice(chunks, 1)) == [False], "a scheduler that is started anew is back by then"
        installation.clock.advance(9)
    installation.store.role.acquire("penstock up", now)
    installation.settings.state_folder.mkdir(exist_ok=True)
    HeartbeatFile(installation.settings.state_folder).write(installation.clock.read().monotonic_s)
    assert pieces(islice(chunks, 1)) == [False]
    installation.store.role.release()
    installation.clock.advance(29)
    assert pieces(islice(chunks, 1)) == [False]
    installation.clock.advance(2)
    with pytest.raises(
        RequestError, match=r"'extract' has not ended, and nobody goes on with it\. No scheduler is running"
    ):
        list(chunks)


def test_a_run_that_has_not_started_is_followed_from_its_start(installation, store, now):
    run = dags.trigger(installation, "sales", run_id="one").run
    chunks = followed(installation, "sales", "extract", run_id="one")
    assert pieces(islice(chunks, 2)) == [False, False]
    started = msgspec.structs.replace(run, state=RunState.RUNNING, started_at=now)
    instance = TaskInstance(run.run, "extract", -1, TaskState.RUNNING, 1, 1)
    store.apply(Changes(runs=[started], tasks=[instance], tries=[Try(run.run, "extract", -1, 1, 1, "local", now)]), now)
    (log,) = logs.task_logs(installation, "sales", "extract")
    write(log, "begun\n")
    assert pieces(islice(chunks, 2)) == [(-1, 1, "begun\n"), False]


def test_a_run_that_has_ended_before_its_tasks_began_is_not_waited_for(installation, store, now):
    run = dags.trigger(installation, "sales", run_id="one").run
    chunks = followed(installation, "sales", "extract", run_id="one")
    assert pieces(islice(chunks, 1)) == [False]
    store.apply(Changes(runs=[msgspec.structs.replace(run, state=RunState.FAILED, ended_at=now)]), now)
    with pytest.raises(RequestError, match=r"run 'one' has ended as failed, and task 'extract' never began in it"):
        list(islice(chunks, 3))


def test_an_index_of_a_mapped_task_is_followed_from_its_expansion(installation, store, now, save):
    each = TaskSpec("each", mapped=(Mapping("x", source=XComRef("ids")),))
    save(store, [DagSpec("mapped", "sales.py", (TaskSpec("ids"), each))])
    run = dags.trigger(installation, "mapped", run_id="one").run
    started = msgspec.structs.replace(run, state=RunState.RUNNING, started_at=now)
    store.apply(Changes(runs=[started], tasks=[TaskInstance(run.run, "each", -1, TaskState.NONE)]), now)
    chunks = followed(installation, "mapped", "each", map_index=1)
    assert pieces(islice(chunks, 1)) == [False]
    with pytest.raises(RequestError, match="task 'each' of run 'one' has not been expanded, so it has no index yet"):
        logs.task_logs(installation, "mapped", "each", map_index=1)
    ended = [TaskInstance(run.run, "each", index, TaskState.SUCCESS, 1, 1) for index in (0, 1)]
    store.apply(Changes(tasks=ended, removed=[TaskKey(run.run, "each")]), now)
    assert pieces(chunks) == [True]
    with pytest.raises(NotFoundError, match=r"is named '2'\. It has 0 to 1\."):
        next(followed(installation, "mapped", "each", map_index=2))


def test_one_dispatch_is_followed_until_its_try_has_ended(installation, task):
    first, second = logs.task_logs(installation, "sales", "extract")
    write(first, "one\n")
    write(second, "two\n")
    assert pieces(followed(installation, "sales", "extract", dispatch=1)) == [(-1, 1, "one\n"), True]
    chunks = followed(installation, "sales", "extract", dispatch=2)
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
    chunks = followed(installation, "sales", "load")
    assert pieces(islice(chunks, 3)) == [(0, 1, "of 0\n"), (1, 1, "of 1\nof 1\n"), False]
    ended = [msgspec.structs.replace(rows[0], state=TaskState.FAILED), rows[1]]
    store.apply(Changes(tasks=ended), now)
    assert pieces(islice(chunks, 1)) == [False], "the second one goes on"
    store.apply(Changes(tasks=[msgspec.structs.replace(rows[1], state=TaskState.SUCCESS)]), now)
    (last,) = chunks
    assert (last.last, last.states) == (True, {TaskState.FAILED, TaskState.SUCCESS})


@pytest.fixture
def shipped(installation, tmp_path):
    """The log store of an installation whose settings name one."""
    settings = msgspec.structs.replace(installation.settings, logs=LogSettings((tmp_path / "kept").as_uri()))
    installation._settings = settings
    return installation.host.log_store(settings.logs.store)


def to_the_end(chunks, clock):
    """All chunks, for a reader who waits a second after each look."""
    found = []
    for chunk in chunks:
        found.append(chunk)
        if chunk.log is None:
            clock.advance(1)
    return found


def test_a_log_that_is_not_here_is_read_from_the_log_store(installation, task, shipped):
    first, second = logs.task_logs(installation, "sales", "extract")
    shipped.append(first.name, 0, b"one\n")
    with pytest.raises(RequestError, match="the end of this log may be missing: it has not reached the log store"):
        list(logs.read_log(installation, first))
    shipped.seal(first.name, 4)
    assert b"".join(logs.read_log(installation, first)) == b"one\n"
    write(second, "here\n")
    assert b"".join(logs.read_log(installation, second)) == b"here\n"
    second.path.unlink()
    with pytest.raises(NotFoundError, match="Nothing was written yet"):
        list(logs.read_log(installation, second))


def test_logs_of_another_machine_are_followed_to_their_seal(installation, task, shipped, clock):
    first, second = logs.task_logs(installation, "sales", "extract")
    shipped.append(second.name, 0, b"one\n")
    chunks = followed(installation, "sales", "extract")
    assert pieces(islice(chunks, 2)) == [(-1, 2, "one\n"), False]
    shipped.append(second.name, 4, b"two\n")
    assert pieces(islice(chunks, 1)) == [False], "the store is asked every two seconds"
    clock.advance(2)
    assert pieces(islice(chunks, 2)) == [(-1, 2, "two\n"), False]
    task(TaskState.SUCCESS)
    clock.advance(2)
    assert pieces(islice(chunks, 1)) == [False], "it has ended, but it is not sealed"
    shipped.append(second.name, 8, b"its last words\n")
    shipped.seal(second.name, 23)
    shipped.seal(first.name, 0)
    clock.advance(2)
    found = to_the_end(chunks, clock)
    assert [piece for piece in pieces(found) if piece] == [(-1, 2, "its last words\n"), True]
    assert not found[-1].cut


def test_who_waits_for_a_seal_in_vain_is_told(installation, task, shipped, clock):
    _, second = logs.task_logs(installation, "sales", "extract")
    shipped.append(second.name, 0, b"one\n")
    task(TaskState.SUCCESS)
    chunks = followed(installation, "sales", "extract")
    assert pieces(islice(chunks, 2)) == [(-1, 2, "one\n"), False]
    waited = to_the_end(chunks, clock)
    assert (len(waited), waited[-1].last, waited[-1].cut) == (16, True, True)


def keep_report(installation, folder=None):
    settings = installation.settings
    ShippingReport(settings.logs.store, str(folder or settings.logs_folder)).keep(settings.state_folder)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["where it is shipped", "where its files are not"])
def test_a_log_of_which_nothing_is_known_is_waited_for_only_where_its_file_cannot_be(
    installation, task, shipped, clock, tmp_path, elsewhere
):
    installation.settings.state_folder.mkdir()
    keep_report(installation, tmp_path / "another" if elsewhere else None)
    task(TaskState.SUCCESS)
    waited = to_the_end(followed(installation, "sales", "extract"), clock)
    assert (len(waited) > 1, waited[-1].cut) == (elsewhere, elsewhere)


def test_a_followed_log_goes_on_in_the_store_when_its_file_goes(installation, task, shipped, clock):
    installation.settings.state_folder.mkdir()
    keep_report(installation)
    _, second = logs.task_logs(installation, "sales", "extract")
    write(second, "one\n")
    chunks = followed(installation, "sales", "extract")
    assert pieces(islice(chunks, 2)) == [(-1, 2, "one\n"), False]
    shipped.append(second.name, 0, b"one\ntwo\n")
    shipped.seal(second.name, 8)
    second.path.unlink()
    task(TaskState.SUCCESS)
    assert pieces(to_the_end(chunks, clock))[0] == (-1, 2, "two\n")


def test_a_log_store_that_fails_is_told_by_its_url(installation, task, shipped, monkeypatch):
    def broken(*_):
        raise ValueError("out of paper")

    monkeypatch.setattr(ObjectLogs, "read", broken)
    first, _ = logs.task_logs(installation, "sales", "extract")
    with pytest.raises(
        PluginError, match=r"the log store file:///.*/kept does not give the log: ValueError: out of paper"
    ):
        list(logs.read_log(installation, first))


def test_what_is_not_there_cannot_be_followed(installation, task):
    with pytest.raises(NotFoundError, match="no task of DAG 'sales' is named 'extrakt'"):
        next(followed(installation, "sales", "extrakt"))
    with pytest.raises(NotFoundError, match=r"no index of task 'extract' .* is named '3'\. It is not mapped"):
        next(followed(installation, "sales", "extract", map_index=3))
