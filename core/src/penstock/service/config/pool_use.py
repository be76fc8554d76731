"""Who holds a pool's slots, and who waits for them."""

from datetime import datetime

import msgspec

from penstock.errors import NotFoundError
from penstock.model.access.permission import Permission
from penstock.service.choices.live_tasks import LiveTask, live_tasks
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation

MOST_TASKS = 200
"""Task instances of each kind that are named; of the others only the number is told."""


class PoolTask(msgspec.Struct, frozen=True):
    """A task instance that holds slots of a pool, or waits for them.

    Attributes:
        slots: How many it needs.
        since: When its try was sent out; of one that waits, since when it is ready. None if that is not known.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    slots: int
    since: datetime | None


class PoolUse(msgspec.Struct, frozen=True):
    """What of a pool is held and waited for, the longest first.

    Attributes:
        holders: Task instances whose tries hold its slots.
        waiting: Task instances that are ready and wait.
        unnamed_holders, unnamed_waiting: How many more there are: of DAGs that may not be seen, or behind the first `MOST_TASKS`.
    """

    name: str
    holders: tuple[PoolTask, ...]
    waiting: tuple[PoolTask, ...]
    unnamed_holders: int
    unnamed_waiting: int


@operation("GET", "/pools/{name}/use", needs=Permission.POOLS_READ)
def show_pool_use(installation: Installation, name: str) -> PoolUse:
    """Show who holds a pool's slots and who waits for them; of DAGs that may not be seen, only how many.

    Raises:
        NotFoundError: There is no such pool, and nobody waits for it.
        StoreError: The database failed.
    """
    holders: list[PoolTask] = []
    waiting: list[PoolTask] = []
    numbers = [0, 0]
    seen = installation.seen_dags()
    visible = None if seen is None else frozenset(seen)
    for each in live_tasks(installation.store):
        if each.task.pool != name or not (each.attempt is not None or each.waits):
            continue
        held = each.attempt is not None
        numbers[not held] += 1
        if visible is None or each.run.dag_id in visible:
            (holders if held else waiting).append(_task(each))
    if not any(numbers):
        pools = [pool.name for pool in installation.store.config.pools()]
        if name not in pools:
            raise NotFoundError("pool", name, [each for each in pools if installation.may(Permission.POOLS_READ, each)])
    first, second = _longest(holders), _longest(waiting)
    return PoolUse(name, first, second, numbers[0] - len(first), numbers[1] - len(second))


def _task(each: LiveTask) -> PoolTask:
    since = each.instance.due_at if each.attempt is None else each.attempt.queued_at
    return PoolTask(
        each.run.dag_id,
        each.run.run_id,
        each.instance.task_id,
        each.instance.map_index,
        each.task.pool_slots,
        since,
    )


def _longest(tasks: list[PoolTask]) -> tuple[PoolTask, ...]:
    return tuple(sorted(tasks, key=lambda each: (each.since is None, each.since))[:MOST_TASKS])
