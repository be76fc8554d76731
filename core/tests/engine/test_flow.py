import pytest
from stage import Stage, after, dag

from penstock.engine.decisions.expansion import MAX_INSTANCES
from penstock.model.dag import Mapping, TaskSpec, XComRef
from penstock.model.state import Outcome, TriggerRule

JOIN = TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS


def over(task_id, *sources, upstream=(), **more):
    """A task mapped over the values of others, or over literals given by their length."""
    mapped = tuple(
        Mapping(f"x{n}", length=source) if isinstance(source, int) else Mapping(f"x{n}", source=XComRef(source))
        for n, source in enumerate(sources)
    )
    ups = {source for source in sources if isinstance(source, str)} | set(upstream)
    return TaskSpec(task_id, mapped=mapped, upstream=tuple(sorted(ups)), **more)


def begun(*tasks, **more):
    stage = Stage(dag(*tasks, **more))
    stage.trigger()
    return stage


def test_tasks_go_out_in_the_order_of_their_edges():
    stage = begun("a", "b<a", "c<a", "d<b,c")
    assert stage.running() == ["a"]
    stage.finish("a")
    assert stage.running() == ["b", "c"]
    stage.finish("b")
    assert (
        stage.why("d")
        == "waits for its upstream: trigger rule all_success: 1 succeeded, 1 upstream task is not finished"
    )
    stage.finish("c")
    stage.finish("d")
    assert stage.run_state() == "success"


def test_a_dag_without_tasks_and_one_of_instant_tasks_end_at_once():
    stage = Stage(dag(dag_id="empty"), dag(after("a", instant=True), after("b", "a", instant=True), dag_id="instant"))
    assert [stage.run_state(stage.trigger(name)) for name in ("empty", "instant")] == ["success", "success"]
    assert stage.held == []


def test_a_failure_fails_what_needs_it_and_the_run():
    stage = begun("a", "b<a", "c<b", after("clean", "c", trigger_rule=TriggerRule.ALL_DONE))
    stage.fail("a")
    stage.finish("clean")
    assert stage.states() == {"a": "failed", "b": "upstream_failed", "c": "upstream_failed", "clean": "success"}
    assert stage.run_state() == "success"


def test_the_reason_of_a_failed_run_counts_its_last_tasks():
    stage = begun("a", "b")
    stage.fail("a"), stage.fail("b")
    assert stage.store.runs[1].reason == "2 instances of its last tasks failed"


BRANCHES = {
    "one": (("b",), {"b": "queued", "c": "skipped", "join": "none"}),
    "both": (("b", "c"), {"b": "queued", "c": "queued", "join": "none"}),
    "none": ((), {"b": "skipped", "c": "skipped", "join": "skipped"}),
}


@pytest.mark.parametrize(("follow", "states"), BRANCHES.values(), ids=BRANCHES)
def test_a_branch_skips_what_it_does_not_choose(follow, states):
    stage = begun("a", "b<a", "c<a", after("join", "b", "c", trigger_rule=JOIN))
    stage.finish("a", follow=follow)
    assert stage.states() == {"a": "success", **states}
    stage.drain()
    assert stage.run_state() == "success"


def test_a_join_directly_behind_a_branch_is_kept_by_the_chosen_way():
    stage = begun("a", "b<a", "c<a", after("join", "a", "b", "c", trigger_rule=JOIN))
    stage.finish("a", follow=("b",))
    assert stage.state("join") == "none"
    assert stage.reason("c") == "cut off by a: it chose b"
    stage.drain()
    assert stage.state("join") == "success"


def test_a_branch_may_choose_nothing_but_the_join():
    stage = begun("a", "b<a", after("join", "a", "b", trigger_rule=JOIN))
    stage.finish("a", follow=("join",))
    assert stage.states() == {"a": "success", "b": "skipped", "join": "queued"}


@pytest.mark.parametrize(
    ("how", "states"),
    [
        ("all", {"a": "success", "b": "skipped", "c": "skipped", "done": "skipped", "down": "queued"}),
        ("direct", {"a": "success", "b": "skipped", "c": "skipped", "done": "queued", "down": "none"}),
        ("", {"a": "success", "b": "queued", "c": "none", "done": "none", "down": "none"}),
    ],
)
def test_a_short_circuit_cuts_off_all_or_what_is_next_but_never_a_teardown(how, states):
    done = after("done", "c", trigger_rule=TriggerRule.ALL_DONE)
    down = after("down", "a", "done", teardown=True, trigger_rule=TriggerRule.ALL_DONE)
    stage = begun("a", "b<a", "c<b", done, down)
    stage.finish("a", skip_downstream=how)
    assert stage.states() == states


TEARDOWN = {"teardown": True, "trigger_rule": TriggerRule.ALL_DONE_SETUP_SUCCESS}


@pytest.mark.parametrize(
    ("setup", "work", "teardown", "states", "run"),
    [
        ("success", "success", "success", "success success success", "success"),
        ("success", "failed", "success", "success failed success", "failed"),
        ("success", "success", "failed", "success success failed", "success"),
        ("failed", None, None, "failed upstream_failed upstream_failed", "failed"),
        ("skipped", None, None, "skipped skipped skipped", "success"),
    ],
)
def test_a_teardown_runs_if_its_setup_did_and_does_not_decide_the_run(setup, work, teardown, states, run):
    stage = begun(after("a", setup=True), after("b", "a"), after("c", "a", "b", **TEARDOWN))
    for name, outcome in (("a", setup), ("b", work), ("c", teardown)):
        if outcome is not None:
            stage.finish(name, Outcome(outcome), error="boom")
    assert " ".join(stage.states().values()) == states
    assert stage.run_state() == run


MAPPINGS = {
    "a literal": ([over("m", 3)], {}, 3),
    "a value": ([TaskSpec("a"), over("m", "a")], {"a": 4}, 4),
    "a cross product": ([TaskSpec("a"), over("m", "a", 3)], {"a": 2}, 6),
    "two values": ([TaskSpec("a"), TaskSpec("b"), over("m", "a", "b")], {"a": 2, "b": 5}, 10),
}


@pytest.mark.parametrize(("tasks", "lengths", "count"), MAPPINGS.values(), ids=MAPPINGS)
def test_a_mapped_task_gets_an_instance_an_element_and_one_reduce(tasks, lengths, count):
    stage = begun(*tasks, after("reduce", "m"))
    for name, length in lengths.items():
        stage.finish(name, returns=length)
    assert [name for name in stage.running() if name.startswith("m")] == [f"m[{n}]" for n in range(count)]
    assert "m" not in stage.states()
    stage.drain()
    assert stage.state("reduce") == "success"
    assert stage.run_state() == "success"


@pytest.mark.parametrize("lengths", [(0,), (0, 3), (3, 0)], ids=str)
def test_mapping_over_nothing_skips(lengths):
    stage = begun(over("m", *lengths), after("reduce", "m"))
    assert stage.states() == {"m": "skipped", "reduce": "skipped"}
    assert stage.reason("m") == "it was mapped over nothing"


@pytest.mark.parametrize(
    ("returns", "reason"),
    [
        (None, "cannot expand 'x0': task 'a' left no list or dict under 'return_value'. Return one from it"),
        (MAX_INSTANCES + 1, f"cannot expand into {MAX_INSTANCES + 1} instances: at most {MAX_INSTANCES} are allowed"),
    ],
    ids=["no list", "too many"],
)
def test_what_cannot_be_expanded_fails_and_says_why(returns, reason):
    stage = begun("a", over("m", "a"))
    stage.finish("a", returns=returns)
    assert (stage.state("m"), stage.reason("m"), stage.run_state()) == ("failed", reason, "failed")


def test_a_mapped_task_over_another_gets_an_instance_for_each_value_that_was_left():
    stage = begun(over("m", 4), over("n", "m", trigger_rule=TriggerRule.ALL_DONE))
    stage.finish("m[0]", returns=1), stage.fail("m[1]"), stage.finish("m[2]", returns=7), stage.finish("m[3]")
    assert stage.running() == ["n[0]", "n[1]"]


@pytest.mark.parametrize(
    ("source", "outcomes", "states"),
    [
        ([TaskSpec("a")], "k", "skipped skipped"),
        ([TaskSpec("a")], "f", "failed upstream_failed"),
        ([over("a", 2)], "kk", "skipped skipped skipped"),
        ([over("a", 2)], "kf", "skipped failed upstream_failed"),
        ([over("a", 0)], "", "skipped skipped"),
        ([TaskSpec("a"), TaskSpec("b")], "kf", "skipped failed upstream_failed"),
        ([TaskSpec("a"), TaskSpec("b")], "sk", "success skipped skipped"),
    ],
)
def test_a_task_mapped_over_what_nobody_made_takes_the_state_of_its_source(source, outcomes, states):
    names = [each.task_id for each in source]
    stage = begun(*source, over("m", *names, trigger_rule=TriggerRule.ALL_DONE))
    kinds = {"s": Outcome.SUCCESS, "k": Outcome.SKIPPED, "f": Outcome.FAILED}
    for name, kind in zip(stage.running(), outcomes, strict=True):
        stage.finish(name, kinds[kind], error="boom")
    assert " ".join(stage.states().values()) == states
    assert stage.reason("m").startswith("there is nothing to map over: task")


MAPPED_BRANCH = {
    "each chose one": ([("b",), ("c",)], "queued queued"),
    "nobody chose c": ([("b",), ("b",)], "queued skipped"),
    "one chose nothing": ([("b",), ()], "queued skipped"),
    "one failed": ([("b",), None], "upstream_failed skipped"),
    "one let all go on": ([(), "on"], "queued queued"),
}


@pytest.mark.parametrize(("chosen", "states"), MAPPED_BRANCH.values(), ids=MAPPED_BRANCH)
@pytest.mark.parametrize("restart", [False, True])
def test_what_any_instance_of_a_mapped_branch_chose_goes_on(chosen, states, restart):
    stage = begun(over("a", 2, decides=True), "b<a", "c<a")
    for index, follow in enumerate(chosen):
        if follow is None:
            stage.fail(f"a[{index}]")
        else:
            stage.finish(f"a[{index}]", **({} if follow == "on" else {"follow": follow}))
        if restart:
            stage.restart()
    assert f"{stage.state('b')} {stage.state('c')}" == states


@pytest.mark.parametrize(("ended", "state"), [("yes yes", "skipped"), ("yes no", "queued"), ("no yes", "queued")])
def test_a_mapped_short_circuit_ends_the_way_if_all_of_its_instances_do(ended, state):
    rule = TriggerRule.ONE_SUCCESS
    stage = begun(over("a", 2, decides=True), after("b", "a", trigger_rule=rule))
    for index, word in enumerate(ended.split()):
        assert stage.state("b") == "none"
        stage.finish(f"a[{index}]", skip_downstream="all" if word == "yes" else "")
    assert stage.state("b") == state


def test_a_mapped_task_waits_for_the_values_even_if_its_rule_would_not():
    stage = begun("a", over("m", "a", trigger_rule=TriggerRule.ALWAYS))
    assert stage.running() == ["a"]
    stage.finish("a", returns=2)
    assert stage.running() == ["m[0]", "m[1]"]


def test_one_failed_instance_fails_the_reduce_but_not_its_siblings():
    stage = begun(over("m", 3), after("reduce", "m"))
    stage.fail("m[1]")
    assert stage.states() == {"m[0]": "queued", "m[1]": "failed", "m[2]": "queued", "reduce": "upstream_failed"}
    stage.drain()
    assert stage.run_state() == "failed"


def test_a_chain_of_ten_thousand_skipped_tasks_does_not_recurse():
    stage = begun("t0", *(f"t{n}<t{n - 1}" for n in range(1, 10_000)))
    stage.finish("t0", Outcome.SKIPPED)
    assert set(stage.states().values()) == {"skipped"}
    assert stage.run_state() == "success"
