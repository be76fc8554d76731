from collections import Counter
from datetime import timedelta

import pytest
from stage import START, Stage, dag

from penstock.engine.limits.fairness import HEAD_START, TenantRule
from penstock.engine.messages import CapacityChanged, DagUpdated, PoolsUpdated
from penstock.model.dag import Mapping, SensorPolicy, TaskSpec
from penstock.model.limits.rate import Rate
from penstock.model.state import Outcome


def many(count, **more):
    return [TaskSpec(f"t{number:03}", **more) for number in range(count)]


LIMITS = {
    "pool": ({"pools": {"default_pool": 2}}, {}, {}, "pool 'default_pool' is full: 2 of 2"),
    "pool slots": (
        {"pools": {"default_pool": 5}},
        {},
        {"pool_slots": 2},
        "pool 'default_pool' has too little room: 4 of 5 in use, and it needs 2",
    ),
    "never": (
        {"pools": {"default_pool": 5}},
        {},
        {"pool_slots": 6},
        "pool 'default_pool' can never hold it: it needs 6 of 5. Enlarge it with: penstock pools set default_pool SLOTS",
    ),
    "closed": (
        {"pools": {"default_pool": 0}},
        {},
        {},
        "pool 'default_pool' is closed: it has 0 slots. Open it with: penstock pools set default_pool SLOTS",
    ),
    "no pool": (
        {},
        {},
        {"pool": "gone"},
        "pool 'gone' does not exist. Create it with: penstock pools set gone SLOTS",
    ),
    "max_active_tasks": ({}, {"max_active_tasks": 2}, {}, "DAG 'd' (max_active_tasks) is full: 2 of 2"),
    "max_active_per_run": (
        {},
        {},
        {"max_active_per_run": 0},
        "task 't003' of this run (max_active_tis_per_dagrun) can never hold it: it needs 1 of 0",
    ),
    "max_active_per_dag": (
        {},
        {},
        {"max_active_per_dag": 0},
        "task 't003' of DAG 'd' (max_active_tis_per_dag) can never hold it: it needs 1 of 0",
    ),
    "queue": ({"queue_limits": {"far": 2}}, {}, {"queue": "far"}, "queue 'far' (max_active_tasks) is full: 2 of 2"),
    "tenant": (
        {"tenants": {"ours": TenantRule(max_active_tasks=2)}},
        {"tenant": "ours"},
        {},
        "tenant 'ours' (max_active_tasks) is full: 2 of 2",
    ),
    "no tenant": (
        {"tenants": {"": TenantRule(max_active_tasks=2)}},
        {},
        {},
        "the tenant of all DAGs that name none (max_active_tasks) is full: 2 of 2",
    ),
    "capacity": ({"capacity": 2}, {}, {}, "executor 'local' is full: 2 of 2"),
    "no executor": (
        {"routes": {"far": "moon"}},
        {},
        {"queue": "far"},
        (
            "executor 'moon' is not there, and tries of queue 'far' are for it. "
            "`penstock doctor` says whether it is configured and can be made"
        ),
    ),
}
OUT = {"never": 0, "closed": 0, "no pool": 0, "max_active_per_run": 0, "max_active_per_dag": 0, "no executor": 0}


@pytest.mark.parametrize(("stage", "of_dag", "of_task", "why"), LIMITS.values(), ids=LIMITS)
def test_a_limit_holds_and_says_so(request, stage, of_dag, of_task, why):
    stage = Stage(dag(*many(4, **of_task), **of_dag), **stage)
    stage.trigger()
    assert len(stage.out) == OUT.get(request.node.callspec.id, 2)
    assert stage.reason("t003") == why
    assert stage.why("t003").startswith(why)


def test_what_only_a_person_can_lift_is_named_before_what_passes_by_itself():
    stage = Stage(dag(*many(2), TaskSpec("z", pool="gone"), max_active_tasks=2))
    stage.trigger()
    assert {key.task_id for key in stage.out} == {"t000", "t001"}
    assert "pool 'gone' does not exist" in stage.reason("z")


def test_a_place_that_gets_free_is_taken_at_once():
    stage = Stage(dag(*many(5)), capacity=2)
    stage.trigger()
    assert stage.running() == ["t000", "t001"]
    stage.finish("t000")
    assert stage.running() == ["t001", "t002"]


def test_instances_of_a_task_keep_to_max_active_per_dag_over_all_runs_and_to_the_number_of_the_newest_version():
    def spec(limit):
        return dag(TaskSpec("a", max_active_per_dag=limit), TaskSpec("b"))

    stage = Stage(spec(2))
    for _ in range(4):
        stage.trigger()
    assert [key.run for key in stage.out if key.task_id == "a"] == [1, 2]
    stage.finish("a", run=1)
    assert [key.run for key in stage.out if key.task_id == "a"] == [2, 3]
    stage.step(stage.store.put_dag(spec(3)))
    assert [key.run for key in stage.out if key.task_id == "a"] == [2, 3, 4]
    stage.restart()
    assert stage.trigger() == 5
    assert stage.why("a", 5).startswith(
        "task 'a' of DAG 'd' (max_active_tis_per_dag) is full: 3 of 3; it is held by a (run"
    )


def test_mapped_instances_keep_to_max_active_per_run_in_each_run():
    mapped = TaskSpec("m", mapped=(Mapping("x", length=5),), max_active_per_run=2)
    stage = Stage(dag(mapped))
    stage.trigger(), stage.trigger()
    assert sorted(key.run for key in stage.out) == [1, 1, 2, 2]
    stage.finish("m[0]", run=2)
    assert sorted(key.run for key in stage.out) == [1, 1, 2, 2]


def test_queues_go_to_the_executors_they_are_routed_to():
    stage = Stage(dag(TaskSpec("a"), TaskSpec("b", queue="far"), TaskSpec("c", queue="odd")), routes={"far": "remote"})
    stage.step(CapacityChanged("remote", 1))
    stage.trigger()
    assert {name: d.executor for name, d in zip(stage.running(), stage.out.values(), strict=True)} == {
        "a": "local",
        "b": "remote",
        "c": "local",
    }


def test_an_executor_whose_workers_are_away_says_so_until_one_is_back():
    stage = Stage(dag(TaskSpec("a", queue="far")), routes={"far": "remote"})
    stage.step(CapacityChanged("remote", 0))
    stage.trigger()
    assert stage.why("a") == "executor 'remote' has no slots now: none of its workers takes tries"
    stage.step(CapacityChanged("remote", 1))
    assert stage.running() == ["a"]


def test_sensors_hold_no_slot_and_are_not_held_up_by_full_limits():
    sensors = [TaskSpec(f"s{n}", sensor=SensorPolicy()) for n in range(50)]
    stage = Stage(
        dag(TaskSpec("a"), TaskSpec("b"), *sensors, max_active_tasks=1), capacity=1, pools={"default_pool": 1}
    )
    stage.trigger()
    assert len(stage.out) == 51
    lower = dag(TaskSpec("a"), max_active_tasks=1)
    stage.step(DagUpdated(lower, "v", paused=False, active=True))
    assert stage.engine.step([], stage.present).dispatches == ()


def test_a_full_pool_hides_nothing_behind_it():
    blocked = many(500, pool="small", priority_weight=9)
    stage = Stage(dag(*blocked, TaskSpec("z"), max_active_tasks=0), pools={"small": 1, "default_pool": 5})
    stage.trigger()
    assert stage.running() == ["t000", "z"]


def test_a_large_need_does_not_hide_small_ones_of_the_same_pool():
    stage = Stage(
        dag(TaskSpec("a"), TaskSpec("b", pool_slots=3, priority_weight=5), TaskSpec("c")), pools={"default_pool": 3}
    )
    stage.trigger()
    assert stage.running() == ["b"]
    stage.finish("b")
    assert stage.running() == ["a", "c"]


def test_a_high_priority_that_comes_late_overtakes_what_is_parked():
    urgent = TaskSpec("urgent", upstream=("x",), priority_weight=100)
    first = dag(*many(6), TaskSpec("x", priority_weight=2), urgent, dag_id="d")
    other = dag(TaskSpec("middle", priority_weight=10), dag_id="e")
    stage = Stage(first, other, capacity=3)
    stage.trigger("d")
    stage.trigger("e")
    assert stage.running() == ["x", "t000", "t001"]
    stage.finish("x")
    assert stage.running() == ["t000", "t001", "urgent"]
    stage.finish("urgent")
    assert stage.running() == ["t000", "t001", "middle"]


def test_priority_counts_across_pools_when_the_executor_is_the_bottleneck():
    low, high = (
        dag(TaskSpec("low", pool="p"), dag_id="l"),
        dag(TaskSpec("high", pool="q", priority_weight=5), dag_id="h"),
    )
    stage = Stage(low, high, capacity=1, pools={"p": 0, "q": 0})
    stage.trigger("l"), stage.trigger("h")
    stage.step(PoolsUpdated({"q": 1, "p": 1}))
    assert stage.running() == ["high"]


def test_a_dag_with_ten_thousand_tasks_does_not_starve_one_with_ten():
    big = dag(*many(10_000), dag_id="big", max_active_tasks=0)
    little = dag(*many(10), dag_id="little", max_active_tasks=0)
    stage = Stage(big, little, capacity=4, pools={"default_pool": -1})
    stage.trigger("big")
    run = stage.trigger("little")
    order = []
    while any(key.run == run for key in stage.out) or not order or order.count("little") < 10:
        key = next(iter(stage.out))
        order.append(stage.out[key].run.dag_id)
        stage.finish(str(key), run=key.run)
    assert len(order) < 40


def test_a_dag_that_was_held_up_gets_its_share_and_no_burst():
    held, busy = dag(*many(50), dag_id="held"), dag(*many(200), dag_id="busy", max_active_tasks=0)
    stage = Stage(held, busy, capacity=2, pools={"default_pool": -1})
    stage.step(stage.store.put_dag(held, paused=False))
    stage.trigger("held"), stage.trigger("busy")
    stage.step(stage.store.put_dag(held, paused=True))
    for _ in range(100):
        key = next(iter(stage.out))
        stage.finish(str(key), run=key.run)
    stage.step(stage.store.put_dag(held, paused=False))
    order = []
    for _ in range(20):
        key = next(iter(stage.out))
        order.append(stage.out[key].run.dag_id)
        stage.finish(str(key), run=key.run)
    assert 8 <= order.count("held") <= 12


@pytest.mark.parametrize(
    ("change", "out"),
    [
        (PoolsUpdated({"default_pool": 4}), 4),
        (PoolsUpdated({"default_pool": 1}), 2),
        (PoolsUpdated({}), 2),
        (PoolsUpdated({"default_pool": -1}), 6),
        (CapacityChanged("local", 3), 2),
    ],
    ids=["larger", "smaller", "deleted", "unlimited", "more places than slots"],
)
def test_a_changed_limit_counts_from_now_on(change, out):
    stage = Stage(dag(*many(6)), pools={"default_pool": 2})
    stage.trigger()
    stage.step(change)
    assert len(stage.out) == out


def test_a_pool_that_shrank_admits_nothing_until_it_has_drained():
    stage = Stage(dag(*many(6)), pools={"default_pool": 3})
    stage.trigger()
    stage.step(PoolsUpdated({"default_pool": 1}))
    stage.finish("t000"), stage.finish("t001")
    assert stage.running() == ["t002"]
    assert stage.why("t005").startswith(
        "pool 'default_pool' is full: 1 of 1; it is held by t002 (run manual__0 of DAG d)"
    )
    stage.finish("t002")
    assert stage.running() == ["t003"]


def test_a_deleted_pool_names_the_command_that_makes_one():
    stage = Stage(dag(*many(2)), pools={"default_pool": 1})
    stage.trigger()
    stage.step(PoolsUpdated({}))
    assert stage.why("t001").endswith("Create it with: penstock pools set default_pool SLOTS")


def test_a_paused_dag_sends_nothing_out_and_goes_on_when_it_is_unpaused():
    spec = dag("a", "b<a")
    stage = Stage(spec)
    stage.trigger()
    stage.step(stage.store.put_dag(spec, paused=True))
    stage.finish("a")
    assert stage.running() == []
    assert stage.why("b") == "DAG 'd' is paused. Unpause it with: penstock dags unpause d"
    queued = stage.trigger()
    assert stage.run_state(queued) == "queued"
    assert stage.why("a", queued) == f"its run has not started: {stage.why('b')}"
    stage.step(stage.store.put_dag(spec))
    assert stage.running() == ["a", "b"] or stage.running() == ["b", "a"]


def test_runs_wait_for_max_active_runs_in_their_order():
    stage = Stage(dag("a", max_active_runs=2))
    runs = [stage.trigger() for _ in range(4)]
    assert [stage.run_state(run) for run in runs] == ["running", "running", "queued", "queued"]
    assert stage.why("a", 3) == "its run has not started: DAG 'd' has 2 of 2 active runs (max_active_runs)"
    stage.finish("a", run=2)
    assert [stage.run_state(run) for run in runs] == ["running", "success", "running", "queued"]


def test_a_run_that_ends_as_it_starts_makes_room_for_the_next_in_line():
    spec = dag(TaskSpec("a", instant=True), TaskSpec("b", upstream=("a",), instant=True), max_active_runs=1)
    stage = Stage(spec)
    stage.step(stage.store.put_dag(spec, paused=True))
    runs = [stage.trigger() for _ in range(3)]
    stage.step(stage.store.put_dag(spec))
    assert [stage.run_state(run) for run in runs] == ["success"] * 3


def test_tasks_of_a_pool_with_a_rate_start_one_after_the_other_also_across_a_restart():
    stage = Stage(
        dag(*many(6, pool="api"), "free"),
        pools={"api": 9, "default_pool": 9},
        rates={"api": Rate(3, 60.0)},
        lease_s=1e6,
    )
    stage.trigger()
    assert stage.running() == ["t000", "free"]
    told = "pool 'api' starts 3/min and no more: the next one is due at 2026-01-01 00:00:20Z"
    assert stage.reason("t001") == told
    assert stage.why("t001") == f"{told}; 5 task instances wait for it"
    assert stage.engine.wait(stage.key("t001")).next_start == START + timedelta(seconds=20)
    for name in ("t000", "free"):
        stage.started(name)
    stage.step(after=19.9)
    assert stage.running() == ["t000", "free"]
    stage.restart()
    stage.step(after=0.2)
    assert stage.running() == ["t000", "free", "t001"]
    stage.started("t001")
    stage.step(after=45)
    assert stage.running() == ["t000", "free", "t001", "t002", "t003"]


def test_a_start_that_came_to_nothing_is_given_back_unless_another_was_spaced_from_it():
    stage = Stage(dag(*many(6, pool="api")), pools={"api": 9}, rates={"api": Rate(1, 60.0)}, lease_s=1e6)
    stage.trigger()
    stage.finish("t000", Outcome.LOST, after=5)
    assert stage.running() == ["t001"]
    stage.step(after=61)
    assert stage.running() == ["t001", "t002"]
    stage.finish("t001", Outcome.LOST, after=1)
    assert stage.running() == ["t002"]


@pytest.mark.parametrize(
    ("set_back_s", "wait_s"), [(0, 60.0), (3600, 60.0), (-30, 30.0)], ids=["kept", "set back", "set forward"]
)
def test_a_restart_counts_by_the_time_of_day_and_waits_for_one_interval_at_most(set_back_s, wait_s):
    stage = Stage(dag(*many(2, pool="api")), pools={"api": 9}, rates={"api": Rate(1, 60.0)}, lease_s=1e6)
    stage.trigger()
    stage.now -= timedelta(seconds=set_back_s)
    stage.restart()
    assert stage.engine.wait(stage.key("t001")).next_start == stage.now + timedelta(seconds=wait_s)


def next_out(stage, count):
    """Of which DAG the next tries are that go out."""
    found = []
    for _ in range(count):
        before = set(stage.out)
        key = next(iter(stage.out))
        stage.finish(str(key), run=key.run)
        found += [stage.out[new].run.dag_id for new in set(stage.out) - before]
    return Counter(found)


@pytest.mark.parametrize(
    ("bottleneck", "of_task"),
    [
        ({"capacity": 4, "pools": {"default_pool": -1}}, {}),
        ({"pools": {"default_pool": 4}}, {}),
        ({"pools": {"default_pool": -1}, "queue_limits": {"far": 4}}, {"queue": "far"}),
    ],
    ids=["executor", "pool", "queue"],
)
def test_tenants_get_their_shares_of_whatever_is_short_and_dags_take_turns_inside(bottleneck, of_task):
    dags = [
        dag(*many(200, **of_task), dag_id=dag_id, tenant=tenant, max_active_tasks=0)
        for dag_id, tenant in (("a", "large"), ("b", "small"), ("c", "small"))
    ]
    stage = Stage(*dags, tenants={"large": TenantRule(3.0)}, **bottleneck)
    for each in "abc":
        stage.trigger(each)
    next_out(stage, 40)
    found = next_out(stage, 80)
    assert all(abs(found[each] - share) <= 1 for each, share in (("a", 60), ("b", 10), ("c", 10)))


def test_no_priority_of_one_tenant_takes_the_share_of_another():
    loud = dag(*many(100, priority_weight=99), dag_id="loud", tenant="loud", max_active_tasks=0)
    quiet = dag(*many(100, priority_weight=-99), dag_id="quiet", tenant="quiet", max_active_tasks=0)
    stage = Stage(quiet, loud, capacity=2, pools={"default_pool": -1})
    stage.trigger("quiet"), stage.trigger("loud")
    next_out(stage, 40)
    assert abs(next_out(stage, 40)["quiet"] - 20) <= 1


def test_a_tenant_that_was_held_up_has_a_head_start_and_no_more():
    held, busy = dag(*many(50), dag_id="held", tenant="held"), dag(*many(300), dag_id="busy", max_active_tasks=0)
    stage = Stage(held, busy, capacity=2, pools={"default_pool": -1})
    stage.trigger("held"), stage.trigger("busy")
    stage.step(stage.store.put_dag(held, paused=True))
    next_out(stage, 100)
    stage.step(stage.store.put_dag(held, paused=False))
    assert abs(next_out(stage, 50)["held"] - (HEAD_START + 20)) <= 1


def test_ten_tasks_of_one_tenant_beside_ten_thousand_of_another_wait_less_than_twice_as_long_as_alone():
    def last_wait(*crowd):
        little = dag(*many(10), dag_id="little", tenant="little", max_active_tasks=0)
        stage = Stage(little, *crowd, capacity=2, pools={"default_pool": -1})
        for each in crowd:
            stage.trigger(each.dag_id)
            next_out(stage, 20)
        run, rounds = stage.trigger("little"), 0
        while any(task.state == "scheduled" for key, task in stage.store.tasks.items() if key.run == run):
            for key in list(stage.out):
                stage.finish(str(key), run=key.run)
            rounds += 1
        return rounds

    alone = last_wait()
    assert last_wait(dag(*many(10_000), dag_id="big", tenant="big", max_active_tasks=0)) < 2 * alone
