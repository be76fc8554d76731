"""A setup holds back the work below it, direct or not, whatever its trigger rules; a teardown waits for that work.

The states in the table are those of Apache Airflow 3.3, except that it refuses another rule than ``all_success`` directly below a setup.
"""

import pytest
from stage import Stage, after, dag

from penstock.model.dag import Mapping, TaskSpec
from penstock.model.request import ClearTasks
from penstock.model.run import TaskKey
from penstock.model.state import Outcome, TriggerRule

KINDS = {"s": Outcome.SUCCESS, "k": Outcome.SKIPPED, "f": Outcome.FAILED}
SETUP = {"setup": True}
TEARDOWN = {"teardown": True, "trigger_rule": TriggerRule.ALL_DONE_SETUP_SUCCESS}


def rule(name):
    return {"trigger_rule": TriggerRule(name)}


def played(tasks, outcomes):
    """States of a run in which each task ends as told, with success unless told."""
    stage = Stage(dag(*tasks))
    stage.trigger()
    while running := [name for name in stage.running() if "[" not in name or name in stage.states()]:
        name = running[0]
        stage.finish(name, KINDS[outcomes.get(name, "s")], error="boom")
    return " ".join(f"{name}={state}" for name, state in stage.states().items()), stage.run_state()


def chain(last_rule, *, teardown=True):
    tasks = [after("a", **SETUP), after("b", "a"), after("c", "b", **rule(last_rule))]
    return [*tasks, after("d", "a", "c", **TEARDOWN)] if teardown else tasks


CASES = {
    "failed, two below": (chain("all_done"), {"a": "f"}, "a=failed b=upstream_failed c=upstream_failed d=upstream_failed", "failed"),
    "skipped, two below": (chain("all_done"), {"a": "k"}, "a=skipped b=skipped c=skipped d=skipped", "success"),
    "one_failed": (chain("one_failed"), {"a": "f"}, "a=failed b=upstream_failed c=upstream_failed d=upstream_failed", "failed"),
    "none_skipped": (chain("none_skipped"), {"a": "f"}, "a=failed b=upstream_failed c=upstream_failed d=upstream_failed", "failed"),
    "without a teardown": (chain("all_done", teardown=False), {"a": "f"}, "a=failed b=upstream_failed c=upstream_failed", "failed"),
    "succeeded": (chain("all_done"), {"b": "f"}, "a=success b=failed c=success d=success", "success"),
    "always goes its own way": (chain("always"), {"a": "f"}, "a=failed b=upstream_failed c=success d=upstream_failed", "success"),
    "directly below": (
        [after("a", **SETUP), after("b", "a", **rule("all_done"))],
        {"a": "f"},
        "a=failed b=upstream_failed",
        "failed",
    ),
    "behind its teardown": (
        [after("a", **SETUP), after("b", "a"), after("d", "a", "b", **TEARDOWN), after("e", "d", **rule("all_done"))],
        {"a": "f"},
        "a=failed b=upstream_failed d=upstream_failed e=success",
        "failed",
    ),
    "one of two": (
        [after("a", **SETUP), after("b", **SETUP), after("c", "a", "b"), after("e", "c", **rule("all_done"))],
        {"b": "f"},
        "a=success b=failed c=upstream_failed e=upstream_failed",
        "failed",
    ),
    "a mapped one": (
        [TaskSpec("a", setup=True, mapped=(Mapping("x", length=2),)), after("b", "a"), after("c", "b", **rule("all_done"))],
        {"a[1]": "f"},
        "a[0]=success a[1]=failed b=upstream_failed c=upstream_failed",
        "failed",
    ),
    "teardowns alone": ([after("a", teardown=True), after("b", "a", **TEARDOWN)], {"b": "f"}, "a=success b=failed", "failed"),
}  # fmt: skip


@pytest.mark.parametrize(("tasks", "outcomes", "states", "run"), CASES.values(), ids=CASES)
def test_a_setup_that_did_not_succeed_holds_back_the_work_below_it(tasks, outcomes, states, run):
    assert played(tasks, outcomes) == (states, run)


def test_a_teardown_waits_for_all_work_between_its_setup_and_it():
    work = [after("a", **SETUP), after("b", "a"), after("c", "a"), after("d", "b", "c", **rule("one_success"))]
    stage = Stage(dag(*work, after("e", "a", "d", **TEARDOWN)))
    stage.trigger()
    stage.finish("a"), stage.finish("b"), stage.finish("d")
    assert (stage.running(), stage.state("e")) == (["c"], "none")
    assert stage.why("e").endswith("2 succeeded, 1 further up is not finished")
    stage.restart()
    stage.finish("c")
    assert stage.running() == ["e"]


def test_what_is_held_back_by_a_setup_says_so():
    stage = Stage(dag(*chain("one_success"), after("z")))
    stage.trigger()
    stage.fail("a")
    assert stage.reason("c") == "setup 'a' above it failed"


CLEARS = {
    "work": ((("b",), True), "a b c d e"),
    "work without what is downstream": ((("b",), False), "a b d"),
    "failed work": (((), True, True), "a b d"),
    "a setup alone": ((("a",), False), "a d"),
    "a teardown": ((("d",), True), "d e"),
    "behind the teardown": ((("e",), True), "e"),
}


@pytest.mark.parametrize(("asked", "again"), CLEARS.values(), ids=CLEARS)
def test_work_that_is_cleared_gets_its_setup_and_its_teardown_again(asked, again):
    tasks = [*chain("all_done")[:3], after("d", "a", "b", "c", **TEARDOWN), after("e", "d")]
    stage = Stage(dag(*tasks))
    stage.trigger()
    stage.finish("a"), stage.fail("b")
    stage.drain()
    names, downstream, *only_failed = asked
    step = stage.ask(ClearTasks(1, names, downstream, *only_failed))
    assert sorted(key.task_id for key in step.changes.cleared) == again.split()
    stage.drain()
    assert stage.run_state() == "success"


def test_a_setup_that_is_mapped_in_a_group_runs_again_for_the_cleared_index_alone():
    group = {"mapped": (Mapping("x", length=2),), "group": "g"}
    stage = Stage(
        dag(after("a", **SETUP, **group), after("b", "a", **group), after("d", "a", "b", **TEARDOWN, **group))
    )
    stage.trigger()
    stage.drain()
    step = stage.ask(ClearTasks(1, ("b",), map_index=1))
    assert sorted(map(str, step.changes.cleared)) == ["a[1]", "b[1]", "d[1]"]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_setup_that_is_cleared_waits_until_its_old_teardown_has_ended(restarted):
    stage = Stage(dag(after("a", **SETUP), after("b", "a"), after("d", "a", "b", **TEARDOWN)))
    stage.trigger()
    for name in "ab":
        stage.finish(name)
    assert [str(kill.key) for kill in stage.ask(ClearTasks(1, ("b",))).kills] == ["d"]
    if restarted:
        stage.restart()
    assert (stage.state("a"), stage.store.tasks[TaskKey(1, "a")].reason) == (
        "scheduled",
        "its teardown d was cancelled and has not answered yet",
    )
    stage.finish("d", Outcome.CANCELLED)
    stage.drain()
    assert (stage.run_state(), set(stage.states().values())) == ("success", {"success"})
