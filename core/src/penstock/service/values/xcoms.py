"""Operations on XComs: look at what a task has left."""

from typing import Any

import msgspec

from penstock.author.runtime import current
from penstock.model.access.permission import Permission
from penstock.model.run import Run, TaskKey, XCom
from penstock.model.values import tables
from penstock.model.values.value import TAG, Reference, from_plain, reference_in
from penstock.service.installation import Installation
from penstock.service.names import find_run, find_tasks
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize
from penstock.tries.store_runtime import StoreRuntime


class StoredXCom(msgspec.Struct, frozen=True):
    """A value that a task instance has left for others.

    Attributes:
        task: The instance, as tables show it.
        key: The value's key.
        length: Number of elements if it is a list, a tuple or a dict.
        size: Bytes of its JSON, or of that of the reference to it.
        value: Its plain form (`penstock.model.values.value`); None if it was not read from the object store.
        url: Where it lies in the object store; "" if it is in the database. Of a file, for who may not read the installation: its
            path within the folder of values alone.
    """

    task: str
    key: str
    length: int | None
    size: int
    value: Any
    url: str = ""

    def text(self) -> str:
        """The value as Python writes it, or where it is; an instance of a class is shown by its name and fields."""
        return f"at {self.url}" if self.url and self.value is None else repr(_shown(from_plain(self.value)))


class _Plain(str):
    """What stands for a value whose class is not imported here."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _shown(value: Any) -> Any:  # noqa: ANN401 - any value
    """The value with a stand-in in place of each instance of a class and of each table, which only tasks make again."""
    match value:
        case {"$penstock": "instance", "value": [str(name), dict(fields)]}:
            inside = ", ".join(f"{field}={_shown(each)!r}" for field, each in fields.items())
            return _Plain(f"{name.rpartition(':')[2]}({inside})")
        case {"$penstock": str(tag), "value": str(data)} if tag in tables.TAGS:
            return _Plain(f"<{tag}, {len(data) * 3 // 4:,} bytes>")
        case list() | tuple():
            return type(value)(map(_shown, value))
        case dict():
            return {key: _shown(each) for key, each in value.items()}
    return value


class XComPage(Page[StoredXCom], frozen=True, kw_only=True):
    """Some of the values that a task has left in a run, by map index and key."""

    run: Run


_XCOMS = PagedList("XComs of a task", tuple[int, str])


@operation("GET", "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/xcoms", needs=Permission.VALUES_READ)
def list_xcoms(  # noqa: PLR0913 - one argument an option
    installation: Installation,
    dag_id: str,
    task_id: str,
    *,
    run_id: str = "",
    map_index: int | None = None,
    key: str = "",
    after: str = "",
    limit: PageSize = 50,
) -> XComPage:
    """List what a task has left for others, by map index and key.

    Args:
        installation: The installation.
        dag_id: Of the DAG.
        task_id: Of the task.
        run_id: The run; the newest of the DAG if it is empty.
        map_index: One instance of a mapped task; all unless given.
        key: The values under one key, large ones read from the object store; all, and those not read, unless given.
        after: ``next`` of the page before; "" for the first page.
        limit: Length of the page.

    Raises:
        NotFoundError: There is no such DAG, run, task or instance.
        RequestError: The run has not started.
        PageError: No page ended with ``after``.
        ProviderError: The object store cannot be asked, or does not have a value any more.
        StoreError: The database failed.
    """
    store = installation.store
    run = find_run(store, dag_id, run_id)
    find_tasks(store, run, task_id, map_index)
    of = f"{run.run} {task_id}"
    behind = _XCOMS.key(after, of)
    found = store.xcoms.of_task(run.run, task_id, map_index=map_index, key=key, after=behind, limit=limit + 1)
    chosen, end = _XCOMS.cut(found, limit, lambda each: (each.map_index, each.key), of)
    return XComPage(items=[_left(installation, each, whole=bool(key)) for each in chosen], next=end, run=run)


def _left(installation: Installation, xcom: XCom, *, whole: bool) -> StoredXCom:
    plain = msgspec.json.decode(xcom.value)
    reference = reference_in(plain)
    task, url = str(TaskKey(xcom.run, xcom.task_id, xcom.map_index)), ""
    if reference is not None:
        plain, url = _read(installation, reference) if whole else None, _shown_url(installation, reference.url)
    return StoredXCom(task, xcom.key, xcom.length, len(xcom.value), plain, url)


def _shown_url(installation: Installation, url: str) -> str:
    """A URL for whoever asks: folders of a machine are for who may read the installation."""
    if not url.startswith("file:") or installation.may(Permission.INSTALLATION_READ):
        return url
    within = url.removeprefix(f"{installation.settings.values_url.rstrip('/')}/")
    return within if within != url else "/".join(url.split("/")[-2:])  # the folder has been another one


def _read(installation: Installation, reference: Reference) -> Any:  # noqa: ANN401 - JSON
    token = current.set(StoreRuntime(installation.vault))
    try:
        store = installation.host.object_store(reference.url, reference.conn_id or None)
        parts = [msgspec.json.decode(store.read(url)) for url in reference.urls()]
    finally:
        current.reset(token)
    if not reference.parts:
        return parts[0]
    elements = [each for part in parts for each in part]
    if reference.form == "list":
        return elements
    # Each element of a dict is a pair, which is a tuple.
    value = elements if reference.form == "tuple" else [pair["value"] for pair in elements]
    return {TAG: reference.form, "value": value}
