import pytest
from stage import START, Stage, after, dag

from penstock.engine.messages import AssetEventAdded
from penstock.model.assets.asset_condition import AssetCondition
from penstock.model.dag import Mapping, TaskSpec
from penstock.model.request import ClearTasks, MarkTask
from penstock.model.retry import RetrySpec
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.model.state import Outcome

A, B, C = (AssetCondition(name) for name in "abc")


def both(*parts):
    return AssetCondition(parts=parts)


def either(*parts):
    return AssetCondition(join="any", parts=parts)


def producer(*outlets, **more):
    return dag(TaskSpec("make", outlets=outlets, **more), dag_id="producer")


def consumer(condition, dag_id="consumer", **more):
    return dag("use", dag_id=dag_id, schedule=Schedule(assets=condition), **more)


def made(stage, dag_id="consumer"):
    """What each run of a DAG was made for, oldest first."""
    return [run.consumed for run in stage.store.runs.values() if run.dag_id == dag_id]


def happen(stage, *assets):
    """Something outside happens to these assets."""
    return stage.report(*assets)


@pytest.mark.parametrize(
    ("condition", "events", "runs"),
    [
        (A, "a", [{"a": [0, 1]}]),
        (A, "b", []),
        (A, "aaa", [{"a": [0, 1]}, {"a": [1, 2]}, {"a": [2, 3]}]),
        (both(A, B), "aa", []),
        (both(A, B), "aaba", [{"a": [0, 2], "b": [0, 3]}]),
        (either(A, B), "ab", [{"a": [0, 1]}, {"b": [0, 2]}]),
        (both(A, either(B, C)), "bca", [{"a": [0, 3], "b": [0, 1], "c": [0, 2]}]),
        (either(both(A, B), C), "ac", [{"a": [0, 1], "c": [0, 2]}]),
    ],
    ids=["one", "another", "each", "half", "both", "either", "nested", "incomplete part"],
)
def test_a_run_is_made_once_the_condition_holds_for_all_events_that_wait(condition, events, runs):
    stage = Stage(consumer(condition))
    for asset in events:
        happen(stage, asset)
    assert made(stage) == runs


def test_a_success_is_an_event_of_each_outlet_with_what_its_try_gave_and_the_consumer_runs():
    stage = Stage(producer("a", "b"), consumer(both(A, B)))
    stage.trigger("producer")
    stage.finish("make", extras={"b": {"rows": 7}})
    assert [(e.asset, e.extra, e.dag_id, e.task_id, e.run) for e in stage.store.events] == [
        ("a", {}, "producer", "make", 1),
        ("b", {"rows": 7}, "producer", "make", 1),
    ]
    assert made(stage) == [{"a": [0, 1], "b": [0, 2]}]
    stage.drain(run=2)
    assert (stage.run_state(2), stage.store.runs[2].kind.value) == ("success", "asset_triggered")


def test_an_event_through_an_alias_counts_for_who_waits_for_the_alias_and_for_who_waits_for_the_asset():
    alias = AssetCondition("alias:x")
    stage = Stage(producer("alias:x"), consumer(A, "of_asset"), consumer(alias, "of_alias"), consumer(B, "other"))
    stage.trigger("producer")
    stage.finish("make", resolved={"alias:x": {"a": {"rows": 1}}, "alias:not_declared": {"b": {}}})
    assert [(e.asset, e.alias, e.resolved, e.extra) for e in stage.store.events] == [
        ("a", "alias:x", "", {"rows": 1}),
        ("alias:x", "", "a", {"rows": 1}),
    ]
    assert [made(stage, each) for each in ("of_asset", "of_alias", "other")] == [
        [{"a": [0, 1]}],
        [{"alias:x": [0, 2]}],
        [],
    ]
    happen(stage, "a")
    assert len(made(stage, "of_alias")) == 1, "what did not come through the alias is none of its events"


def test_an_alias_that_stands_for_nothing_makes_no_event():
    stage = Stage(producer("alias:x"), consumer(AssetCondition("alias:x")))
    stage.trigger("producer")
    stage.finish("make")
    assert stage.store.events == []


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.SKIPPED, Outcome.LOST])
def test_what_is_no_success_is_no_event(outcome):
    stage = Stage(producer("a", retry=RetrySpec(1, 1.0)), consumer(A))
    stage.trigger("producer")
    stage.finish("make", outcome, extras={"a": {"lost": True}}, error="boom")
    assert stage.store.events == []
    if outcome is not Outcome.SKIPPED:
        stage.step(after=5.0)
        stage.finish("make")
        assert [event.extra for event in stage.store.events] == [{}]


def test_an_answer_that_comes_twice_is_one_event_and_a_rerun_is_another():
    stage = Stage(producer("a"))
    stage.trigger("producer")
    answer = stage.answer("make")
    stage.finish("make")
    stage.step(answer)
    assert len(stage.store.events) == 1
    stage.ask(ClearTasks(1))
    stage.finish("make")
    assert len(stage.store.events) == 2
    stage.ask(MarkTask(1, "make", -1, "success"))
    assert len(stage.store.events) == 2


def test_a_task_without_a_process_makes_its_event_at_once():
    stage = Stage(producer("a", instant=True), consumer(A))
    stage.trigger("producer")
    assert made(stage) == [{"a": [0, 1]}]


def test_while_no_run_may_be_active_events_wait_and_the_next_run_is_made_for_all_of_them():
    stage = Stage(consumer(A, max_active_runs=1))
    for _ in range(4):
        happen(stage, "a")
    assert made(stage) == [{"a": [0, 1]}]
    stage.drain()
    assert made(stage) == [{"a": [0, 1]}, {"a": [1, 4]}]


def test_events_of_a_pause_wait_for_its_end():
    stage = Stage(consumer(A))
    stage.step(stage.store.put_dag(consumer(A), paused=True))
    happen(stage, "a")
    happen(stage, "a")
    assert made(stage) == []
    stage.step(stage.store.put_dag(consumer(A)))
    assert made(stage) == [{"a": [0, 2]}]


def test_each_consumer_takes_each_event_by_itself_and_a_restart_takes_none_twice():
    stage = Stage(consumer(A), consumer(both(A, B), dag_id="slow"))
    happen(stage, "a")
    stage.restart()
    assert (made(stage), made(stage, "slow")) == ([{"a": [0, 1]}], [])
    happen(stage, "b")
    stage.restart()
    assert (made(stage), made(stage, "slow")) == ([{"a": [0, 1]}], [{"a": [0, 1], "b": [0, 2]}])


@pytest.mark.parametrize(("catchup", "runs"), [(False, []), (True, [{"a": [0, 1]}])])
def test_what_happened_before_a_dag_began_to_wait_counts_only_if_it_catches_up(catchup, runs):
    stage = Stage(consumer(B, dag_id="other"))
    happen(stage, "a")
    stage.step(stage.store.put_dag(consumer(A, catchup=catchup)))
    assert made(stage) == runs


def test_a_dag_that_waits_for_an_asset_again_begins_anew():
    stage = Stage(consumer(either(A, B)))
    happen(stage, "a")
    stage.step(stage.store.put_dag(consumer(B)))
    happen(stage, "a")
    stage.step(stage.store.put_dag(consumer(either(A, B))))
    assert made(stage) == [{"a": [0, 1]}]
    happen(stage, "a")
    assert made(stage) == [{"a": [0, 1]}, {"a": [2, 3]}]


def test_a_schedule_of_assets_and_time_makes_runs_by_both():
    timed = Schedule(ScheduleKind.INTERVAL, every_s=60.0, assets=A)
    stage = Stage(dag("use", dag_id="consumer", schedule=timed, start_date=START))
    happen(stage, "a")
    stage.step(after=61.0)
    assert [run.kind.value for run in stage.store.runs.values()] == ["asset_triggered", "scheduled"]


def test_a_retired_dag_takes_nothing():
    stage = Stage(consumer(A))
    stage.step(stage.store.put_dag(consumer(A), active=False))
    happen(stage, "a")
    assert made(stage) == []


def test_an_event_costs_the_dags_that_wait_for_its_asset_and_no_others():
    many = [consumer(B, dag_id=f"other{n}") for n in range(50)]
    stage = Stage(consumer(A), *many)
    step = stage.engine.step([AssetEventAdded("a", 1)], stage.present)
    assert [new.dag_id for new in step.changes.new_runs] == ["consumer"]
    assert [cursor.dag_id for cursor in step.changes.asset_cursors] == ["consumer"]


def test_mapped_instances_make_an_event_each():
    stage = Stage(dag(after("make", mapped=(Mapping("x", length=2),), outlets=("a",)), dag_id="producer"))
    stage.trigger("producer")
    stage.drain()
    assert [event.map_index for event in stage.store.events] == [0, 1]
