"""Operations on pools: list, set, delete."""

import msgspec

from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import Permission
from penstock.model.dag import DEFAULT_POOL
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction, AuditEntry
from penstock.model.limits.rate import parse_rate
from penstock.model.names import check_name
from penstock.model.text import counted
from penstock.service.choices.live_tasks import live_tasks
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize
from penstock.store import Pool


class PoolUsage(msgspec.Struct, frozen=True):
    """A pool and what is asked of it.

    Attributes:
        slots: How many it has; None if there is no such pool.
        used: Slots that tries hold now.
        waiting: Task instances that are ready and wait.
        largest: The most slots that one of those needs.
        rate: How many may start in which time, such as ``10/min``; "" for any number.
    """

    name: str
    slots: int | None
    description: str
    used: int = 0
    waiting: int = 0
    largest: int = 0
    rate: str = ""

    @property
    def problem(self) -> str:
        """Why none, or not all, of what waits can ever run, and what to do; "" if nothing is wrong."""
        remedy = f"penstock pools set {self.name} SLOTS"
        if not self.waiting:
            return ""
        waiting = "1 task instance waits" if self.waiting == 1 else f"{self.waiting} task instances wait"
        if self.slots is None:
            return f"it does not exist, and {waiting} for it. Make it with: {remedy}"
        if self.slots == 0:
            return f"it is closed, with 0 slots, and {waiting} for it. Open it with: {remedy}"
        if self.largest > self.slots:
            slots = counted(self.slots, "slot")
            return f"it has {slots}, and of the {self.waiting} that wait one needs {self.largest}. Enlarge it: {remedy}"
        return ""


_POOLS = PagedList("pools", str)


@operation("GET", "/pools", needs=Permission.POOLS_READ, subject="")
def list_pools(installation: Installation, *, after: str = "", limit: PageSize = 200) -> Page[PoolUsage]:
    """List a page of the pools by name, and of those that do not exist and are waited for, with what is asked of them.

    Raises:
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    return _POOLS.page_of_all(_pools(installation), after, limit, lambda each: each.name)


@operation("GET", "/pools/{name}", needs=Permission.POOLS_READ)
def show_pool(installation: Installation, name: str) -> Pool:
    """Show a pool as it was set; raises NotFoundError or StoreError."""
    pools = {each.name: each for each in installation.store.config.pools()}
    if name not in pools:
        raise NotFoundError("pool", name, pools)
    return msgspec.structs.replace(pools[name], next_at=None)  # that is the scheduler's, and nobody's setting


def _pools(installation: Installation) -> list[PoolUsage]:
    store = installation.store
    use: dict[str, list[int]] = {}
    for each in live_tasks(store):
        counts, slots = use.setdefault(each.task.pool, [0, 0, 0]), each.task.pool_slots
        if each.attempt is not None:
            counts[0] += slots
        elif each.waits:
            counts[1] += 1
            counts[2] = max(counts[2], slots)
    pools = {pool.name: pool for pool in store.config.pools()}
    missing = {name for name, (_, waiting, _) in use.items() if waiting} - pools.keys()
    found = []
    for name in sorted(pools.keys() | missing):
        if not installation.may(Permission.POOLS_READ, name):
            continue
        pool, (used, waiting, largest) = pools.get(name), use.get(name, [0, 0, 0])
        size, description = (pool.slots, pool.description) if pool is not None else (None, "")
        rate = "" if pool is None or pool.rate is None else str(pool.rate)
        found.append(PoolUsage(name, size, description, used, waiting, largest, rate))
    return found


@operation("PUT", "/pools/{name}", needs=Permission.POOLS_WRITE)
def set_pool(
    installation: Installation, name: str, slots: int, description: str = "", *, rate: str = "", by: AskedBy = NOBODY
) -> Pool:
    """Store a pool in place of any of the same name.

    Args:
        installation: The installation.
        name: The pool's name.
        slots: How many it has.
        description: For people.
        rate: How many of its tasks may start in which time, such as ``10/min``; "" for any number.
        by: Who asks, for the audit.

    Raises:
        RequestError: The name, the number or the rate cannot be used.
        StoreError: The database failed.
    """
    check_name("pool", name)
    if not 0 <= slots < 2**31:
        raise RequestError(f"pool {name!r}: {slots} slots are not possible. Choose 0 (closed) to {2**31 - 1}.")
    pool = Pool(name, slots, description, parse_rate(rate) if rate else None)
    now = installation.now()

    def entry(old: Pool | None) -> AuditEntry:
        before = "" if old is None else _text(old)
        return by.entry(now, AuditAction.SET, subject=f"pool {name!r}", before=before, after=_text(pool))

    installation.store.config.put_pool(pool, now, entry)
    return pool


def _text(pool: Pool) -> str:
    return f"{counted(pool.slots, 'slot')}{'' if pool.rate is None else f', {pool.rate}'}"


@operation("DELETE", "/pools/{name}", needs=Permission.POOLS_WRITE)
def delete_pool(installation: Installation, name: str, *, by: AskedBy = NOBODY) -> None:
    """Delete a pool.

    Raises:
        NotFoundError: There is no such pool.
        RequestError: It is the default pool, or DAGs use it.
        StoreError: The database failed.
    """
    if name == DEFAULT_POOL:
        raise RequestError(f"{name!r} is the pool of every task that names none, so it stays. Resize it instead.")
    store = installation.store
    users = sorted(row.dag_id for row in store.dags.rows() if any(task.pool == name for task in row.spec.tasks))
    if users:
        more = f" and {len(users) - 3} more" if len(users) > 3 else ""
        raise RequestError(f"pool {name!r} is used by DAG {', '.join(users[:3])}{more}. Change these first.")
    now = installation.now()
    store.config.delete_pool(name, now, by.entry(now, AuditAction.DELETE, subject=f"pool {name!r}"))
