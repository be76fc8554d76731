"""Instances that a mapped task has no more: they stay as rows, and count for nothing."""

from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import Stage, after, dag

from penstock.model.dag import Mapping, XComRef
from penstock.model.request import CancelRun, ClearTasks, MarkTask
from penstock.model.run import NewRun, RunKind
from penstock.model.state import Outcome, TriggerRule

over_s = (Mapping("x", source=XComRef("s")),)
mapped = partial(after, "m", "s", mapped=over_s)


def begun(*tasks, returns=3):
    stage = Stage(dag(*tasks))
    stage.trigger()
    stage.finish("s", returns=returns)
    return stage


def again(stage, returns, *, restart=False):
    """The source is cleared and leaves another list."""
    stage.ask(ClearTasks(1, ("s",)))
    if restart:
        stage.restart()
    stage.finish("s", returns=returns)


def of_m(stage):
    return [stage.state(name) for name in sorted(stage.states()) if name.startswith("m")]


@pytest.mark.parametrize("restart", [False, True])
def test_fewer_elements_leave_the_instances_beyond_removed_with_their_history(restart):
    stage = begun("s", mapped(), "out<m")
    stage.fail("m[2]")
    stage.drain()
    again(stage, 1, restart=restart)
    assert (stage.running(), of_m(stage)) == (["m[0]"], ["queued", "removed", "removed"])
    assert stage.reason("m[2]") == "what it is mapped over has 1 element now"
    stage.drain()
    assert (stage.state("out"), stage.run_state()) == ("success", "success")
    assert [ident[1] for ident in stage.store.tries if ident[0] == stage.key("m[2]")] == [1]


def test_each_removed_instance_says_how_many_elements_there_are_by_now():
    stage = begun("s", mapped())
    stage.drain()
    for count in (1, 2):
        again(stage, count)
        stage.drain()
    assert stage.reason("m[2]") == "what it is mapped over has 2 elements now"


def test_while_nobody_knows_how_many_elements_there_are_all_instances_count_as_removed():
    stage = begun("s", mapped())
    stage.drain()
    stage.ask(ClearTasks(1, ("s",)))
    assert of_m(stage) == ["none", "removed", "removed", "removed"]
    assert stage.reason("m[1]") == "it was cleared, and is there again if what it is mapped over has an element for it"


ENDS = {
    "it failed": (lambda stage: stage.fail("s"), "upstream_failed"),
    "it left no list": (lambda stage: stage.finish("s"), "failed"),
    "it left nothing": (lambda stage: stage.finish("s", returns=0), "skipped"),
    "the run was cancelled": (lambda stage: stage.step(CancelRun(1)), "cancelled"),
}


@pytest.mark.parametrize(("end", "state"), ENDS.values(), ids=ENDS)
def test_where_there_is_nothing_to_map_over_any_more_the_task_itself_says_so(end, state):
    stage = begun("s", mapped())
    stage.drain()
    stage.ask(ClearTasks(1, ("s",)))
    end(stage)
    assert of_m(stage) == [state, "removed", "removed", "removed"]


def test_one_that_comes_back_goes_on_from_its_own_tries_and_a_new_one_collides_with_none():
    stage = begun("s", mapped(), returns=2)
    stage.fail("m[0]")
    stage.drain()
    again(stage, 1)
    stage.drain()
    again(stage, 3)
    stage.drain()
    assert of_m(stage) == ["success"] * 3
    epochs = {str(key): row.epoch for key, row in stage.store.tasks.items() if key.task_id == "m"}
    assert epochs == {"m[0]": 3, "m[1]": 2, "m[2]": 3}


@pytest.mark.parametrize("rule", [TriggerRule.ALL_SUCCESS, TriggerRule.ONE_FAILED, TriggerRule.ALL_FAILED])
def test_what_is_removed_counts_for_no_trigger_rule(rule):
    stage = begun("s", mapped(), after("out", "m", trigger_rule=rule))
    stage.fail("m[1]"), stage.fail("m[2]")
    stage.drain()
    again(stage, 1)
    stage.drain()
    assert stage.state("out") == ("success" if rule is TriggerRule.ALL_SUCCESS else "skipped")


def test_a_removed_instance_is_neither_cleared_nor_marked():
    stage = begun("s", mapped())
    stage.drain()
    again(stage, 1)
    stage.drain()
    assert not stage.ask(ClearTasks(1, ("m",), map_index=2)).changes.tasks
    assert not stage.ask(MarkTask(1, "m", 2, "failed")).changes.tasks
    stage.ask(ClearTasks(1))
    assert stage.state("m[2]") == "removed"


def test_a_late_answer_of_a_removed_instance_decides_nothing():
    stage = begun("s", mapped())
    late = stage.answer("m[2]")
    stage.fail("m[2]")
    stage.drain()
    again(stage, 1)
    stage.step(late)
    assert (stage.state("m[2]"), len(stage.store.late)) == ("removed", 1)


def test_listeners_hear_of_what_is_removed_and_of_what_comes_back():
    stage = begun("s", mapped())
    stage.drain()
    stage.notified.clear()
    again(stage, 2)
    heard = [line for line in stage.notified if line.startswith("m[")]
    assert [line for line in heard if "m[2]" in line] == ["m[2]: success -> none", "m[2]: none -> removed"]
    assert "m[1]: removed -> none" in heard


def test_an_instance_has_the_key_of_its_last_try_until_it_may_have_another_element():
    stage = begun("s", mapped(), returns=2)
    stage.fail("m[0]", map_key="ann"), stage.finish("m[1]", map_key="bob")
    keys = lambda: [row.map_key for key, row in sorted(stage.store.tasks.items()) if key.map_index >= 0]  # noqa: E731
    assert keys() == ["ann", "bob"]
    stage.ask(ClearTasks(1, ("m",)))
    assert keys() == ["ann", "bob"]
    stage.finish("m[0]", map_key="")
    stage.restart()
    stage.drain()
    again(stage, 1)
    assert keys() == ["", "bob"]


def test_a_mapped_task_that_is_cleared_alone_keeps_its_instances_without_a_word_about_it():
    stage = begun("s", mapped())
    stage.drain()
    stage.notified.clear()
    stage.ask(ClearTasks(1, ("m",)))
    assert (stage.running(), "removed" in str(stage.notified)) == (["m[0]", "m[1]", "m[2]"], False)


def test_a_version_that_maps_a_task_no_more_leaves_its_instances_removed_and_so_does_one_that_has_no_such_task():
    stage = begun("s", mapped())
    stage.drain()
    again(stage, 2)
    stage.drain()
    for tasks in (("s", "m<s"), ("s",), ("s", mapped())):
        row = stage.store.put_dag(dag(*tasks))
        stage.step(row)
        stage.ask(ClearTasks(1, ("s",), version=row.version))
        stage.finish("s", returns=1)
        stage.drain()
        assert stage.state("m[2]") == "removed"
    assert (stage.state("m[0]"), stage.run_state()) == ("success", "success")


def test_what_is_removed_holds_no_later_run():
    stage = Stage(dag("s", mapped(depends_on_past=True)))
    for day in (1, 2):
        new = NewRun("d", str(day), RunKind.TRIGGERED, datetime(2026, 1, day, tzinfo=UTC), None, None)
        stage.step(stage.store.run_added(stage.store.create(new, stage.now).run))
    stage.finish("s", returns=2), stage.finish("s", run=2, returns=1)
    stage.finish("m[0]")
    stage.fail("m[1]")
    assert (stage.run_state(), stage.running()) == ("failed", [])
    again(stage, 1)
    stage.finish("m[0]")
    assert (stage.state("m[1]"), stage.running()) == ("removed", ["m[0]"])
    stage.drain(2)
    assert (stage.run_state(1), stage.run_state(2)) == ("success", "success")


@given(lengths=st.lists(st.integers(0, 4), min_size=2, max_size=5), restarts=st.booleans(), failing=st.integers(0, 3))
def test_whatever_the_lengths_are_no_instance_that_had_a_try_is_lost_and_those_there_are_are_the_elements(
    lengths, restarts, failing
):
    stage = begun("s", mapped(), "out<m", returns=lengths[0])
    for length in lengths[1:]:
        if f"m[{failing}]" in stage.running():
            stage.fail(f"m[{failing}]", error="boom", retryable=False)
        stage.drain()
        again(stage, length, restart=restarts)
    stage.drain()
    states = stage.states()
    there = {name for name, state in states.items() if name.startswith("m[") and state != "removed"}
    assert there == {f"m[{index}]" for index in range(lengths[-1])}
    assert {str(key) for key, _ in stage.store.tries if key.task_id == "m"} <= states.keys()
    assert stage.run_state() == "success"
    assert all(each.outcome is Outcome.SUCCESS for each in stage.store.tries.values() if each.task_id == "s")
