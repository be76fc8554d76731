"""What keeps workers from a try that waits for them, by what was heard of them."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from penstock.model.changes import Changes
from penstock.model.remote.remote_try import OfferedTry, WorkerStatus
from penstock.model.run import NewRun, RunKind, TaskKey
from penstock.scheduler.capacity_file import CapacityFile
from penstock.scheduler.executor_faults import ExecutorFaults
from penstock.service.reasons.pool_workers import why_not_begun
from penstock.settings.executors import ExecutorChoice

START = "`penstock worker --executor pool --queues far` starts one"
ONE = WorkerStatus("w1", "pool", ("far",), "host", "1.0", slots=2)
GONE = replace(ONE, worker="w0")
"""One of which nothing was heard for 20 minutes."""


@pytest.fixture
def pool(installation):
    installation.settings.executors["pool"] = ExecutorChoice("acme.executor")
    return installation


@pytest.mark.parametrize(
    ("workers", "held", "silent_s", "said"),
    [
        ([], 0, 0, f"none of its workers was heard of lately: {START}"),
        ([replace(ONE, queues=("near",))], 0, 0, f"1 worker of it is there, and none takes queue 'far': {START}"),
        ([replace(ONE, queues=())], 1, 0, f"none of its workers was heard of lately: {START}"),
        ([replace(ONE, draining=True)], 1, 0, f"the 1 worker that takes queue 'far' is draining: {START}"),
        ([GONE, replace(ONE, draining=True)], 1, 0, f"the 1 worker that takes queue 'far' is draining: {START}"),
        (
            [GONE, ONE, replace(ONE, worker="w2", draining=True)],
            2,
            0,
            "all slots of the 1 worker that takes queue 'far' are in use: 2 of 2",
        ),
        ([ONE], 2, 0, "all slots of the 1 worker that takes queue 'far' are in use: 2 of 2"),
        ([ONE], 1, 0, "1 of 2 slots of the 1 worker that takes queue 'far' is free: its ticket is on its way"),
        (
            [ONE, replace(ONE, worker="w2")],
            2,
            0,
            "2 of 4 slots of the 2 workers that take queue 'far' are free: its ticket is on its way",
        ),
        (
            [ONE],
            2,
            100,
            (
                "nothing was heard since 2026-03-01 12:30:00Z of the 1 worker that takes queue 'far'; "
                f"do they run, and does the server answer them? {START}"
            ),
        ),
    ],
    ids=[
        "none",
        "another queue",
        "one of a ticket",
        "drains",
        "a dead one and one that drains",
        "the others are dead or drain",
        "full",
        "free",
        "some free",
        "silent",
    ],
)
def test_what_keeps_workers_from_a_try_is_said(pool, store, clock, workers, held, silent_s, said):
    now = clock.now()
    CapacityFile(pool.settings.state_folder, "pool").write(0)
    for each in workers:
        store.remote_workers.renew(each, now - timedelta(minutes=20) if each is GONE else now)
    [run] = store.apply(Changes(new_runs=[NewRun("stock", "one", RunKind.MANUAL, now, now, now)]), now)
    names = [f"t{number}" for number in range(held)]
    offers = [OfferedTry(name, TaskKey(run.run, name), 1, "stock", "one", "pool", "far", b"", 60.0) for name in names]
    store.remote_tries.offer(offers, "me", now)
    store.remote_tries.claim(names, "a-claim", "w1", now)
    clock.advance(silent_s)
    assert why_not_begun(pool, "pool", "far") == said


def test_where_workers_are_started_for_each_try_only_the_executor_knows_more(pool):
    assert why_not_begun(pool, "pool", "far") == ""
    CapacityFile(pool.settings.state_folder, "pool").write(20)
    assert why_not_begun(pool, "pool", "far") == ""


def test_an_executor_that_cannot_be_made_is_why_and_no_worker_is_wanted(pool):
    CapacityFile(pool.settings.state_folder, "pool").write(0)
    fault = "(acme.exekutor) cannot be made: no capability is named that. Did you mean 'acme.executor'?"
    ExecutorFaults(pool.settings.state_folder, "pool").add(f"executor 'pool' {fault}")
    assert why_not_begun(pool, "pool", "far") == f"it {fault} Mend that, and start `penstock up` again"


def test_an_executor_that_has_not_started_is_why_and_no_worker_is_wanted(pool):
    """A Kubernetes executor without a kubeconfig was said to lack workers of a pool, which it has none of."""
    CapacityFile(pool.settings.state_folder, "pool").write(0)
    faults = ExecutorFaults(pool.settings.state_folder, "pool")
    for _ in range(3):
        faults.add("start() raised ProviderError: no kubeconfig is there")
    assert why_not_begun(pool, "pool", "far") == "its engine cannot be asked: ProviderError: no kubeconfig is there"
    assert len(faults.read()) == 1
    faults.add("look() raised OSError: no route")
    assert why_not_begun(pool, "pool", "far") == "its engine cannot be asked: OSError: no route"
    for method in ("look", "start"):
        faults.add(f"{method}() has succeeded after it had failed")
    assert why_not_begun(pool, "pool", "far") == f"none of its workers was heard of lately: {START}"
