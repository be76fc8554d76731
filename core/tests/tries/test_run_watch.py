from datetime import UTC, datetime

from penstock.model.changes import Changes
from penstock.model.run import Run, RunKind, TaskInstance, TaskKey, Try
from penstock.model.state import Outcome, RunState, TaskState
from penstock.tries.run_watch import RunWatch

AT = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO = (TaskKey(9, "one"), 1), (TaskKey(9, "two"), 1)


def run(state, number=1):
    return Changes(runs=[Run(number, "d", "r", RunKind.SCHEDULED, state, "v", AT, AT)])


def task(task_id, state, number=1):
    return Changes(tasks=[TaskInstance(number, task_id, -1, state)])


def test_a_sensor_is_poked_once_by_what_it_waits_for_and_by_nothing_else():
    watch = RunWatch()
    watch.watch(ONE, [("d", AT)])
    watch.watch(TWO, [("d", AT), (1,), (1, "t")])
    for changes in (
        task("u", TaskState.SUCCESS),
        task("t", TaskState.RUNNING),
        task("t", TaskState.FAILED, 2),
        Changes(),
    ):
        assert watch.poked_by(changes) == []
    assert watch.poked_by(task("t", TaskState.FAILED)) == [TWO]
    assert watch.poked_by(run(RunState.RUNNING)) == [ONE]
    assert watch.poked_by(run(RunState.SUCCESS)) == []


def test_a_sensor_that_asks_again_waits_for_what_it_asked_last_and_one_that_has_ended_for_nothing():
    watch = RunWatch()
    watch.watch(ONE, [("d", AT)])
    watch.watch(ONE, [(1,)])
    watch.watch(TWO, [(1,)])
    watch.poked_by(Changes(tries=[Try(*TWO[0], 1, 1, "waiter", AT, outcome=Outcome.TIMED_OUT)]))
    assert watch.poked_by(run(RunState.RUNNING)) == []
    assert watch.poked_by(run(RunState.FAILED)) == [ONE]
