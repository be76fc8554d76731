"""What must hold where several schedulers share a database, on the stored rows and apart from engine, shares and ownership."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import select

from penstock.engine.messages import Step
from penstock.model.changes import Changes
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.store import Store
from penstock.store.sql.scheduler_tables import scheduler, share
from penstock.store.sql.tables import dag
from penstock.testing.simulation.rules.rows import Rows, ident_of

ADOPTED_S = 2.0
"""Seconds from the end of a lease within which somebody has its DAGs."""
_SLACK_S = 0.3
"""What a look takes, and by how much the clocks of machines go wrong meanwhile."""


class Member(NamedTuple):
    """A row of a scheduler that nobody has fenced: its number, and the end of its lease in seconds of the world."""

    number: int
    until_s: float


class SharedRules:
    """Holds what each scheduler stores against what it owns and what all of them may use.

    Args:
        rows: What is stored.
        pools: Slots of each pool.
    """

    def __init__(self, rows: Rows, pools: Mapping[str, int]) -> None:
        self._rows, self._pools = rows, pools
        self._orphaned: dict[str, float] = {}
        self._spent = Counter[TaskKey]()
        self._outcomes: dict[tuple[TaskKey, int], Outcome] = {}
        self.adopted = 0

    def stepped(self, store: Store, number: int, step: Step, changes: Changes) -> None:
        """Raise AssertionError if a scheduler has stored what it may not."""
        with store.database.read() as connection:
            owners = dict(connection.execute(select(dag.c.dag_id, dag.c.owner)).all())
        runs = (
            {run.run for run in changes.runs}
            | {task.run for task in changes.tasks}
            | {each.run for each in changes.tries}
        )
        mine = {dag_id for dag_id, owner in owners.items() if owner == number}
        named = {self._rows.runs[run].dag_id for run in runs} | {cursor.dag_id for cursor in changes.cursors}
        assert named <= mine, f"scheduler {number} has written of {sorted(named - mine)}, whose owners are {owners}"
        for attempt in changes.tries:
            ident = ident_of(attempt)
            assert ident not in self._outcomes, (
                f"the try {ident} had ended as {self._outcomes[ident]} and is written again"
            )
            if attempt.outcome is not None:
                self._outcomes[ident] = attempt.outcome
        alive = Counter(key for key, _ in self._rows.open)
        for key, count in alive.items():
            assert count == 1, f"{key} has {count} live tries"
        for dispatch in step.dispatches:
            key, epoch = dispatch.instance.key, dispatch.instance.epoch
            assert epoch > self._spent[key], f"{key} goes out with epoch {epoch}, {self._spent[key]} is spent"
            self._spent[key] = epoch

    def looked_at(self, store: Store, now_s: float, clock_s: float, well: Collection[int]) -> None:
        """Raise AssertionError if a DAG has had nobody for too long, or more is lent of a limit than there is.

        Args:
            store: What all of them share.
            now_s: The present.
            clock_s: What the database's clock says at second 0 of the world, since 1970.
            well: Numbers of the schedulers that nothing has kept from working for as long as an adoption may take.
        """
        with store.database.read() as connection:
            found = connection.execute(
                select(scheduler.c.number, scheduler.c.expires_at).where(scheduler.c.fenced_at.is_(None))
            )
            members = [Member(number, until.timestamp() - clock_s) for number, until in found]
            owners = dict(connection.execute(select(dag.c.dag_id, dag.c.owner)).all())
            lent = Counter[str]()
            for limited, amount in connection.execute(select(share.c.limited, share.c.amount)):
                lent[limited] += amount
        for name, slots in self._pools.items():
            assert lent[f"pool:{name}"] <= slots, f"{lent[f'pool:{name}']} of {slots} slots of pool {name!r} are lent"
        living = {each.number: each.until_s for each in members if each.until_s >= now_s}
        ends = {each.number: each.until_s for each in members}
        for dag_id, owner in owners.items():
            if owner in living:
                self.adopted += dag_id in self._orphaned
                self._orphaned.pop(dag_id, None)
                continue
            since = self._orphaned.setdefault(dag_id, min(now_s, ends.get(owner, now_s)))
            if not living or not living.keys() <= {*well}:
                # Who is to have it may not be able to: the time begins once all of them are.
                self._orphaned[dag_id] = max(since, now_s) if owner is None else since
                continue
            waited = now_s - since
            assert waited <= ADOPTED_S + _SLACK_S, (
                f"{dag_id} has been without an owner for {waited:.1f} s, and {living} live"
            )

    def begun(self, alive: Collection[tuple[TaskKey, int]]) -> None:
        """Raise AssertionError if more processes run than a pool has slots; one whose try is over holds none."""
        used = Counter[str]()
        for key, _ in self._rows.open.keys() & {*alive}:
            task = self._rows.versions[self._rows.runs[key.run].version].task(key.task_id)
            used[task.pool] += task.pool_slots
        for name, slots in self._pools.items():
            assert used[name] <= slots, f"pool {name!r} is overfull: {used[name]} of {slots}"
