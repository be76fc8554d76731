import itertools
from functools import partial

import pytest
from stage import Stage, after, dag

from penstock.model.dag import Mapping, TaskSpec, XComRef
from penstock.model.request import ClearTasks, MarkTask
from penstock.model.state import Outcome, TriggerRule


def inside(task_id, *upstream, over="s", group="g", **more):
    """A task of a mapped group, over the value of a task or a literal of so many elements."""
    mapped = Mapping("x", length=over) if isinstance(over, int) else Mapping("x", source=XComRef(over))
    return TaskSpec(task_id, upstream=tuple(sorted(upstream)), mapped=(mapped,), group=group, **more)


fixed = partial(inside, over=2)


def begun(*tasks, returns=None, restart=False):
    stage = Stage(dag(*tasks))
    stage.trigger()
    if returns is not None:
        stage.finish("s", returns=returns)
    if restart:
        stage.restart()
    return stage


@pytest.mark.parametrize("restart", [False, True])
def test_an_index_goes_on_by_itself_and_what_stands_outside_waits_for_all(restart):
    stage = begun("s", inside("a", "s"), inside("b", "a"), "out<b", returns=3, restart=restart)
    assert stage.running() == ["a[0]", "a[1]", "a[2]"]
    stage.finish("a[1]")
    assert stage.running() == ["a[0]", "a[2]", "b[1]"]
    stage.fail("a[0]")
    if restart:
        stage.restart()
    assert (stage.state("b[0]"), stage.state("b[2]"), stage.state("out")) == (
        "upstream_failed",
        "none",
        "upstream_failed",
    )
    assert stage.why("b[2]") == "waits for its upstream: trigger rule all_success: 1 upstream task is not finished"
    stage.finish("b[1]"), stage.finish("a[2]")
    assert stage.running() == ["b[2]"]
    stage.finish("b[2]")
    assert stage.run_state() == "failed"


# Apache Airflow 3.3.2, run with the same group: `div` fails for the first of three elements.
AIRFLOW = {
    TriggerRule.ALL_SUCCESS: ["upstream_failed", "success", "success"],
    TriggerRule.ONE_FAILED: ["success", "skipped", "skipped"],
}


@pytest.mark.parametrize(("rule", "states"), AIRFLOW.items(), ids=str)
def test_a_trigger_rule_within_a_group_gives_what_it_gives_in_airflow(rule, states):
    stage = begun("s", inside("div", "s"), inside("next", "div", trigger_rule=rule), returns=3)
    stage.fail("div[0]"), stage.finish("div[1]"), stage.finish("div[2]")
    stage.drain()
    assert [stage.state(f"next[{index}]") for index in range(3)] == states


ENDINGS = [Outcome.SUCCESS, Outcome.FAILED, Outcome.SKIPPED]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("rule", TriggerRule, ids=str)
def test_each_index_of_a_group_ends_as_the_same_tasks_end_that_are_not_mapped(rule, restart):
    pairs = list(itertools.product(ENDINGS, ENDINGS))
    tasks = [inside("a", over=9), inside("b", over=9), inside("c", "a", "b", "o", over=9, trigger_rule=rule)]
    for outer in ENDINGS:
        group = begun(*tasks, "o")
        for index, (one, other) in enumerate(pairs):
            group.finish(f"a[{index}]", one)
            group.finish(f"b[{index}]", other)
            if restart:
                group.restart()
        group.finish("o", outer)
        group.drain()
        for index, (one, other) in enumerate(pairs):
            alone = begun("a", "b", "o", after("c", "a", "b", "o", trigger_rule=rule))
            alone.finish("a", one), alone.finish("b", other), alone.finish("o", outer)
            alone.drain()
            assert group.state(f"c[{index}]") == alone.state("c"), (rule, one, other, outer)


@pytest.mark.parametrize(
    ("end", "states"),
    [
        (partial(Stage.finish, name="s", returns=0), {"a": "skipped", "b": "skipped"}),
        (partial(Stage.finish, name="s", outcome=Outcome.SKIPPED), {"a": "skipped", "b": "skipped"}),
        (partial(Stage.fail, name="s"), {"a": "upstream_failed", "b": "upstream_failed"}),
        (partial(Stage.finish, name="s"), {"a": "failed", "b": "upstream_failed"}),
    ],
    ids=["nothing to map over", "a skipped source", "a failed source", "a source that left no list"],
)
def test_a_group_that_gets_no_index_has_one_state_a_task(end, states):
    stage = begun("s", inside("a", "s"), inside("b", "a"), "out<b")
    end(stage)
    assert {name: state for name, state in stage.states().items() if name in "ab"} == states


def test_a_task_whose_rule_forbids_it_before_the_group_is_expanded_ends_once():
    stage = begun(
        "s", "x", inside("a", "s"), inside("b", "x"), inside("c", "a", "b", trigger_rule=TriggerRule.ALL_DONE)
    )
    stage.fail("x")
    assert stage.state("b") == "upstream_failed"
    stage.finish("s", returns=2)
    stage.finish("a[1]")
    assert stage.running() == ["a[0]", "c[1]"]
    # Cleared with its upstream, it gets the indexes that the others have.
    stage.finish("c[1]"), stage.finish("a[0]")
    stage.ask(ClearTasks(1, ("x",)))
    stage.drain()
    assert set(stage.states().values()) == {"success"}
    assert {"b[0]", "b[1]", "c[0]", "c[1]"} < stage.states().keys()


def test_a_branch_in_a_group_decides_for_its_own_index_and_together_with_the_others_for_what_is_outside():
    stage = begun(fixed("pick", decides=True), fixed("x", "pick"), fixed("y", "pick"), "out<pick", "other<pick")
    stage.finish("pick[0]", follow=("x", "out"))
    assert (stage.state("x[0]"), stage.state("y[0]"), stage.state("y[1]")) == ("queued", "skipped", "none")
    assert stage.reason("y[0]") == "cut off by pick[0]: it chose out, x"
    stage.finish("pick[1]", follow=("y",))
    stage.drain()
    assert [stage.state(name) for name in ("x[1]", "y[1]", "out", "other")] == [
        "skipped",
        "success",
        "success",
        "skipped",
    ]
    # What a branch did not choose stays skipped if something else of its index is cleared.
    stage.ask(ClearTasks(1, ("x",), map_index=0))
    assert stage.running() == ["x[0]"]


def test_a_setup_in_a_group_holds_back_the_work_of_its_own_index_alone():
    stage = begun(fixed("make", setup=True), fixed("work", "make"), fixed("remove", "make", "work", teardown=True,
        trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS))  # fmt: skip
    stage.fail("make[0]"), stage.finish("make[1]")
    stage.fail("work[1]")
    stage.drain()
    assert stage.reason("work[0]") == "setup 'make' above it failed"
    assert stage.states() == {
        "make[0]": "failed", "work[0]": "upstream_failed", "remove[0]": "upstream_failed",
        "make[1]": "success", "work[1]": "failed", "remove[1]": "success",
    }  # fmt: skip


def test_a_cleared_index_runs_again_inside_its_group_and_what_is_outside_as_a_whole():
    stage = begun("s", inside("a", "s"), inside("b", "a"), "out<b", returns=3)
    stage.drain()
    step = stage.ask(ClearTasks(1, ("a",), map_index=1))
    assert sorted(map(str, step.changes.cleared)) == ["a[1]", "b[1]", "out"]
    assert stage.running() == ["a[1]"]
    stage.finish("a[1]")
    assert stage.running() == ["b[1]"]
    stage.drain()
    assert stage.run_state() == "success"


@pytest.mark.parametrize("restart", [False, True])
def test_a_group_that_is_cleared_with_its_source_gets_as_many_indexes_as_that_has_now(restart):
    stage = begun("s", inside("a", "s"), inside("b", "a"), returns=2)
    stage.finish("a[0]")
    stage.ask(ClearTasks(1, ("s",)))  # tries of both tasks live: the group is expanded anew when both have ended
    if restart:
        stage.restart()
    stage.finish("a[1]", Outcome.CANCELLED)
    stage.finish("s", returns=3)
    assert "a[2]" not in stage.states()
    stage.finish("b[0]", Outcome.CANCELLED)
    assert stage.running() == ["a[0]", "a[1]", "a[2]"]
    stage.drain()
    assert stage.run_state() == "success"
    assert len([name for name in stage.states() if name.startswith("b[")]) == 3


def test_one_task_of_a_group_that_is_cleared_keeps_the_indexes_of_the_others():
    stage = begun("s", inside("a", "s"), inside("b", "a"), returns=2)
    stage.drain()
    stage.ask(ClearTasks(1, ("b",)))
    assert stage.running() == ["b[0]", "b[1]"]


def test_a_task_that_a_version_puts_into_a_group_gets_the_indexes_of_the_others():
    stage = begun("s", inside("a", "s"), returns=2)
    stage.drain()
    row = stage.store.put_dag(dag("s", inside("a", "s"), inside("b", "a")))
    stage.step(row)
    stage.ask(MarkTask(1, "s", -1, "success", row.version))
    assert stage.running() == ["b[0]", "b[1]"]


def test_the_limit_counts_the_tasks_of_a_group():
    stage = begun("s", inside("a", "s"), inside("b", "a"), returns=60_000)
    assert stage.reason("a") == (
        "cannot expand into 60000 instances of each of the 2 tasks of its group: at most 100000 are allowed"
    )


def test_values_are_counted_once_if_an_instance_that_left_one_runs_again():
    stage = begun(
        inside("a", over=2, group=""), TaskSpec("m", upstream=("a",), mapped=(Mapping("x", source=XComRef("a")),))
    )
    stage.finish("a[0]", returns=0), stage.finish("a[1]", returns=0)
    assert stage.running() == ["m[0]", "m[1]"]
    stage.drain()
    stage.ask(ClearTasks(1, ("a",), map_index=0))
    stage.finish("a[0]", returns=0)
    assert stage.running() == ["m[0]", "m[1]"]


JOINS = {
    "zip": (("zip", 3, 2), 2),
    "zip to the longest": (("longest", 3, 2), 3),
    "concat": (("concat", 3, 2), 5),
    "nothing in one": (("zip", 3, 0), "skipped"),
    "one was skipped": (("concat", 3, Outcome.SKIPPED), "skipped"),
    "one failed": (("concat", 3, Outcome.FAILED), "upstream_failed"),
}


@pytest.mark.parametrize(("joined", "found"), JOINS.values(), ids=JOINS)
def test_what_is_joined_is_as_long_as_its_parts_make_it(joined, found):
    join, *lengths = joined
    parts = tuple(Mapping(source=XComRef(name)) for name in "ab")
    stage = begun("a", "b", after("m", "a", "b", mapped=(Mapping("x", join=join, parts=parts),)))
    for name, length in zip("ab", lengths, strict=True):
        stage.finish(name, length) if isinstance(length, Outcome) else stage.finish(name, returns=length)
    if isinstance(found, int):
        assert stage.running() == [f"m[{index}]" for index in range(found)]
    else:
        assert stage.state("m") == found


def test_what_is_mapped_over_a_task_that_another_version_maps_otherwise_begins_anew():
    over_s = after("m", "s", mapped=(Mapping("x", source=XComRef("s")),))
    stage = Stage(dag(after("s", mapped=(Mapping("x", length=2),)), over_s, "z"))
    stage.trigger()
    for index in (0, 1):
        stage.finish(f"s[{index}]", returns=1)
    stage.drain()
    assert stage.states() == dict.fromkeys(("m[0]", "m[1]", "s[0]", "s[1]", "z"), "success")
    row = stage.store.put_dag(dag("s", over_s, "z"))
    stage.step(row)
    stage.ask(ClearTasks(1, ("z",), version=row.version))
    gone = dict.fromkeys(("s[0]", "s[1]", "m[1]"), "removed")
    assert stage.states() == {"m": "none", "s": "queued", "z": "queued", "m[0]": "removed", **gone}
    assert stage.reason("s[1]") == "its task is mapped no more"
    stage.finish("s", returns=1)
    stage.drain()
    assert stage.states() == {"m[0]": "success", "s": "success", "z": "success", **gone}
