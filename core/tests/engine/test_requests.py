import pytest
from stage import Stage, after, dag

from penstock.model.attempt import TryEnd
from penstock.model.dag import Mapping, TaskSpec, XComRef
from penstock.model.request import CancelRun, ClearTasks, MarkRun, MarkTask
from penstock.model.retry import RetrySpec
from penstock.model.state import Outcome
from penstock.spec.executor import TryFinished


def begun(*tasks, **more):
    stage = Stage(dag(*tasks, **more))
    stage.trigger()
    return stage


def killed(step):
    return [(str(kill.key), kill.epoch, kill.reason) for kill in step.kills]


def test_cancelling_a_run_ends_all_of_it_and_kills_what_lives():
    stage = begun("a", "b<a", "c")
    stage.finish("c")
    step = stage.ask(CancelRun(1, "ada"))
    assert killed(step) == [("a", 1, "cancelled by ada")]
    assert stage.states() == {"a": "cancelled", "b": "cancelled", "c": "success"}
    assert (stage.run_state(), stage.store.runs[1].reason) == ("cancelled", "cancelled by ada")


def test_a_cancelled_try_keeps_its_places_until_it_answers():
    stage = Stage(dag("a"), capacity=1)
    stage.trigger(), stage.trigger()
    stage.ask(CancelRun(1))
    assert [key.run for key in stage.out] == [1]
    assert len(stage.held) == 2
    stage.finish("a", Outcome.CANCELLED, run=1)
    assert [key.run for key in stage.out] == [2]
    assert stage.held == [2]
    assert stage.state("a", 1) == "cancelled"


def test_a_queued_run_can_be_cancelled_and_frees_its_place_in_line():
    stage = Stage(dag("a", max_active_runs=1))
    for _ in range(3):
        stage.trigger()
    stage.ask(CancelRun(2))
    stage.finish("a", run=1)
    assert [stage.run_state(run) for run in (1, 2, 3)] == ["success", "cancelled", "running"]


@pytest.mark.parametrize(
    "request_", [CancelRun(1), CancelRun(77), ClearTasks(77), MarkTask(77, "a", -1, "success"), MarkRun(77, "failed")]
)
def test_asking_for_what_is_over_or_unknown_changes_nothing(request_):
    stage = begun("a")
    stage.finish("a")
    assert not stage.step(stage.store.run_added(1), request_).changes
    assert stage.held == []


def test_clearing_a_live_task_kills_it_and_repeats_it_only_after_its_answer():
    stage = begun("a", "b<a")
    step = stage.ask(ClearTasks(1, ("a",)))
    assert killed(step) == [("a", 1, "cleared")]
    assert step.dispatches == ()
    assert stage.why("a") == "its earlier try was cancelled and has not answered yet"
    stage.finish("a")
    (dispatch,) = stage.last.dispatches
    assert dispatch.instance.epoch == 2
    assert stage.state("b") == "none"
    stage.drain()
    assert stage.run_state() == "success"


def test_clearing_twice_kills_once():
    stage = begun("a")
    assert len(stage.ask(ClearTasks(1)).kills) == 1
    assert stage.ask(ClearTasks(1)).kills == ()
    stage.finish("a", Outcome.CANCELLED)
    stage.drain()
    assert stage.run_state() == "success"


CLEARS = {
    "all": (ClearTasks(1), "a"),
    "one alone": (ClearTasks(1, ("b",), downstream=False), "b"),
    "one and downstream": (ClearTasks(1, ("b",)), "b"),
    "the last": (ClearTasks(1, ("c",)), "c"),
    "an unknown one": (ClearTasks(1, ("zzz",)), ""),
}


@pytest.mark.parametrize(("request_", "first"), CLEARS.values(), ids=CLEARS)
def test_a_finished_run_goes_on_from_what_was_cleared(request_, first):
    stage = begun("a", "b<a", "c<b")
    stage.drain()
    stage.ask(request_)
    assert stage.running() == ([first] if first else [])
    assert stage.run_state() == ("running" if first else "success")
    before = stage.states()
    stage.drain()
    assert before.get("c") == ("none" if first in "ab" and request_.downstream and first else before["c"])
    assert set(stage.states().values()) == {"success"}
    assert (stage.run_state(), len(stage.held)) == ("success", 0)


def test_clearing_gives_back_the_retries_and_forgets_the_values():
    stage = begun(
        TaskSpec("a", retry=RetrySpec(1, 0.0)),
        TaskSpec("m", upstream=("a",), mapped=(Mapping("x", source=XComRef("a")),)),
    )
    stage.fail("a")
    stage.finish("a", returns=2)
    stage.drain()
    step = stage.ask(ClearTasks(1))
    assert stage.key("a") in step.changes.cleared
    assert stage.store.lengths == {}
    stage.fail("a")
    assert stage.state("a") == "queued"
    stage.finish("a", returns=3)
    assert stage.running() == ["m[0]", "m[1]", "m[2]"]
    assert all(row.instance.epoch == 2 for row in list(stage.out.values())[:2])


KEEPERS = {
    "nobody asked for it": (ClearTasks(1), {"a", "m[0]", "m[1]", "l[0]", "l[1]"}),
    "what is mapped over is made again": (ClearTasks(1, keep_steps=True), {"m[0]", "m[1]"}),
    "what is mapped over stays": (ClearTasks(1, ("m",), keep_steps=True), set()),
    "one instance": (ClearTasks(1, ("m",), map_index=1, keep_steps=True), set()),
    "the file may have another list": (
        ClearTasks(1, ("a", "l"), version="v2", keep_steps=True),
        {"m[0]", "m[1]", "l[0]", "l[1]"},
    ),
}


@pytest.mark.parametrize(("request_", "forgotten"), KEEPERS.values(), ids=KEEPERS)
def test_a_clear_forgets_the_steps_unless_they_stay_and_are_of_the_same_elements(request_, forgotten):
    stage = begun(
        "a",
        TaskSpec("m", upstream=("a",), mapped=(Mapping("x", source=XComRef("a")),)),
        TaskSpec("l", mapped=(Mapping("x", length=2),)),
    )
    stage.finish("a", returns=2)
    stage.drain()
    step = stage.step(stage.store.run_added(1), request_)
    assert {str(key) for key in step.changes.forgotten} == forgotten
    assert set(step.changes.forgotten) <= set(step.changes.cleared)


def test_what_is_mapped_over_a_list_is_cleared_with_it_whatever_else_is():
    stage = begun(
        "a", TaskSpec("m", upstream=("a",), mapped=(Mapping("x", source=XComRef("a")),)), TaskSpec("z", upstream=("m",))
    )
    stage.finish("a", returns=3)
    stage.drain()
    step = stage.ask(ClearTasks(1, ("a",), downstream=False, keep_steps=True))
    assert [str(key) for key in step.changes.cleared] == ["a", "m[0]", "m[1]", "m[2]"]
    assert [str(key) for key in step.changes.forgotten] == ["m[0]", "m[1]", "m[2]"]
    stage.finish("a", returns=1)
    stage.drain()
    gone = {"m[1]": "removed", "m[2]": "removed"}
    assert stage.states() == {"a": "success", "m[0]": "success", "z": "success", **gone}


def test_what_waits_for_its_retry_waits_for_its_upstream_if_that_is_cleared():
    stage = begun("a", TaskSpec("b", upstream=("a",), retry=RetrySpec(1, 5)))
    stage.finish("a")
    stage.fail("b")
    stage.ask(ClearTasks(1, ("a",), downstream=False))
    assert stage.step(after=10).dispatches == ()
    assert stage.states() == {"a": "queued", "b": "none"}
    stage.finish("a")
    assert stage.state("b") == "queued"
    stage.fail("b")
    assert stage.state("b") == "failed"


def test_a_value_left_in_the_step_that_clears_it_is_gone():
    stage = begun("a")
    answer = stage.answer("a", returns=3)
    step = stage.step(answer, ClearTasks(1))
    assert step.changes.xcoms == []
    assert (stage.run_state(), stage.state("a")) == ("running", "queued")


def test_clearing_many_runs_starts_no_more_of_them_than_may_be_active():
    stage = Stage(dag("a", max_active_runs=2))
    for _ in range(4):
        stage.drain(stage.trigger())
    for run in (1, 2, 3, 4):
        stage.ask(ClearTasks(run))
    assert [stage.run_state(run) for run in (1, 2, 3, 4)] == ["running", "running", "queued", "queued"]
    stage.restart()
    for run in (1, 2, 3, 4):
        stage.drain(run)
    assert {stage.run_state(run) for run in (1, 2, 3, 4)} == {"success"}


def mapped(count=3, **more):
    return TaskSpec("m", mapped=(Mapping("x", length=count),), **more)


def test_only_the_failed_instances_of_a_mapped_task_are_repeated_if_only_they_are_meant():
    stage = begun(mapped(), after("r", "m"))
    stage.finish("m[0]"), stage.fail("m[1]"), stage.finish("m[2]")
    stage.ask(ClearTasks(1, only_failed=True))
    assert stage.running() == ["m[1]"]
    assert stage.states() == {"m[0]": "success", "m[1]": "queued", "m[2]": "success", "r": "none"}
    stage.drain()
    assert stage.run_state() == "success"


def test_a_cleared_mapped_task_folds_up_once_its_tries_have_ended():
    stage = begun("a", TaskSpec("m", upstream=("a",), mapped=(Mapping("x", source=XComRef("a")),)))
    stage.finish("a", returns=3)
    stage.finish("m[0]")
    step = stage.ask(ClearTasks(1, ("a",)))
    assert sorted(killed(step)) == [("m[1]", 1, "cleared"), ("m[2]", 1, "cleared")]
    assert stage.why("m[0]") == "it was cleared, and an earlier try of the same task has not ended yet"
    stage.finish("a", returns=1)
    stage.finish("m[1]", Outcome.CANCELLED)
    assert (stage.state("m[0]"), stage.state("m[2]")) == ("none", "none")
    stage.finish("m[2]", Outcome.SUCCESS)
    assert stage.states() == {"a": "success", "m[0]": "queued", "m[1]": "removed", "m[2]": "removed"}
    stage.drain()
    assert stage.run_state() == "success"


def test_what_a_branch_cut_off_stays_so_when_something_else_upstream_is_cleared():
    stage = begun("branch", "other", after("x", "branch", "other"), after("y", "branch"))
    stage.finish("branch", follow=("y",))
    stage.drain()
    assert stage.state("x") == "skipped"
    stage.ask(ClearTasks(1, ("other",)))
    stage.drain()
    assert stage.state("x") == "skipped"
    stage.ask(ClearTasks(1, ("branch",)))
    stage.finish("branch", follow=("x", "y"))
    stage.drain()
    assert stage.state("x") == "success"
    stage.ask(ClearTasks(1, ("x",)))
    assert stage.running() == ["x"]


def test_marking_a_run_while_a_cleared_mapped_task_waits_to_fold_up_ends_it():
    stage = spread()
    stage.ask(ClearTasks(1, ("m",)))
    stage.ask(MarkRun(1, "failed"))
    stage.finish("m[0]", Outcome.CANCELLED), stage.finish("m[1]", Outcome.CANCELLED)
    assert (stage.states(), stage.run_state()) == ({"a": "success", "m[0]": "failed", "m[1]": "failed"}, "failed")


def test_a_request_finds_a_run_that_ended_in_its_own_step():
    stage = begun("a")
    stage.step(stage.answer("a"), ClearTasks(1))
    assert stage.run_state() == "running"
    assert stage.last.dispatches[0].instance.epoch == 2
    stage.step(TryFinished(stage.key("a"), 2, stage.now, TryEnd(Outcome.SUCCESS)), MarkTask(1, "a", -1, "failed"))
    assert stage.run_state() == "failed"


def spread():
    """A run whose mapped task ``m`` over the value of ``a`` has two live tries."""
    stage = begun("a", TaskSpec("m", upstream=("a",), mapped=(Mapping("x", source=XComRef("a")),)))
    stage.finish("a", returns=2)
    return stage


def test_cancelling_while_a_cleared_mapped_task_waits_to_fold_up_leaves_it_cancelled():
    stage = spread()
    stage.ask(ClearTasks(1, ("m",)))
    stage.ask(CancelRun(1))
    stage.finish("m[0]", Outcome.CANCELLED), stage.finish("m[1]", Outcome.CANCELLED)
    assert stage.states() == {"a": "success", "m[0]": "cancelled", "m[1]": "cancelled"}
    assert (stage.run_state(), len(stage.held)) == ("cancelled", 0)


def test_an_instance_that_is_about_to_be_replaced_cannot_be_marked():
    stage = spread()
    stage.ask(ClearTasks(1, ("m",)))
    assert not stage.ask(MarkTask(1, "m", 0, "success")).changes
    stage.finish("m[0]", Outcome.CANCELLED), stage.finish("m[1]", Outcome.CANCELLED)
    assert stage.states() == {"a": "success", "m[0]": "queued", "m[1]": "queued"}


def test_a_mapped_task_that_is_cut_off_while_it_waits_to_fold_up_stays_skipped():
    stage = spread()
    stage.ask(ClearTasks(1))
    stage.finish("a", follow=())
    stage.finish("m[0]", Outcome.CANCELLED), stage.finish("m[1]", Outcome.CANCELLED)
    assert stage.states() == {"a": "success", "m[0]": "skipped", "m[1]": "skipped"}
    assert (stage.run_state(), len(stage.held)) == ("success", 0)


def test_a_task_that_leaves_no_list_after_a_clear_is_not_mapped_over_its_old_one():
    stage = spread()
    stage.drain()
    stage.ask(ClearTasks(1))
    stage.finish("a")
    assert stage.reason("m").startswith("cannot expand 'x'")


def test_a_retry_that_was_overtaken_by_a_clear_does_not_shorten_the_next_pause():
    stage = begun(TaskSpec("a", retry=RetrySpec(3, 60.0)))
    stage.fail("a")
    stage.step(after=30)
    stage.ask(ClearTasks(1))
    stage.fail("a")
    assert stage.step(after=30).dispatches == ()
    assert len(stage.step(after=30).dispatches) == 1


def test_nothing_is_mapped_over_a_mapped_task_that_was_marked_before_it_had_instances():
    over = {"a": "m", "m": "n"}
    stage = begun(
        "a", *(TaskSpec(t, upstream=(s,), mapped=(Mapping("x", source=XComRef(s)),)) for s, t in over.items())
    )
    stage.ask(MarkTask(1, "m", -1, "success"))
    assert (stage.state("n"), stage.reason("n")) == ("skipped", "it was mapped over nothing")
    stage.finish("a", returns=3)
    assert stage.run_state() == "success"


def moved(stage, new, *tasks, run=1, **more):
    """Clear with the version that the DAG has now."""
    version = stage.store.put_dag(new).version
    return stage.ask(ClearTasks(run, tasks, version=version, **more))


def test_a_cleared_run_goes_on_with_the_corrected_version():
    stage = begun("a", "b<a")
    stage.fail("a")
    stage.restart()
    moved(stage, dag("a", "b<a", "c<b"), "a")
    (dispatch,) = stage.last.dispatches
    assert (dispatch.run.version, dispatch.instance.epoch) == ("d-1", 2)
    stage.drain()
    assert (stage.states(), stage.run_state()) == ({"a": "success", "b": "success", "c": "success"}, "success")
    assert stage.store.runs[1].version == "d-1"


def test_without_a_version_a_cleared_run_keeps_its_own():
    stage = begun("a")
    stage.fail("a")
    stage.store.put_dag(dag("a", "b<a"))
    stage.ask(ClearTasks(1))
    stage.drain()
    assert (stage.states(), stage.store.runs[1].version) == ({"a": "success"}, "d-0")


VERSIONS = {
    "a task that is new runs": (dag("a", "b<a", "new<b"), ("b",), {"a": "success", "b": "success", "new": "success"}),
    "a task upstream of what has ended runs": (dag("new", "a<new", "b<a"), (), {"a": "success", "b": "success", "new": "success"}),
    "one that ended and is gone stays as it was": (dag("b"), ("b",), {"a": "success", "b": "success"}),
    "one that failed and is gone fails the run no more": (dag("a"), ("zzz",), {"a": "success", "b": "failed"}),
    "one that became mapped starts anew": (
        dag(TaskSpec("a", mapped=(Mapping("x", length=2),)), "b<a"), ("b",),
        {"a[0]": "success", "a[1]": "success", "b": "success"},
    ),
    "nothing is left": (dag(), (), {"a": "success", "b": "failed"}),
}  # fmt: skip


@pytest.mark.parametrize(("new", "cleared", "states"), VERSIONS.values(), ids=VERSIONS)
def test_what_another_version_changes_of_a_run(new, cleared, states):
    stage = begun("a", "b<a")
    stage.finish("a")
    stage.fail("b")
    moved(stage, new, *cleared)
    stage.drain()
    stage.restart()
    assert stage.states() == states
    assert (stage.run_state(), len(stage.held)) == ("success", 0)


def test_what_was_mapped_and_is_so_no_more_starts_anew_under_higher_epochs():
    stage = begun(TaskSpec("a", mapped=(Mapping("x", length=2),)))
    stage.finish("a[0]")
    stage.fail("a[1]")
    moved(stage, dag("a"), "zzz")
    (dispatch,) = stage.last.dispatches
    assert (str(dispatch.instance.key), dispatch.instance.epoch, dispatch.instance.try_number) == ("a", 2, 2)
    stage.drain()
    gone = {"a[0]": "removed", "a[1]": "removed"}
    assert (stage.states(), stage.run_state()) == ({"a": "success", **gone}, "success")


def test_a_version_that_is_mapped_over_a_value_of_before_finds_it():
    stage = begun("a", "b<a")
    stage.finish("a", returns=2)
    stage.fail("b")
    stage.restart()
    moved(stage, dag("a", TaskSpec("b", upstream=("a",), mapped=(Mapping("x", source=XComRef("a")),))), "b")
    assert stage.running() == ["b[0]", "b[1]"]


def test_a_run_keeps_its_version_while_a_try_of_it_lives():
    stage = begun("a", "b")
    stage.fail("a")
    moved(stage, dag("a", "b", "c<a"), "a")
    assert (stage.store.runs[1].version, sorted(stage.running())) == ("d-0", ["a", "b"])


def test_a_task_that_waits_for_its_retry_gets_the_corrected_version():
    stage = begun(TaskSpec("a", retry=RetrySpec(3, 20.0)), "b<a")
    stage.fail("a")
    moved(stage, dag("a", "b<a"), "a")
    assert stage.running() == ["a"]
    assert not stage.step(after=25).dispatches, "the retry of before is not due any more"
    stage.drain()
    assert stage.run_state() == "success"


def test_what_has_not_ended_is_skipped_where_its_task_is_gone_and_runs_if_it_is_back():
    stage = begun("a", "b<a")
    stage.fail("a")
    stage.restart()
    moved(stage, dag("c"), "c")
    stage.drain()
    assert (stage.states(), stage.run_state()) == ({"a": "failed", "b": "upstream_failed", "c": "success"}, "success")
    stage = begun(TaskSpec("a", retry=RetrySpec(1, 60.0)), "b<a")
    stage.fail("a")
    moved(stage, dag("b"), "b")
    assert (stage.states()["a"], stage.reason("a")) == ("skipped", "the version of its run has no such task")
    stage.drain()
    moved(stage, dag("a", "b<a"), "b")
    stage.drain()
    assert (stage.states(), stage.store.tasks[stage.key("a")].epoch) == ({"a": "success", "b": "success"}, 2)


def test_a_run_that_has_not_begun_gets_the_corrected_version():
    stage = Stage(dag("a", max_active_runs=1))
    stage.trigger(), stage.trigger()
    moved(stage, dag("a", "b<a", max_active_runs=1), run=2)
    stage.drain(1)
    stage.drain(2)
    assert stage.states(2) == {"a": "success", "b": "success"}


def test_marking_with_another_version_lets_its_tasks_run():
    stage = begun("a")
    stage.fail("a")
    version = stage.store.put_dag(dag("a", "b<a")).version
    stage.ask(MarkTask(1, "a", -1, "success", version))
    stage.drain()
    assert stage.states() == {"a": "success", "b": "success"}


def test_one_index_of_a_mapped_task_is_cleared():
    stage = begun(TaskSpec("m", mapped=(Mapping("x", length=3),)), "b<m")
    stage.drain()
    stage.ask(ClearTasks(1, ("m",), map_index=1))
    assert stage.running() == ["m[1]"]
    stage.drain()
    assert stage.run_state() == "success"
