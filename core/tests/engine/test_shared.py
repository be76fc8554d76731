"""An engine that shares the DAGs with others: what it loses it forgets, and of limits it uses its share."""

from stage import Stage, dag

from penstock.engine.messages import DagHeld, DagLost, PoolsUpdated, SharesLent
from penstock.model.dag import SensorPolicy, TaskSpec


def test_a_dag_that_is_lost_is_forgotten_and_nothing_of_it_is_stored():
    stage = Stage(dag("a", TaskSpec("b", pool="closed", upstream=("a",))), pools={"default_pool": 1, "closed": 0})
    run = stage.trigger()
    assert not stage.engine.idle("d"), "its try answers to this process"
    stage.finish("a")
    assert stage.engine.idle("d")
    assert stage.engine.holds(run)
    step = stage.step(DagLost("d"))
    assert (step.changes.runs, step.changes.tasks, step.dispatches, step.kills) == ([], [], (), ())
    assert not stage.engine.holds(run)
    assert stage.step(PoolsUpdated({"closed": 1}), after=60.0).dispatches == ()


def test_of_a_limit_no_more_is_used_than_the_share():
    stage = Stage(dag(*(TaskSpec(f"t{n}", pool="p") for n in range(6))), pools={"p": 4})
    stage.step(SharesLent({"pool:p": 1}))
    stage.trigger()
    (demand,) = (each for each in stage.engine.demands() if each.key == "pool:p")
    assert (demand.limit, demand.used, demand.wanted, demand.largest, demand.starts) == (4, 1, 5, 1, 1)
    assert len(stage.step(SharesLent({"pool:p": 3})).dispatches) == 2
    assert stage.step(SharesLent({})).dispatches == ()


def test_of_a_dag_that_is_held_no_try_begins_and_why_says_so_until_it_goes_on():
    stage = Stage(dag("a", TaskSpec("b", upstream=("a",)), TaskSpec("s", sensor=SensorPolicy(), upstream=("a",))))
    stage.trigger()
    assert stage.engine.movable("d")
    stage.step(DagHeld("d", "it moves"))
    stage.finish("a")
    assert (stage.last.dispatches, stage.engine.idle("d"), stage.engine.movable("d")) == ((), True, False)
    assert [stage.engine.why(stage.key(name)) for name in "bs"] == ["it moves"] * 2
    assert stage.store.tasks[stage.key("b")].reason == "it moves"
    stage.step(DagHeld("d", ""))
    assert {str(d.instance.key) for d in stage.last.dispatches} == {"b", "s"}
    assert not stage.engine.movable("d"), "its sensor may wait for ever"


def test_a_dag_that_is_held_is_held_still_when_its_file_changes_and_when_it_is_unpaused():
    tasks = dag("a", TaskSpec("b", upstream=("a",)))
    stage = Stage(tasks)
    stage.trigger()
    stage.step(DagHeld("d", "it moves"))
    stage.step(stage.store.put_dag(tasks, paused=True))
    stage.finish("a")
    assert stage.engine.why(stage.key("b")).startswith("DAG 'd' is paused")
    stage.step(stage.store.put_dag(tasks))
    assert (stage.last.dispatches, stage.engine.why(stage.key("b"))) == ((), "it moves")
    assert len(stage.step(DagHeld("d", "")).dispatches) == 1
