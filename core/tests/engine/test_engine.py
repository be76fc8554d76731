from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulator.dags import random_dag
from stage import START, Stage, calls, dag

from penstock.engine.engine import Engine
from penstock.engine.messages import CapacityChanged, DagUpdated, PoolsUpdated, RunAdded
from penstock.model.attempt import TryEnd, Value
from penstock.model.dag import TaskSpec
from penstock.model.now import Now
from penstock.model.run import Run, RunKind, TaskKey
from penstock.model.schedule import Schedule
from penstock.model.state import Outcome, RunState
from penstock.spec.executor import TryFinished, TryStarted
from penstock.testing.simulation.rules.checker import Checker, SharedLimits
from penstock_testkit.nightly import at_night

POOLS = {"default_pool": 4, "small": 2, "sums": 2}
ANSWERS = st.sampled_from(["success"] * 6 + ["failed", "skipped", "lost", "timed_out", "branch", "circuit"])
MAX_MOVES = 3000


def unscheduled(seed):
    return msgspec.structs.replace(random_dag(Random(seed), "d", START), schedule=Schedule())


def play(seed, answers, runs=2):
    """Run random DAGs with random outcomes to their end, every rule checked; all steps that were taken."""
    stage = Stage(unscheduled(seed), pools=POOLS, capacity=3)
    checker = Checker(stage.store, limits := SharedLimits())
    limits.pools, limits.capacity = POOLS, {"local": 3, "waiter": 10**9}
    random, steps = Random(seed), []

    def check():
        steps.append(stage.last)
        checker.check(stage.last, set())
        assert not stage.engine.step([], stage.present).changes, "a step without news changed something"

    for _ in range(runs):
        stage.trigger()
        check()
    while stage.store.runs and any(not run.state.finished for run in stage.store.runs.values()):
        assert len(steps) < MAX_MOVES, "it does not end"
        if not stage.out:
            assert stage.wake_at is not None, f"nothing is out, nothing is due: {stage.states()}"
            stage.step(after=stage.last.wait_s)
        else:
            key = random.choice(sorted(stage.out))
            word = answers[len(steps) % len(answers)]
            stage.step(*ending(stage, key, word, random))
        check()
    assert stage.held == []
    return steps


def ending(stage, key, word, random):
    epoch = stage.out.pop(key).instance.epoch
    outcome = Outcome.SUCCESS if word in ("branch", "circuit") else Outcome(word)
    more = {"xcoms": {"return_value": Value(b"[]", random.choice([0, 1, 3, None]))}}
    if word == "branch":
        more["follow"] = tuple(stage.store.versions["d-0"].tasks[-1:][0].upstream)
    if word == "circuit":
        more["skip_downstream"] = random.choice(["all", "direct"])
    yield TryStarted(key, epoch, 1, stage.now)
    yield TryFinished(key, epoch, stage.now, TryEnd(outcome, **more))


@settings(max_examples=at_night(80, 20), deadline=None)
@given(st.integers(0, 10**6), st.lists(ANSWERS, min_size=1, max_size=20))
def test_every_run_ends_and_every_rule_holds_on_the_way(seed, answers):
    play(seed, answers)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.lists(ANSWERS, min_size=1, max_size=20))
def test_the_same_events_give_the_same_steps(seed, answers):
    first, second = (msgspec.json.encode([told(step) for step in play(seed, answers)]) for _ in range(2))
    assert first == second


def told(step):
    changes = {name: getattr(step.changes, name) for name in step.changes.__struct_fields__}
    return {**changes, "dispatches": step.dispatches, "kills": step.kills, "wait_s": step.wait_s}


def cost_of_a_finish(size, shape):
    tasks = {
        "independent": lambda: [TaskSpec(f"t{n:05}") for n in range(size)],
        "chain": lambda: [TaskSpec(f"t{n:05}", upstream=(f"t{n - 1:05}",) if n else ()) for n in range(size)],
        "join": lambda: [
            *(TaskSpec(f"t{n:05}") for n in range(size)),
            TaskSpec("z", upstream=tuple(f"t{n:05}" for n in range(size))),
        ],
    }[shape]()
    engine = Engine()
    spec = dag(*tasks, max_active_tasks=0)
    run = Run(1, "d", "r", RunKind.MANUAL, RunState.QUEUED, "v", START)
    news = [CapacityChanged("local", 4), PoolsUpdated({"default_pool": -1}), DagUpdated(spec, "v", False, True)]
    engine.step([*news, RunAdded(run, spec)], Now(START, 0.0))
    finish = TryFinished(TaskKey(1, "t00000"), 1, START, TryEnd(Outcome.SUCCESS))
    return calls(lambda: engine.step([finish], Now(START, 0.0)))


@pytest.mark.parametrize("shape", ["independent", "chain", "join"])
def test_the_cost_of_a_finished_task_does_not_grow_with_its_dag(shape):
    small, large = cost_of_a_finish(20, shape), cost_of_a_finish(5000, shape)
    assert large <= small + 10, f"{small} calls in a small DAG, {large} in a large one"


def test_the_cost_of_a_finished_task_does_not_grow_with_the_number_of_live_runs():
    def cost(runs):
        stage = Stage(dag("a", "b<a", max_active_runs=0), capacity=2)
        for _ in range(runs):
            stage.trigger()
        finish = stage.answer("a", run=1)
        return calls(lambda: stage.engine.step([finish], stage.present))

    assert cost(400) <= cost(10) + 10


def test_the_cost_of_a_finished_task_does_not_grow_with_the_number_of_waiting_dags():
    def cost(dags):
        stage = Stage(*(dag("a", "b", dag_id=f"d{n}") for n in range(dags)), capacity=2)
        for n in range(dags):
            stage.trigger(f"d{n}")
        finish = stage.answer("a", run=1)
        return calls(lambda: stage.engine.step([finish], stage.present))

    assert cost(300) <= cost(10) + 40


def test_the_engine_does_not_remember_runs_that_have_ended():
    stage = Stage(dag("a"))
    for run in range(1, 200):
        stage.trigger()
        stage.finish("a", run=run)
    state = stage.engine._state
    assert (len(stage.held), len(state._compiled), len(state.admission._buckets)) == (0, 1, 0)
    assert (state._retries, state._timers, list(state._leases)) == ([], [], [])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("zzz", "no live run has it: its run has ended, or is not known"), ("a", "it is running")],
)
def test_why_answers_for_what_is_there_and_what_is_not(name, sentence):
    stage = Stage(dag("a"))
    stage.trigger()
    stage.started("a")
    assert stage.why(name) == sentence


def test_why_answers_for_what_has_ended_while_its_run_lives():
    stage = Stage(dag("a", "b", "c"))
    stage.trigger()
    stage.finish("a"), stage.fail("b", error="boom")
    assert (stage.why("a"), stage.why("b")) == ("it succeeded", "boom")
