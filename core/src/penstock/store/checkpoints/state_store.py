"""What tasks and assets keep from run to run; what a try writes is fenced by its epoch, in the transaction that writes it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Select, bindparam, delete, func, insert, or_, select, tuple_

from penstock.errors import RequestError, SupersededError
from penstock.model.history.audit import AuditEntry
from penstock.model.names import MOST_STATE
from penstock.model.run import TaskKey
from penstock.store.checkpoints.checkpoints import STATE
from penstock.store.sql import state_tables
from penstock.store.sql.database import Database
from penstock.store.transaction import Transaction, Writer


class StateOwner(NamedTuple):
    """Whose state it is.

    Attributes:
        dag_id: The DAG of a task; "" for an asset.
        name: The task's id, or the asset's URI.
    """

    dag_id: str
    name: str

    def __str__(self) -> str:
        return f"task {self.name!r} of DAG {self.dag_id!r}" if self.dag_id else f"asset {self.name!r}"


class StateValue(msgspec.Struct, frozen=True):
    """A value that is kept.

    Attributes:
        dag_id, name: Its owner's, as in `StateOwner`.
        value: Its JSON.
        number: What says which value it is: another one has another number.
        changed_by: Who has set it: a task instance, or a person.
    """

    number: int
    dag_id: str
    name: str
    key: str
    value: bytes
    changed_at: datetime
    changed_by: str = ""


_k = state_tables.kept_state.c
_ROW = [_k[name] for name in StateValue.__struct_fields__]
_OWNED = (_k.dag_id == bindparam("of_dag"), _k.name == bindparam("of_name"))
_NAMED = (*_OWNED, _k.key == bindparam("of_key"))
VALUE: Select[Any] = select(*_ROW).where(*_NAMED)
NUMBER = select(_k.number).where(*_NAMED)
COUNT = select(func.count()).select_from(state_tables.kept_state).where(*_OWNED)


class StateStore:
    """Reads and writes state. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def value(self, owner: StateOwner, key: str) -> StateValue | None:
        """What an owner keeps under a key; None if nothing."""
        with self._database.read() as connection:
            row = connection.execute(VALUE, _given(owner, key)).one_or_none()
        return None if row is None else StateValue(*row)

    def page(
        self,
        owner: StateOwner | None = None,
        *,
        dag_id: str = "",
        dag_ids: Sequence[str] | None = None,
        assets: Sequence[str] | None = None,
        after: tuple[str, str, str] | None = None,
        limit: int = 50,
    ) -> list[StateValue]:
        """A page of what is kept, by DAG, name and key.

        Args:
            owner: Only of this one; None for all.
            dag_id: Only of the tasks of this DAG; "" for all.
            dag_ids: Of tasks, only those of these DAGs; None for all.
            assets: Of assets, only these, by URI; None for all.
            after: DAG, name and key of the last value of the page before.
            limit: Length of the page.
        """
        query = select(*_ROW).order_by(_k.dag_id, _k.name, _k.key).limit(limit)
        if owner is not None:
            query = query.where(_k.dag_id == owner.dag_id, _k.name == owner.name)
        if dag_id:
            query = query.where(_k.dag_id == dag_id)
        if dag_ids is not None:
            query = query.where(or_(_k.dag_id == "", _k.dag_id.in_(dag_ids)))
        if assets is not None:
            query = query.where(or_(_k.dag_id != "", _k.name.in_(assets)))
        if after is not None:
            query = query.where(tuple_(_k.dag_id, _k.name, _k.key) > after)
        with self._database.read() as connection:
            return [StateValue(*row) for row in connection.execute(query)]

    def put_by_try(  # noqa: PLR0913 - who, what, where, when
        self,
        asker: TaskKey,
        epoch: int,
        owner: StateOwner,
        key: str,
        value: bytes | None,
        now: datetime,
        *,
        by: str = "",
        expected: int | None = None,
    ) -> bool:
        """Keep a value for a try, or delete it if the value is None; it is durable on return.

        Args:
            asker: The try's task instance.
            epoch: The try's own.
            owner: Whose state it is.
            key: Its key.
            value: Its JSON.
            now: The present.
            by: Who sets it, for people.
            expected: Number of the value that must be there still, 0 for none; None for any.

        Returns:
            Whether it was kept: False if another value is there than was expected.

        Raises:
            SupersededError: The try is not the current one, or its instance was cleared, marked or cancelled.
            RequestError: The owner keeps too many values.
        """
        with self._writer.transaction() as tx:
            given = {"of_run": asker.run, "of_task_id": asker.task_id, "of_map_index": asker.map_index}
            row = tx.execute(STATE, given).first()
            if row is None or row.epoch != epoch or not row.state.live:
                raise SupersededError(
                    f"the try of task {asker} that sets {key!r} of {owner} is over: it was given up, cleared, marked or "
                    "cancelled, and what it does counts no more. End it."
                )
            return _put(tx, owner, key, value, now, by, expected)

    def put(self, owner: StateOwner, key: str, value: bytes | None, audit: AuditEntry) -> bool:
        """Keep a value for a person, or delete it; returns whether there was one. Raises RequestError as `put_by_try`."""
        with self._writer.transaction() as tx:
            found = tx.execute(NUMBER, _given(owner, key)).scalar()
            if value is not None or found is not None:
                _put(tx, owner, key, value, audit.at, audit.person, None)
                tx.audit(audit)
        return found is not None

    def delete_before(self, before: datetime, limit: int) -> int:
        """Delete some of what was last set before an instant; returns how many."""
        old = select(_k.number).where(_k.changed_at < before).limit(limit)
        with self._writer.transaction() as tx:
            return tx.execute(delete(state_tables.kept_state).where(_k.number.in_(old))).rowcount


def _put(
    tx: Transaction, owner: StateOwner, key: str, value: bytes | None, now: datetime, by: str, expected: int | None
) -> bool:
    tx.keep_order()  # of two that set the same, the second finds what the first has set
    found = tx.execute(NUMBER, _given(owner, key)).scalar()
    if expected is not None and expected != (found or 0):
        return False
    if value is not None and found is None and (tx.execute(COUNT, _given(owner, key)).scalar() or 0) >= MOST_STATE:
        raise RequestError(
            f"{owner} keeps {MOST_STATE:,} values, which is the most: {key!r} was not kept. "
            "Keep a dict or a list under one key, or delete others."
        )
    tx.execute(delete(state_tables.kept_state).where(_k.number == found))
    if value is not None:
        row = {**owner._asdict(), "key": key, "value": value, "changed_at": now, "changed_by": by}
        tx.execute(insert(state_tables.kept_state).values(row))
    return True


def _given(owner: StateOwner, key: str) -> Mapping[str, str]:
    return {"of_dag": owner.dag_id, "of_name": owner.name, "of_key": key}
