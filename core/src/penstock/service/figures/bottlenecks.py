"""What holds tasks up in an installation, from the instants that are stored of the last day."""

from datetime import datetime, timedelta

from penstock.model.dag import DagSpec, TaskSpec
from penstock.service.choices.executors import capacity_of
from penstock.service.figures.advice import Limit, LimitKind, Stay, advice
from penstock.service.installation import Installation
from penstock.settings import Settings
from penstock.spec.executor import LOCAL
from penstock.store import Moments

WINDOW = timedelta(days=1)
MOST_RUNS = 500
MOST_ROWS = 20_000


def bottlenecks(installation: Installation) -> list[str]:
    """Say what has held tasks up most in the last day, a sentence each; raises StoreError.

    It costs the newest runs and some of their task instances, however many there are.
    """
    store, settings, now = installation.store, installation.settings, installation.now()
    moments = store.figures.moments(now - WINDOW, runs=MOST_RUNS, rows=MOST_ROWS)
    sizes = {Limit(LimitKind.POOL, pool.name): pool.slots for pool in store.config.pools()}
    sizes |= {Limit(LimitKind.QUEUE, name): most for name, most in settings.queue_limits.items()}
    for name, chosen in settings.executors.items():
        if (capacity := capacity_of(settings, name, chosen)) is not None:
            sizes[Limit(LimitKind.EXECUTOR, name)] = capacity
    stays = []
    specs = {version: store.versions.spec(version) for version in {moment.version for moment in moments}}
    tasks = {version: {task.task_id: task for task in spec.tasks} for version, spec in specs.items() if spec}
    for moment in moments:
        spec, task = specs[moment.version], tasks.get(moment.version, {}).get(moment.task_id)
        if spec is not None and task is not None and task.sensor is None:
            sizes[Limit(LimitKind.DAG, spec.dag_id)] = spec.max_active_tasks
            stays.append(_stay(moment, spec, task, settings))
    begun = min((datetime.fromtimestamp(stay.due_s, now.tzinfo) for stay in stays), default=now)
    return advice(stays, sizes, max(begun, now - WINDOW), now) if begun < now else []


def _stay(moment: Moments, spec: DagSpec, task: TaskSpec, settings: Settings) -> Stay:
    needs = {
        Limit(LimitKind.POOL, task.pool): task.pool_slots,
        Limit(LimitKind.EXECUTOR, settings.queues.get(task.queue, LOCAL)): 1,
        Limit(LimitKind.QUEUE, task.queue): 1,
        Limit(LimitKind.DAG, spec.dag_id): 1,
    }
    # What was dispatched before it could start again waits for its next try.
    queued = moment.queued_at if moment.queued_at is not None and moment.queued_at >= moment.due_at else None
    rest = (moment.started_at, moment.ended_at) if queued is not None else (None, None)
    return Stay(needs, *(None if each is None else each.timestamp() for each in (moment.due_at, queued, *rest)))  # type: ignore[arg-type]
