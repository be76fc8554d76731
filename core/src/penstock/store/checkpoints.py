"""What task instances keep across their own tries; every read and write is fenced by the try that asks."""

from sqlalchemy import Select, and_, bindparam, delete, func, select

from penstock.errors import RequestError, SupersededError
from penstock.model.names import MOST_CHECKPOINTS
from penstock.model.run import TaskKey
from penstock.store.sql import tables
from penstock.store.sql.database import Database
from penstock.store.transaction import Writer

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
OTHERS = select(func.count()).select_from(tables.checkpoint).where(*_NAMED, _c.key != bindparam("name"))
DELETE = delete(tables.checkpoint).where(*_NAMED, _c.key == bindparam("name"))


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

    def put(self, key: TaskKey, epoch: int, name: str, value: bytes | None) -> None:
        """Keep the JSON of a checkpoint, or delete it if the value is None; it is durable on return.

        Raises:
            SupersededError: This try is not the current one, or its instance was cleared, marked or cancelled.
            RequestError: The instance has too many checkpoints.
        """
        given = {**_given(key), "name": name}
        with self._writer.transaction() as tx:
            row = tx.execute(STATE, _given(key)).first()
            if row is None or row.epoch != epoch or not row.state.live:
                raise _over(key, name)
            if value is None:
                tx.execute(DELETE, given)
                return
            if (tx.execute(OTHERS, given).scalar() or 0) >= MOST_CHECKPOINTS:
                raise RequestError(
                    f"task {key} has {MOST_CHECKPOINTS} checkpoints, which is the most: {name!r} was not kept. "
                    "Keep a dict or a list under one key."
                )
            row_values = dict(zip(_KEY, key, strict=True))
            tx.replace(tables.checkpoint, [{**row_values, "key": name, "value": value}])


def _given(key: TaskKey) -> dict[str, int | str]:
    return {"of_run": key.run, "of_task_id": key.task_id, "of_map_index": key.map_index}


def _over(key: TaskKey, name: str) -> SupersededError:
    return SupersededError(
        f"the try of task {key} that asks for its checkpoint {name!r} is over: it was given up, cleared, marked or cancelled, "
        "and what it does counts no more. End it."
    )
