"""Finds DAGs, tasks and runs by a part of their ids; each look is bounded, whatever is stored."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, func, select

from penstock.decoders import json_decoder
from penstock.model.names import LONGEST_NAME
from penstock.model.state import RunState
from penstock.store.sql import tables
from penstock.store.sql.database import Database

NEWEST_RUNS = 20_000
"""Runs of which a part of the id is enough; an older one is found by its whole id."""

_d, _v, _s, _r = tables.dag.c, tables.dag_version.c, tables.dag_spec.c, tables.run.c

RunFound = tuple[int, str, str, RunState, datetime]
"""Number of a run, its DAG, id and state, and when it was made."""

_RUN = (_r.run, _r.dag_id, _r.run_id, _r.state, _r.created_at)


class _Task(msgspec.Struct):
    task_id: str


class _Tasks(msgspec.Struct):
    tasks: tuple[_Task, ...] = ()


_STRUCTURE = json_decoder(_Tasks)


class Search:
    """Finds by a part of an id, in any case of letters. Every method raises StoreError if the database cannot serve.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def dags(self, text: str, limit: int, among: Collection[str] | None) -> list[str]:
        """Ids of DAGs that a file defines, by id.

        Args:
            text: Part of the id.
            limit: How many at most.
            among: The only DAGs that are looked at; None for all.
        """
        if _impossible(text):
            return []
        query = select(_d.dag_id).where(_d.active, _d.dag_id.icontains(text, autoescape=True))
        if among is not None:
            query = query.where(_d.dag_id.in_(among))
        with self._database.read() as connection:
            return list(connection.execute(query.order_by(_d.dag_id).limit(limit)).scalars())

    def tasks(self, text: str, limit: int, among: Collection[str] | None) -> list[tuple[str, str]]:
        """DAGs and ids of their tasks, in the versions that new runs have; arguments as of `dags`."""
        if _impossible(text):
            return []
        query = (
            select(_d.dag_id, _s.data)
            .join_from(tables.dag, tables.dag_version, _v.version == _d.version)
            .join(tables.dag_spec, _s.spec == _v.spec)
            .where(_d.active)
            .order_by(_d.dag_id)
        )
        if among is not None:
            query = query.where(_d.dag_id.in_(among))
        found: list[tuple[str, str]] = []
        sought = text.lower()
        with self._database.read() as connection:
            for name, data in connection.execute(query):
                found += [
                    (name, each.task_id) for each in _STRUCTURE.decode(data).tasks if sought in each.task_id.lower()
                ]
                if len(found) >= limit:
                    break
        return found[:limit]

    def runs(self, text: str, limit: int, among: Collection[str] | None, dag_id: str = "") -> list[RunFound]:
        """Runs, newest first: those of this id, and of the newest ones those with it as a part.

        Args:
            text: Part of the id.
            limit: How many at most.
            among: The only DAGs that are looked at; None for all.
            dag_id: Only runs of this DAG; "" for all.
        """
        if _impossible(text):
            return []
        # The newest runs are a piece of the primary key, or of the index of a DAG's runs; one id in a DAG is found by its own.
        newest = select(_r.run).order_by(_r.run.desc()).limit(1).offset(NEWEST_RUNS)
        if dag_id:
            newest = newest.where(_r.dag_id == dag_id)
        first = func.coalesce(newest.scalar_subquery(), 0)
        recent = select(*_RUN).where(_r.run > first, _r.run_id.icontains(text, autoescape=True))
        exact = select(*_RUN).join_from(tables.dag, tables.run, (_r.dag_id == _d.dag_id) & (_r.run_id == text))
        found: dict[int, RunFound] = {}
        with self._database.read() as connection:
            for query in (recent, exact):
                limited = _among(query, dag_id, among).order_by(_r.run.desc()).limit(limit)
                for row in connection.execute(limited):
                    found[row.run] = (row.run, row.dag_id, row.run_id, row.state, row.created_at)
        return [found[number] for number in sorted(found, reverse=True)][:limit]


def _among(query: Select[Any], dag_id: str, among: Collection[str] | None) -> Select[Any]:
    if dag_id:
        query = query.where(_r.dag_id == dag_id)
    return query if among is None else query.where(_r.dag_id.in_(among))


def _impossible(text: str) -> bool:
    return len(text) > LONGEST_NAME or "\0" in text
