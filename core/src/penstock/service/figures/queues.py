"""What each queue and pool has to do, and how many workers a queue wants: pure."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from penstock.model.dag import DagSpec, TaskSpec
from penstock.settings.sharing.queues import WorkerRule
from penstock.store import Counts

DEFAULT_QUEUE = "default"


class QueueFigures(msgspec.Struct, frozen=True):
    """A queue, and what is asked of it; sensors are left out, which hold nothing while they wait.

    Attributes:
        executor: Which runs its tries.
        waiting: Task instances that are ready and wait.
        held: Tries that executors hold now.
        oldest_s: Seconds for which the one is ready that waits longest.
        wanted: Tries that could run now, were there workers: those held, and of those that wait what their pools and the queue's
            own limit leave room for.
        workers: Workers that these need, no fewer and no more than the queue may want.
        tries_per_worker: Tries that each of them runs at once.
        min_workers: Workers that it wants though nothing waits.
        max_workers: Workers that it wants at most; None for any number.
        cooldown_s: Seconds for which a worker stays wanted that was.
    """

    name: str
    executor: str
    waiting: int = 0
    held: int = 0
    oldest_s: float = 0.0
    wanted: int = 0
    workers: int = 0
    tries_per_worker: int = 1
    min_workers: int = 0
    max_workers: int | None = None
    cooldown_s: float = 0.0


class PoolFigures(NamedTuple):
    """Slots of a pool."""

    slots: int
    used: int
    waiting: int


class _Line(NamedTuple):
    """Instances of one task that wait."""

    task: TaskSpec
    number: int
    since: datetime


class Load(NamedTuple):
    """What is asked of queues and pools.

    Attributes:
        queues: By name, without workers.
        pools: By name; one that does not exist has no slot.
        executors: Tries that each holds.
    """

    queues: dict[str, QueueFigures]
    pools: dict[str, PoolFigures]
    executors: dict[str, int]


def load_of(
    counts: Counts,
    spec_of: Callable[[str], DagSpec | None],
    slots: Mapping[str, int],
    now: datetime,
    *,
    routes: Mapping[str, str],
    limits: Mapping[str, int],
    local: str,
) -> Load:
    """Work out what is asked of queues and pools.

    Args:
        counts: What waits and runs.
        spec_of: The DAG of a version.
        slots: Those of each pool.
        now: The present.
        routes: Executors by queue; those of others run on ``local``.
        limits: Tries at once of each queue that has such a limit.
        local: The executor of queues without a route.
    """
    tasks = _tasks_of(spec_of)
    held: dict[str, int] = defaultdict(int)
    used: dict[str, int] = defaultdict(int)
    executors: dict[str, int] = defaultdict(int)
    for each in counts.held:
        if (task := tasks(each.version, each.task_id)) is not None:
            held[task.queue] += each.number
            used[task.pool] += each.number * task.pool_slots
            executors[each.executor] += each.number
    lines = [
        _Line(task, each.number, each.since or now)
        for each in counts.waiting
        if (task := tasks(each.version, each.task_id)) is not None
    ]
    waiting, asked = _sums(lines)
    startable = _startable(lines, {name: slots.get(name, 0) - used[name] for name in {*slots, *used, *asked}})
    oldest = _oldest(lines)
    queues = {}
    for name in sorted({DEFAULT_QUEUE, *routes, *held, *waiting}):
        wanted = held[name] + min(startable[name], max(0, limits.get(name, math.inf) - held[name]))
        queues[name] = QueueFigures(
            name,
            routes.get(name, local),
            waiting[name],
            held[name],
            max(0.0, (now - oldest.get(name, now)).total_seconds()),
            int(wanted),
        )
    names = sorted({*slots, *used, *asked})
    return Load(queues, {each: PoolFigures(slots.get(each, 0), used[each], asked[each]) for each in names}, executors)


def with_workers(queue: QueueFigures, rule: WorkerRule) -> QueueFigures:
    """A queue with the workers that it wants by its rule."""
    return msgspec.structs.replace(queue, workers=rule.workers(queue.wanted), **rule._asdict())


def _tasks_of(spec_of: Callable[[str], DagSpec | None]) -> Callable[[str, str], TaskSpec | None]:
    """Finds a task by version and id; None for a sensor, and for what is not known."""
    known: dict[str, dict[str, TaskSpec]] = {}

    def found(version: str, task_id: str) -> TaskSpec | None:
        if version not in known:
            spec = spec_of(version) if version else None
            known[version] = {task.task_id: task for task in spec.tasks if task.sensor is None} if spec else {}
        return known[version].get(task_id)

    return found


def _sums(lines: Iterable[_Line]) -> tuple[dict[str, int], dict[str, int]]:
    """Instances by queue, and the slots that they ask for by pool."""
    waiting: dict[str, int] = defaultdict(int)
    asked: dict[str, int] = defaultdict(int)
    for line in lines:
        waiting[line.task.queue] += line.number
        asked[line.task.pool] += line.number * line.task.pool_slots
    return waiting, asked


def _oldest(lines: Iterable[_Line]) -> dict[str, datetime]:
    """Since when the one waits, by queue, that waits longest."""
    found: dict[str, datetime] = {}
    for line in lines:
        found[line.task.queue] = min(line.since, found.get(line.task.queue, line.since))
    return found


def _startable(lines: Iterable[_Line], free: dict[str, int]) -> dict[str, int]:
    """Instances by queue that the free slots of their pools admit, those first that wait longest."""
    found: dict[str, int] = defaultdict(int)
    for line in sorted(lines, key=lambda line: (line.since, line.task.task_id)):
        task = line.task
        fit = min(line.number, max(0, free[task.pool]) // max(1, task.pool_slots))
        free[task.pool] -= fit * task.pool_slots
        found[task.queue] += fit
    return found
