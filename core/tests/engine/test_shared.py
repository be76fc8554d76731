"""An engine that shares the DAGs with others: what it loses it forgets, and of limits it uses its share."""

from stage import Stage, dag

from penstock.engine.messages import DagLost, PoolsUpdated, SharesLent
from penstock.model.dag import TaskSpec


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
