import pytest
from stage import Stage, after, dag

from penstock.engine.messages import TryInterrupted
from penstock.engine.tries import MAX_LOST
from penstock.model.dag import Mapping, SensorPolicy, TaskSpec, XComRef
from penstock.model.request import CancelRun, ClearTasks
from penstock.model.retry import RetrySpec
from penstock.model.state import Outcome, TriggerRule
from penstock.spec.executor import TryRecovered

EVERYTHING = dag(
    TaskSpec("a", retry=RetrySpec(1, 60.0)),
    after("branch", "a"),
    after("no", "branch"),
    TaskSpec("m", upstream=("a",), mapped=(Mapping("x", source=XComRef("a")), Mapping("y", length=2))),
    TaskSpec("s", upstream=("a",), sensor=SensorPolicy()),
    TaskSpec("n", upstream=("m",), mapped=(Mapping("x", source=XComRef("m")),), max_active_per_run=1),
    after("r", "n", "branch", "no", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS),
    after("t", "a", "r", teardown=True, trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS),
    max_active_tasks=3,
    max_active_runs=1,
)


def play(crash_at=None, how="after"):
    """Play two runs to their end by a fixed script; crash once, after or before the given step's commit."""
    stage = Stage(EVERYTHING)
    stage.trigger(), stage.trigger()
    moves = 0
    failed = set()
    while any(not run.state.finished for run in stage.store.runs.values()):
        if moves == crash_at:
            stage.restart()
        moves += 1
        if not stage.out:
            stage.step(after=60)
            continue
        key = min(stage.out)
        name = str(key)
        if name == "a" and key.run not in failed:
            failed.add(key.run)
            stage.fail(name, run=key.run)
        elif name == "branch":
            stage.finish(name, run=key.run, follow=("r",))
        else:
            stage.finish(name, run=key.run, returns=2)
    assert stage.held == []
    return moves, [(k, t.state, t.try_number, t.epoch, t.failures) for k, t in sorted(stage.store.tasks.items())]


MOVES, EXPECTED = play()


@pytest.mark.parametrize("crash_at", range(MOVES))
def test_a_restart_at_any_point_changes_nothing_of_how_it_ends(crash_at):
    assert play(crash_at)[1] == EXPECTED


def test_a_restored_engine_has_nothing_to_write_and_nothing_new_to_send():
    stage = Stage(EVERYTHING)
    stage.trigger()
    stage.fail("a")
    stage.step(after=60)
    stage.finish("a", returns=2)
    out = set(stage.out)
    stage.restart()
    assert stage.last.dispatches == ()
    assert set(stage.out) == out
    assert stage.last.changes.tries == []
    assert all(task.state.value == "scheduled" for task in stage.last.changes.tasks)


def test_a_try_lives_on_with_the_executor_it_was_sent_to_though_the_routes_changed():
    stage = Stage(dag("a"))
    stage.trigger()
    stage.routes = {"default": "elsewhere"}
    stage.restart()
    step = stage.ask(CancelRun(1))
    assert [kill.executor for kill in step.kills] == ["local"]


def test_a_try_that_was_told_to_end_is_told_again_and_holds_its_instance_up():
    stage = Stage(dag("a"))
    stage.trigger()
    stage.ask(ClearTasks(1))
    step = stage.restart()
    assert [(str(kill.key), kill.epoch) for kill in step.kills] == [("a", 1)]
    assert step.dispatches == ()
    stage.finish("a", Outcome.CANCELLED)
    assert [d.instance.epoch for d in stage.last.dispatches] == [2]


def test_a_cancelled_run_whose_try_has_not_answered_is_held_until_it_does():
    stage = Stage(dag("a"))
    stage.trigger()
    stage.ask(CancelRun(1))
    step = stage.restart()
    assert [str(kill.key) for kill in step.kills] == ["a"]
    assert stage.held == [1]
    stage.finish("a", Outcome.CANCELLED)
    assert stage.held == []
    assert stage.store.tries[stage.key("a"), 1].outcome is Outcome.CANCELLED


def test_a_cleared_mapped_task_still_folds_up_after_a_restart():
    stage = Stage(dag("a", TaskSpec("m", upstream=("a",), mapped=(Mapping("x", source=XComRef("a")),))))
    stage.trigger()
    stage.finish("a", returns=2)
    stage.ask(ClearTasks(1, ("a",)))
    stage.restart()
    stage.finish("a", returns=1)
    stage.finish("m[0]", Outcome.CANCELLED), stage.finish("m[1]", Outcome.CANCELLED)
    assert stage.states() == {"a": "success", "m[0]": "queued", "m[1]": "removed"}


def test_a_run_whose_last_answer_was_stored_but_not_its_end_is_ended():
    stage = Stage(dag("a"))
    stage.trigger()
    row = stage.store.run_added(1)
    stage.finish("a")
    stage.store.runs[1] = row.run
    stage.restart()
    assert stage.run_state() == "success"


def test_overfull_limits_after_a_restart_drain_before_anything_goes_out():
    stage = Stage(dag(*(TaskSpec(f"t{n}") for n in range(6))), pools={"default_pool": 4})
    stage.trigger()
    stage.pools = {"default_pool": 2}
    assert stage.restart().dispatches == ()
    for n in (0, 1):
        stage.finish(f"t{n}")
        assert stage.last.dispatches == ()
    stage.finish("t2")
    assert len(stage.last.dispatches) == 1


def test_instances_go_out_in_their_order_in_whatever_order_their_rows_come():
    stage = Stage(dag(TaskSpec("m", mapped=(Mapping("x", length=5),))), capacity=0)
    stage.trigger()
    stage.store.tasks = dict(sorted(stage.store.tasks.items(), reverse=True))
    stage.capacity["local"] = 9
    stage.restart()
    assert stage.running() == [f"m[{n}]" for n in range(5)]


def test_losses_are_counted_over_restarts_so_that_no_try_ends_the_scheduler_for_ever():
    stage = Stage(dag("a"))
    stage.trigger()
    for _ in range(MAX_LOST):
        stage.restart()
        stage.finish("a", Outcome.LOST, error="the scheduler was restarted")
    assert stage.state("a") == "failed"
    assert stage.reason("a") == f"its worker was lost {MAX_LOST} times in a row: the scheduler was restarted"


def test_restarts_that_are_not_the_doing_of_a_try_are_not_counted_against_it():
    stage = Stage(dag("a"))
    stage.trigger()
    for _ in range(2 * MAX_LOST):
        stage.restart()
        stage.step(TryInterrupted(stage.key("a"), stage.out[stage.key("a")].instance.epoch, stage.now, "restarted"))
    row = stage.store.tasks[stage.key("a")]
    assert (row.state, row.try_number, row.losses, row.epoch) == ("queued", 1, 0, 2 * MAX_LOST + 1)
    assert {attempt.outcome for attempt in stage.store.tries.values()} == {Outcome.LOST, None}


def test_a_try_that_outlives_restarts_goes_on_under_its_epoch_and_counts_no_loss():
    stage = Stage(dag("a", TaskSpec("s", sensor=SensorPolicy())))
    stage.trigger()
    stage.started("a"), stage.started("s")
    for _ in range(2 * MAX_LOST):
        stage.restart()
        step = stage.step(TryRecovered(stage.key("a"), 1), TryRecovered(stage.key("s"), 1), after=20)
        assert not step.changes
        assert stage.step(after=29).kills == ()
    assert stage.states() == {"a": "running", "s": "deferred"}
    stage.finish("a"), stage.finish("s")
    assert stage.run_state() == "success"
    assert {task.losses for task in stage.store.tasks.values()} == {0}


def test_a_try_that_lives_on_elsewhere_takes_no_place_of_the_executor_but_all_else_that_it_holds():
    tasks = [TaskSpec(name, pool=pool) for name, pool in (("a", "p"), ("b", "p"), ("c", "q"))]
    stage = Stage(dag(*tasks), pools={"p": 1, "q": 1}, capacity=1)
    stage.trigger()
    stage.started("a")
    stage.restart()
    assert stage.step().dispatches == ()
    recovered = TryRecovered(stage.key("a"), 1, elsewhere=True)
    assert [str(d.instance.key) for d in stage.step(recovered, recovered).dispatches] == ["c"]
    assert stage.engine.why(stage.key("b")).startswith("pool 'p' is full: 1 of 1")
    stage.finish("a", Outcome.LOST), stage.finish("c")
    assert [str(d.instance.key) for d in stage.last.dispatches] == ["b"]


def test_a_recovered_try_that_nobody_knows_changes_nothing():
    stage = Stage(dag("a"))
    stage.trigger()
    step = stage.step(
        TryRecovered(stage.key("a"), 7), TryRecovered(stage.key("zzz"), 1), TryRecovered(stage.key("a", 9), 1)
    )
    assert not step.changes
    assert [str(kill.key) for kill in stage.step(after=30).kills] == ["a"]


def test_a_recovered_try_that_was_told_to_end_is_told_again():
    stage = Stage(dag("a"))
    stage.trigger()
    stage.ask(ClearTasks(1))
    stage.restart()
    assert len(stage.last.kills) == 1
    assert stage.step(TryRecovered(stage.key("a"), 1)).dispatches == ()
    stage.finish("a", Outcome.CANCELLED)
    assert [d.instance.epoch for d in stage.last.dispatches] == [2]
