"""Random DAGs: every trigger rule, mapping, mapped groups, branches, limits, setups and teardowns."""

from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from msgspec.structs import replace

from penstock.engine.limits.fairness import TenantRule
from penstock.model.assets.asset_condition import AssetCondition
from penstock.model.dag import DagSpec, Mapping, SensorPolicy, TaskSpec, XComRef
from penstock.model.limits.rate import Rate
from penstock.model.retry import RetrySpec
from penstock.model.schedule import Overlap, Schedule, ScheduleKind
from penstock.model.state import TriggerRule

POOLS = {"default_pool": 6, "small": 2, "sums": 3}
RATES = {"sums": Rate(3, 60.0)}
ROUTES = {"far": "remote"}
QUEUE_LIMITS = {"far": 2}
TENANTS = {"ours": TenantRule(2.0, 3), "": TenantRule(1.0)}
_TENANT_OF = {"d1": "ours", "d2": "theirs"}
_PER_DAG = {"t1": 3, "t3": 1, "t5": 2}
"""Limits of a task over all runs: the same in all versions of a DAG, so that it is known what holds while one follows another."""
ASSETS = ("s3://d0", "s3://d1", "s3://d2")
OUTSIDE = "s3://outside"
CAPACITY = {"local": 4, "remote": 3}
_RULES = list(TriggerRule)


def random_dag(random: Random, dag_id: str, start: datetime) -> DagSpec:
    """A DAG of up to nine tasks that falls due a few times within half an hour."""
    tasks: list[TaskSpec] = []
    group = _NO_GROUP
    for number in range(random.randint(0 if random.random() < 0.05 else 1, 9)):
        if random.random() < (0.4 if group.name else 0.15):
            over = () if group.name else _mapping(random, tasks)
            group = _Group(f"g{number}", over) if over else _NO_GROUP
        tasks.append(_task(random, f"t{number}", tasks, group))
    every = random.choice([150.0, 450.0, 1200.0])
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
        tenant=_TENANT_OF.get(dag_id, ""),
    )
    # Drawn apart, so that seeds that were red once keep the DAGs that they had.
    state = random.getstate()[1]
    return _limited(Random(f"{dag_id} {state[0]} {state[-1]}"), made)


def _limited(random: Random, dag: DagSpec) -> DagSpec:
    """A DAG that may end runs that take long, skip or cancel those that overlap, or leave out some of the past."""
    window_s = random.choice([None, None, 0.0, 600.0]) if dag.catchup else None
    overlap = Overlap.QUEUE if dag.catchup and window_s is None else random.choice(list(Overlap))
    timeout_s = random.choice([None, None, None, 60.0, 300.0])
    limited = replace(dag, catchup_window_s=window_s, overlap=overlap, run_timeout_s=timeout_s)
    return _with_assets(random, limited)


def _with_assets(random: Random, dag: DagSpec) -> DagSpec:
    """A DAG some of whose tasks make an asset, and that may wait for those of DAGs before it: a circle would never rest."""
    if not dag.dag_id[1:]:
        return dag  # it is alone: nothing brings it events
    number = int(dag.dag_id[1:])
    tasks = [replace(task, outlets=(ASSETS[number],)) if random.random() < 0.4 else task for task in dag.tasks]
    wanted = [AssetCondition(asset) for asset in (*ASSETS[:number], OUTSIDE) if random.random() < 0.7]
    condition = AssetCondition(join=random.choice(["all", "any"]), parts=tuple(wanted)) if wanted else None
    return replace(dag, tasks=tuple(tasks), schedule=replace(dag.schedule, assets=condition))


def with_past(random: Random, dag: DagSpec) -> DagSpec:
    """A DAG some of whose tasks wait for what became of them in the run before."""
    tasks = []
    for task in dag.tasks:
        waits = random.random() < 0.5
        below = waits and random.random() < 0.4
        tasks.append(replace(task, depends_on_past=waits, wait_for_downstream=below))
    return replace(dag, tasks=tuple(tasks))


class _Group(NamedTuple):
    """A mapped group to which the tasks belong that are made next."""

    name: str
    mapped: tuple[Mapping, ...]


_NO_GROUP = _Group("", ())


def _task(random: Random, task_id: str, before: list[TaskSpec], group: _Group) -> TaskSpec:
    upstream = {t.task_id for t in random.sample(before, min(len(before), random.choice([0, 1, 1, 2, 3])))}
    beside = [t.task_id for t in before if group.name and t.group == group.name]
    if beside and random.random() < 0.7:
        upstream.add(random.choice(beside))
    mapped = group.mapped or (_mapping(random, before) if random.random() < 0.3 else ())
    if not upstream & set(beside):  # it is one of the first tasks of its group, or in none
        upstream |= {source.task_id for m in mapped for source in m.sources()}
    plain = not mapped or bool(group.name)
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
        group=group.name,
        max_active_per_dag=_PER_DAG.get(task_id),
        max_active_per_run=random.choice([None, None, 1, 2]),
        retry=RetrySpec(random.choice([0, 1, 3]), random.choice([1.0, 30.0]), 2.0, jitter=0.5),
        sensor=SensorPolicy(soft_fail=random.random() < 0.5) if random.random() < 0.1 else None,
        instant=plain and random.random() < 0.08,
        setup=not teardown and random.random() < 0.15,
        teardown=teardown,
        fails_run=teardown and random.random() < 0.3,
        pool=random.choice(["default_pool", "default_pool", "small", "sums"]),
        pool_slots=random.choice([1, 1, 1, 2]),
        priority_weight=random.randint(1, 3),
        queue=random.choice(["default", "default", "far"]),
    )


def _mapping(random: Random, before: list[TaskSpec]) -> tuple[Mapping, ...]:
    mapped = []
    for argument in ("x", "y")[: random.choice([1, 1, 2])]:
        if before and random.random() < 0.2:
            parts = tuple(Mapping(source=XComRef(random.choice(before).task_id)) for _ in range(2))
            mapped.append(Mapping(argument, join=random.choice(["zip", "longest", "concat"]), parts=parts))
        elif before and random.random() < 0.7:
            mapped.append(Mapping(argument, source=XComRef(random.choice(before).task_id)))
        else:
            mapped.append(Mapping(argument, length=random.choice([0, 1, 2, 3])))
    return tuple(mapped)
