"""The change feed of the simulated world: whoever has followed it from the start knows what is stored."""

from collections.abc import Collection
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Select, Table, select

from penstock.model.feed.delta import Delta, RunDeleted, RunDelta, TaskDelta, TaskRemoved
from penstock.model.feed.position import FeedPosition
from penstock.model.run import Run, TaskInstance
from penstock.store import Store
from penstock.store.sql import tables
from penstock.store.sql.feed.feed_writes import of_run, of_task

Known = dict[tuple[object, ...], Delta]


def compare_feed(store: Store, without: Collection[int]) -> None:
    """Raise AssertionError if the feed tells other runs and task instances than are stored.

    Args:
        store: The store.
        without: Numbers of runs that are left out, because their rows were damaged.
    """
    known = _followed(store)
    stored: Known = {}
    with store.database.read() as connection:
        names: dict[int, tuple[str, str]] = {}
        for run in (Run(*row) for row in connection.execute(_rows(tables.run, Run, without))):
            names[run.run] = run.dag_id, run.run_id
            stored[of_run(run).thing] = of_run(run)
        for row in connection.execute(_rows(tables.task_instance, TaskInstance, without)):
            delta = of_task(TaskInstance(*row))
            dag_id, run_id = names[delta.run]
            stored[delta.thing] = replace(delta, dag_id=dag_id, run_id=run_id)
    followed = {thing: delta for thing, delta in known.items() if thing[1] not in without}
    assert followed == stored, (
        f"the feed tells {[followed[each] for each in followed if followed[each] != stored.get(each)]}, "
        f"and {[stored[each] for each in stored if followed.get(each) != stored[each]]} is stored"
    )


def _followed(store: Store) -> Known:
    """What somebody knows at the end who knew nothing at the start, and heard each delta once."""
    known: Known = {}
    after = FeedPosition(store.feed.position().database, 0, 0)
    while rows := store.feed.rows(after):
        for delta in (delta for row in rows for delta in row.deltas):
            match delta:
                case TaskDelta() | RunDelta():
                    known[delta.thing] = delta
                case TaskRemoved():
                    known.pop(delta.thing, None)
                case RunDeleted():
                    known = {thing: each for thing, each in known.items() if thing[1] != delta.run}
        after = rows[-1].position
    assert rows is not None, "the feed has dropped what it should keep"
    return known


def _rows(table: Table, struct: type[Run | TaskInstance], without: Collection[int]) -> Select[Any]:
    return select(*tables.columns(table, struct)).where(table.c.run.not_in(list(without)))
