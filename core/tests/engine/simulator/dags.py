"""Random DAGs: every trigger rule, mapping, branches, limits, setups and teardowns."""

from datetime import datetime, timedelta
from random import Random

from msgspec.structs import replace

from penstock.model.dag import DagSpec, Mapping, SensorPolicy, TaskSpec, XComRef
from penstock.model.retry import RetryPolicy
from penstock.model.schedule import Overlap, Schedule, ScheduleKind
from penstock.model.state import TriggerRule

POOLS = {"default_pool": 6, "small": 2, "sums": 3}
ROUTES = {"far": "remote"}
CAPACITY = {"local": 4, "remote": 3, "waiter": 10**9}
_RULES = list(TriggerRule)


def random_dag(random: Random, dag_id: str, start: datetime) -> DagSpec:
    """A DAG of up to nine tasks that falls due a few times within an hour or two."""
    tasks: list[TaskSpec] = []
    for number in range(random.randint(0 if random.random() < 0.05 else 1, 9)):
        tasks.append(_task(random, f"t{number}", tasks))
    every = random.choice([300.0, 900.0, 2400.0])
    made = DagSpec(
        dag_id,
        "d.py",
        tuple(tasks),
        schedule=Schedule(ScheduleKind.INTERVAL, every_s=every),
        start_date=start - timedelta(seconds=every * random.randint(0, 3)),
        end_date=start + timedelta(seconds=every * 2),
        catchup=random.random() < 0.6,
        max_active_runs=random.choice([1, 2, 16]),
        max_active_tasks=random.choice([0, 1, 3, 16]),
    )
    # Drawn apart, so that seeds that were red once keep the DAGs that they had.
    state = random.getstate()[1]
    return _limited(Random(f"{dag_id} {state[0]} {state[-1]}"), made)


def _limited(random: Random, dag: DagSpec) -> DagSpec:
    """A DAG that may end runs that take long, skip or cancel those that overlap, or leave out some of the past."""
    window_s = random.choice([None, None, 0.0, 1200.0]) if dag.catchup else None
    overlap = Overlap.QUEUE if dag.catchup and window_s is None else random.choice(list(Overlap))
    timeout_s = random.choice([None, None, None, 60.0, 600.0])
    return replace(dag, catchup_window_s=window_s, overlap=overlap, run_timeout_s=timeout_s)


def _task(random: Random, task_id: str, before: list[TaskSpec]) -> TaskSpec:
    upstream = {t.task_id for t in random.sample(before, min(len(before), random.choice([0, 1, 1, 2, 3])))}
    mapped = _mapping(random, before) if random.random() < 0.3 else ()
    upstream |= {m.source.task_id for m in mapped if m.source is not None}
    plain = not mapped
    teardown = plain and random.random() < 0.1
    if teardown:
        upstream |= {task.task_id for task in before if task.setup and random.random() < 0.7}
    rule = TriggerRule.ALL_DONE_SETUP_SUCCESS if teardown else TriggerRule.ALL_SUCCESS
    if not teardown and random.random() < 0.4:
        rule = random.choice(_RULES)
    return TaskSpec(
        task_id,
        upstream=tuple(sorted(upstream)),
        trigger_rule=rule,
        mapped=mapped,
        max_active_per_run=random.choice([None, None, 1, 2]),
        retry=RetryPolicy(random.choice([0, 1, 3]), random.choice([1.0, 30.0]), 2.0, jitter=0.5),
        sensor=SensorPolicy(soft_fail=random.random() < 0.5) if random.random() < 0.1 else None,
        instant=plain and random.random() < 0.08,
        setup=not teardown and random.random() < 0.15,
        teardown=teardown,
        pool=random.choice(["default_pool", "default_pool", "small", "sums"]),
        pool_slots=random.choice([1, 1, 1, 2]),
        priority_weight=random.randint(1, 3),
        queue=random.choice(["default", "default", "far"]),
    )


def _mapping(random: Random, before: list[TaskSpec]) -> tuple[Mapping, ...]:
    mapped = []
    for argument in ("x", "y")[: random.choice([1, 1, 2])]:
        if before and random.random() < 0.7:
            mapped.append(Mapping(argument, source=XComRef(random.choice(before).task_id)))
        else:
            mapped.append(Mapping(argument, length=random.choice([0, 1, 2, 3])))
    return tuple(mapped)
