"""Operations on what tasks and assets keep from run to run: list, show, set, delete."""

from datetime import datetime
from typing import Any

import msgspec

from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import Permission
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.model.names import LARGEST_STATE, check_name
from penstock.model.values.value import from_plain
from penstock.service.assets.asset_access import require_of_asset, seen_assets
from penstock.service.installation import Installation
from penstock.service.names import find_dag, find_dag_state
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize
from penstock.store import StateOwner, StateValue
from penstock.tries.state_asks import checked_json


class KeptValue(msgspec.Struct, frozen=True):
    """A value that a task or an asset keeps.

    Attributes:
        dag_id, task_id: The task; "" for an asset.
        asset: The asset's URI; "" for a task.
        value: Its plain form (`penstock.model.values.value`).
        changed_by: Who has set it last.
    """

    dag_id: str
    task_id: str
    asset: str
    key: str
    value: Any
    changed_at: datetime
    changed_by: str

    def text(self) -> str:
        """The value as Python writes it."""
        return repr(from_plain(self.value))


_KEPT = PagedList("state", tuple[str, str, str])


def owner_of(installation: Installation, dag_id: str, task_id: str, asset: str) -> StateOwner:
    """Whose state is meant: a task's of a DAG, or an asset's.

    Raises:
        NotFoundError: There is no such DAG, or its present version has no such task.
        RequestError: Not exactly one is named.
    """
    if bool(asset) == bool(dag_id and task_id) or (asset and (dag_id or task_id)):
        raise RequestError("name a DAG and a task of it, or an asset.")
    if asset:
        return StateOwner("", asset)
    known = [task.task_id for task in find_dag(installation.store, dag_id).spec.tasks]
    if task_id not in known:
        raise NotFoundError(f"task of DAG {dag_id!r}", task_id, known)
    return StateOwner(dag_id, task_id)


@operation("GET", "/state", needs=Permission.VALUES_READ)
def list_state(
    installation: Installation,
    *,
    dag_id: str = "",
    task_id: str = "",
    asset: str = "",
    after: str = "",
    limit: PageSize = 50,
) -> Page[KeptValue]:
    """List a page of what is kept, by DAG, task or asset, and key.

    Args:
        installation: The installation.
        dag_id: Only of tasks of this DAG; "" for all.
        task_id: Only of this task of it; "" for all.
        asset: Only of the asset with this URI; "" for all.
        after: ``next`` of the page before; "" for the first page.
        limit: Length of the page.

    Raises:
        NotFoundError: There is no such DAG or task.
        RequestError: A task is named without its DAG, or with an asset.
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    store = installation.store
    if dag_id and not task_id and not asset:
        find_dag_state(store, dag_id)
        owner = None
    else:
        owner = owner_of(installation, dag_id, task_id, asset) if dag_id or task_id or asset else None
    if asset:
        require_of_asset(installation, Permission.VALUES_READ, asset, some=True)
    dags, assets = installation.seen_dags(Permission.VALUES_READ), seen_assets(installation, Permission.VALUES_READ)
    found = store.state_store.page(
        owner, dag_id=dag_id, dag_ids=dags, assets=assets, after=_KEPT.key(after), limit=limit + 1
    )
    chosen, end = _KEPT.cut(found, limit, lambda each: (each.dag_id, each.name, each.key))
    return Page(items=list(map(_kept, chosen)), next=end)


@operation("GET", "/state/{key}", needs=Permission.VALUES_READ)
def show_state(
    installation: Installation, key: str, *, dag_id: str = "", task_id: str = "", asset: str = ""
) -> KeptValue:
    """Show a value that a task or an asset keeps.

    Raises:
        NotFoundError: There is no such DAG, task or value.
        RequestError: Not exactly one of a task and an asset is named.
        StoreError: The database failed.
    """
    owner = owner_of(installation, dag_id, task_id, asset)
    if asset:
        require_of_asset(installation, Permission.VALUES_READ, asset, some=True)
    found = installation.store.state_store.value(owner, key)
    if found is None:
        raise _missing(installation, owner, key)
    return _kept(found)


@operation("PUT", "/state/{key}", needs=Permission.VALUES_WRITE)
def set_state(
    installation: Installation,
    key: str,
    value: str,
    *,
    dag_id: str = "",
    task_id: str = "",
    asset: str = "",
    by: AskedBy = NOBODY,
) -> None:
    """Keep a value. A try that updates it at the same time finds that out.

    Args:
        installation: The installation.
        key: Its key.
        value: Its JSON, as a text.
        dag_id: The DAG of the task whose it is.
        task_id: That task.
        asset: In place of these, the URI of the asset whose it is.
        by: Who asks, for the audit.

    Raises:
        NotFoundError: There is no such DAG or task.
        RequestError: The key is none, the value is no JSON or too large, there are too many, or not exactly one owner is named.
        StoreError: The database failed.
    """
    _put(installation, owner_of(installation, dag_id, task_id, asset), key, value, by)


@operation("DELETE", "/state/{key}", needs=Permission.VALUES_WRITE)
def delete_state(
    installation: Installation,
    key: str,
    *,
    dag_id: str = "",
    task_id: str = "",
    asset: str = "",
    by: AskedBy = NOBODY,
) -> None:
    """Delete a value that is kept.

    Raises:
        NotFoundError: There is no such DAG, task or value.
        RequestError: Not exactly one of a task and an asset is named.
        StoreError: The database failed.
    """
    _put(installation, owner_of(installation, dag_id, task_id, asset), key, None, by)


def _put(installation: Installation, owner: StateOwner, key: str, value: str | None, by: AskedBy) -> None:
    check_name("state", key)
    if not owner.dag_id:
        require_of_asset(installation, Permission.VALUES_WRITE, owner.name)
    encoded = None if value is None else checked_json(f"state {key!r}", value, LARGEST_STATE)
    what = "deleted" if encoded is None else "set"
    subject = f"{what} {key!r} of {owner}"
    entry = by.entry(installation.now(), AuditAction.STATE, owner.dag_id, subject=subject)
    if not installation.store.state_store.put(owner, key, encoded, entry) and encoded is None:
        raise _missing(installation, owner, key)


def _missing(installation: Installation, owner: StateOwner, key: str) -> NotFoundError:
    known = [each.key for each in installation.store.state_store.page(owner, limit=200)]
    return NotFoundError(f"state of {owner}", key, known, hint="See: penstock state list")


def _kept(row: StateValue) -> KeptValue:
    task_id, asset = (row.name, "") if row.dag_id else ("", row.name)
    value = msgspec.json.decode(row.value)
    return KeptValue(row.dag_id, task_id, asset, row.key, value, row.changed_at, row.changed_by)
