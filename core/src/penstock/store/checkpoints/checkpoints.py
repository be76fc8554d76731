"""What task instances keep across their own tries; every read and write is fenced by the try that asks."""

from typing import NamedTuple

import msgspec
from sqlalchemy import Select, and_, bindparam, delete, func, select

from penstock.decoders import decode_json
from penstock.errors import RequestError, SupersededError
from penstock.model.names import LARGEST_STEPS, MOST_CHECKPOINTS, MOST_STEPS, OWN_CHECKPOINTS, STEP, STEP_COUNT
from penstock.model.run import TaskKey
from penstock.store.sql import tables
from penstock.store.sql.database import Database
from penstock.store.transaction import Transaction, Writer

_c, _a, _t = tables.checkpoint.c, tables.attempt.c, tables.task_instance.c
_KEY = TaskKey._fields
_NAMED = [column == bindparam(f"of_{column.name}") for column in (_c.run, _c.task_id, _c.map_index)]

VALUE: Select[tuple[bytes | None]] = (
    select(_c.value)
    .select_from(tables.attempt)
    .outerjoin(
        tables.checkpoint,
        and_(*(_c[name] == _a[name] for name in _KEY), _c.key == bindparam("name")),
    )
    # A try that was cleared or cancelled has no outcome before it has answered: it may look, to clean up after itself.
    .where(
        *(_a[name] == bindparam(f"of_{name}") for name in _KEY),
        _a.epoch == bindparam("of_epoch"),
        _a.outcome.is_(None),
    )
)
STATE = select(_t.state, _t.epoch).where(*(_t[name] == bindparam(f"of_{name}") for name in _KEY))
OTHERS = (
    select(func.count())
    .select_from(tables.checkpoint)
    .where(*_NAMED, _c.key != bindparam("name"), _c.key.not_like(f"{OWN_CHECKPOINTS}%"))
)
SIZE = select(func.length(_c.value)).where(*_NAMED, _c.key == bindparam("name"))
KEPT = select(_c.value).where(*_NAMED, _c.key == bindparam("name"))
COUNTS = select(_c.map_index, _c.value).where(*_NAMED[:2], _c.key == STEP_COUNT)
DELETE = delete(tables.checkpoint).where(*_NAMED, _c.key == bindparam("name"))


class _StepUsage(NamedTuple):
    """How many steps a task instance has kept, and the bytes of their JSON: to count them anew would cost all of them each time."""

    steps: int = 0
    size: int = 0


class Checkpoints:
    """Reads and writes checkpoints. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def value(self, key: TaskKey, epoch: int, name: str) -> bytes | None:
        """The JSON of a checkpoint, None if there is none; raises SupersededError unless this try is open."""
        with self._database.read() as connection:
            row = connection.execute(VALUE, {**_given(key), "of_epoch": epoch, "name": name}).first()
        if row is None:
            raise _over(key, name)
        found: bytes | None = row.value
        return found

    def steps_done(self, run: int, task_id: str) -> dict[int, int]:
        """How many steps the instances of a task have done, by map index; one that has done none is absent."""
        with self._database.read() as connection:
            rows = connection.execute(COUNTS, {"of_run": run, "of_task_id": task_id}).all()
        return {index: decode_json(value, _StepUsage).steps for index, value in rows}

    def put(self, key: TaskKey, epoch: int, name: str, value: bytes | None) -> None:
        """Keep the JSON of a checkpoint, or delete it if the value is None; it is durable on return.

        Raises:
            SupersededError: This try is not the current one, or its instance was cleared, marked or cancelled.
            RequestError: The instance has too many checkpoints, or steps.
        """
        given = {**_given(key), "name": name}
        with self._writer.transaction() as tx:
            row = tx.execute(STATE, _given(key)).first()
            if row is None or row.epoch != epoch or not row.state.live:
                raise _over(key, name)
            if value is None:
                tx.execute(DELETE, given)
                return
            if name.startswith(STEP):
                _replace(tx, key, STEP_COUNT, _counted(tx, key, name, len(value)))
            elif not name.startswith(OWN_CHECKPOINTS) and (tx.execute(OTHERS, given).scalar() or 0) >= MOST_CHECKPOINTS:
                raise RequestError(
                    f"task {key} has {MOST_CHECKPOINTS} checkpoints, which is the most: {name!r} was not kept. "
                    "Keep a dict or a list under one key."
                )
            _replace(tx, key, name, value)


def _counted(tx: Transaction, key: TaskKey, name: str, size: int) -> bytes:
    """The number and the size of an instance's steps with this one; raises RequestError if they are too many."""
    stored = tx.execute(KEPT, {**_given(key), "name": STEP_COUNT}).scalar()
    before = _StepUsage() if stored is None else decode_json(stored, _StepUsage)
    old = tx.execute(SIZE, {**_given(key), "name": name}).scalar()
    after = _StepUsage(before.steps + (old is None), before.size + size - (old or 0))
    if after.steps > MOST_STEPS or after.size > LARGEST_STEPS:
        has = f"{before.steps:,} steps, of {before.size:,} bytes"
        raise RequestError(
            f"task {key} has kept {has}: step {name.removeprefix(STEP)!r} was not kept, for {MOST_STEPS:,} steps and "
            f"{LARGEST_STEPS:,} bytes are the most. Make a step of several, or map the task."
        )
    return msgspec.json.encode(after)


def _replace(tx: Transaction, key: TaskKey, name: str, value: bytes) -> None:
    tx.replace(tables.checkpoint, [{**dict(zip(_KEY, key, strict=True)), "key": name, "value": value}])


def _given(key: TaskKey) -> dict[str, int | str]:
    return {"of_run": key.run, "of_task_id": key.task_id, "of_map_index": key.map_index}


def _over(key: TaskKey, name: str) -> SupersededError:
    return SupersededError(
        f"the try of task {key} that asks for its checkpoint {name!r} is over: it was given up, cleared, marked or cancelled, "
        "and what it does counts no more. End it."
    )
