"""The workers of remote executors, as people see them, and what a try waits for at their executor."""

import pytest
from msgspec.structs import replace

from penstock.errors import NotFoundError
from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant, Principal
from penstock.model.changes import Changes
from penstock.model.history.audit import AskedBy, AuditAction
from penstock.model.remote.remote_try import OfferedTry, WorkerStatus, WorkerTask
from penstock.model.run import NewRun, RunKind, TaskInstance, TaskKey, Try
from penstock.model.state import RunState, TaskState
from penstock.service.execution.workers import WorkerTasks, drain_worker, list_worker_tasks, list_workers
from penstock.service.tasks import why

STATUS = WorkerStatus("w1", "pool", ("far", "near"), "host", "1.0", slots=4, running=2)


def test_workers_are_listed_and_one_is_drained_with_who_asked(installation, store, now):
    assert list_workers(installation) == []
    store.remote_workers.renew(STATUS, now)
    [row] = list_workers(installation)
    assert (row.name, row.executor, row.queues, row.slots, row.running) == ("w1", "pool", ["far", "near"], 4, 2)
    assert (row.draining, row.since, row.seen_at) == (False, now, now)

    assert (row.done, row.failed, row.average_s, row.load) == (0, 0, None, None)
    store.remote_workers.renew(replace(STATUS, done=4, failed=1, taken_s=6.0, load=0.5), now)
    [row] = list_workers(installation)
    assert (row.done, row.failed, row.average_s, row.load) == (4, 1, 1.5, 0.5)

    drain_worker(installation, "w1", by=AskedBy("ann", "a new machine"))
    assert [each.draining for each in list_workers(installation)] == [True]
    assert store.remote_workers.renew(STATUS, now)
    [entry] = store.audit.page(limit=10)
    assert (entry.action, entry.subject, entry.person) == (AuditAction.DRAIN, "worker w1", "ann")


def test_a_worker_that_is_not_there_is_told_with_those_that_are_and_leaves_no_trace(installation, store, now):
    store.remote_workers.renew(STATUS, now)
    with pytest.raises(NotFoundError, match="w2"):
        drain_worker(installation, "w2")
    assert store.audit.page(limit=10) == []


def test_what_workers_have_is_named_and_of_dags_that_may_not_be_seen_only_the_number(installation, store, now):
    [run] = store.apply(Changes(new_runs=[NewRun("stock", "one", RunKind.MANUAL, now, now, now)]), now)
    tries = [
        OfferedTry(f"t-{name}", TaskKey(run.run, name, -1), 1, "stock", "one", "pool", "far", b"", 60.0)
        for name in ("count", "ended", "waits")
    ]
    store.remote_tries.offer(tries, "me", now)
    store.remote_tries.claim(["t-count", "t-ended"], "a-claim", "w1", now)
    store.remote_tries.end([("t-ended", "a-claim", b"")], now)
    assert list_worker_tasks(installation) == WorkerTasks((WorkerTask("w1", "stock", "one", "count", -1, now),), 0)
    grant = Grant(Role.VIEWER, ("sales",), installation=True)
    assert list_worker_tasks(installation.seen_by(Principal("ann", (grant,)))) == WorkerTasks((), 1)


def test_why_says_what_a_try_waits_for_at_its_executor(installation, store, now):
    [run] = store.apply(Changes(new_runs=[NewRun("stock", "one", RunKind.MANUAL, now, now, now)]), now)
    key = TaskKey(run.run, "count", -1)
    queued = TaskInstance(*key, TaskState.QUEUED, 1, 1, queued_at=now)
    store.apply(
        Changes(
            runs=[replace(run, state=RunState.RUNNING, started_at=now)],
            tasks=[queued],
            tries=[Try(*key, 1, 1, "pool", now)],
        ),
        now,
    )
    store.remote_tries.offer([OfferedTry("t", key, 1, "stock", "one", "pool", "far", b"request", 60.0)], "me", now)
    assert "which has not started it yet" in why(installation, "stock", "count")[0].reason
    store.remote_tries.note({"t": "the broker does not answer"})
    assert "which has not started it yet: the broker does not answer" in why(installation, "stock", "count")[0].reason
