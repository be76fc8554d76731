"""The list of DAGs, page by page: what is listed is found among ids and labels, and no more is read than is shown."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from threading import Lock
from typing import Any

import msgspec
from sqlalchemy import BindParameter, ColumnElement, Connection, Row, Select, bindparam, select

from penstock.model.names import LONGEST_NAME
from penstock.model.state import RunState
from penstock.store.dags import RUN_COUNTS, DagRow, counts_by_dag, planned_runs
from penstock.store.sql import tables
from penstock.store.sql.database import Database
from penstock.store.views.dag_head import DagHead, head_from_json, head_of

HEADS_IN_MEMORY = 20_000

_d, _v, _s, _r = tables.dag.c, tables.dag_version.c, tables.dag_spec.c, tables.run.c
_CHOSEN: BindParameter[Any] = bindparam("chosen", expanding=True)
NAMES: Select[Any] = (
    select(_d.dag_id, _v.spec).join_from(tables.dag, tables.dag_version, _v.version == _d.version).order_by(_d.dag_id)
)
NEWEST_STATE: ColumnElement[Any] = (
    select(_r.state)
    .where(_r.dag_id == _d.dag_id)
    .order_by(_r.run.desc())
    .limit(1)
    .correlate(tables.dag)
    .scalar_subquery()
)
CHOSEN: Select[Any] = (
    select(*tables.dag.c, _v.spec)
    .join_from(tables.dag, tables.dag_version, _v.version == _d.version)
    .where(_d.dag_id.in_(_CHOSEN))
    .order_by(_d.dag_id)
)
RUN_COUNTS_OF_CHOSEN = RUN_COUNTS.where(_r.dag_id.in_(_CHOSEN))
SPECS = select(_s.spec, _s.data).where(_s.spec.in_(_CHOSEN))


class DagChoice(msgspec.Struct, frozen=True):
    """Which DAGs are listed.

    Attributes:
        search: Part of the id, in any case; "" for any.
        tag: A tag that they have; "" for any.
        owner: One of their owners; "" for any.
        paused: Whether they are paused; None for either.
        state: The state of their newest run; None for any.
        retired: Whether those are listed, too, that no file defines any more.
    """

    search: str = ""
    tag: str = ""
    owner: str = ""
    paused: bool | None = None
    state: RunState | None = None
    retired: bool = False


class ListedDag(msgspec.Struct, frozen=True):
    """A DAG as a list shows it; its attributes as in `penstock.store.dags.DagRow`, the head of its structure in place of that."""

    dag_id: str
    file: str
    paused: bool
    active: bool
    cursor: datetime | None
    head: DagHead
    runs: dict[RunState, int]


class DagList:
    """Reads pages of DAGs. Every method raises StoreError if the database cannot serve.

    The structure of a DAG is stored under its content hash: what was read of it once stays true, and its head is kept in memory.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._heads: OrderedDict[str, DagHead] = OrderedDict()
        self._lock = Lock()

    def page(
        self,
        choice: DagChoice,
        *,
        seen: Callable[[str, Collection[str]], bool] | None = None,
        after: str = "",
        limit: int = 50,
    ) -> list[ListedDag]:
        """A page of DAGs by id.

        Args:
            choice: Which ones.
            seen: Tells by id and tags which may be seen; None for all.
            after: The last id of the page before.
            limit: Length of the page.
        """
        if len(choice.search) > LONGEST_NAME or "\0" in choice.search:
            return []  # no id holds it, and neither database looks for it
        query = _chosen(choice).where(_d.dag_id > after)
        by_label = bool(choice.tag or choice.owner or seen)
        with self._database.read() as connection:
            found = connection.execute(query if by_label else query.limit(limit)).all()
            if by_label:
                found = self._labelled(connection, found, choice, seen)[:limit]
            given = {"chosen": [row.dag_id for row in found]}
            rows = connection.execute(CHOSEN, given).all()
            counts = counts_by_dag(connection.execute(RUN_COUNTS_OF_CHOSEN, given))
            heads = self._of(connection, {row.spec for row in rows})
        return [_listed(row, heads[row.spec], counts.get(row.dag_id, {})) for row in rows]

    def tagged(self) -> list[tuple[str, tuple[str, ...]]]:
        """Every DAG, retired ones included, with its tags."""
        with self._database.read() as connection:
            found = connection.execute(NAMES).all()
            heads = self._of(connection, {row.spec for row in found})
        return [(row.dag_id, heads[row.spec].tags) for row in found]

    def _labelled(
        self,
        connection: Connection,
        found: Iterable[Row[Any]],
        choice: DagChoice,
        seen: Callable[[str, Collection[str]], bool] | None,
    ) -> list[Row[Any]]:
        rows = list(found)
        heads = self._of(connection, {row.spec for row in rows})
        chosen = []
        for row in rows:
            has = heads[row.spec]
            if (choice.tag and choice.tag not in has.tags) or (choice.owner and choice.owner not in has.owners):
                continue
            if seen is None or seen(row.dag_id, has.tags):
                chosen.append(row)
        return chosen

    def _of(self, connection: Connection, specs: set[str]) -> dict[str, DagHead]:
        with self._lock:
            known = {spec: self._heads[spec] for spec in specs if spec in self._heads}
        missing = sorted(specs - known.keys())
        for start in range(0, len(missing), 500):
            rows = connection.execute(SPECS, {"chosen": missing[start : start + 500]})
            known |= {spec: head_from_json(data) for spec, data in rows}
        with self._lock:
            for spec in missing:
                self._heads[spec] = known[spec]
            while len(self._heads) > HEADS_IN_MEMORY:
                self._heads.popitem(last=False)
        return known


def _chosen(choice: DagChoice) -> Select[Any]:
    query = NAMES
    if choice.search:
        query = query.where(_d.dag_id.icontains(choice.search, autoescape=True))
    if not choice.retired:
        query = query.where(_d.active)
    if choice.paused is not None:
        query = query.where(_d.paused == choice.paused)
    if choice.state is not None:
        query = query.where(NEWEST_STATE.in_([choice.state]))
    return query


def listed(row: DagRow) -> ListedDag:
    """A DAG that was read whole, as a list shows it."""
    return ListedDag(row.dag_id, row.file, row.paused, row.active, row.cursor, head_of(row.spec), row.runs)


def _listed(row: Row[Any], head: DagHead, runs: dict[RunState, int]) -> ListedDag:
    if row.planned is not None:
        head = msgspec.structs.replace(head, schedule=planned_runs(head.schedule, row.planned))
    return ListedDag(row.dag_id, row.file, row.paused, row.active, row.cursor, head, runs)
