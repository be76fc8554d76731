"""Operations on the versions of a DAG: list them, and tell how two of them differ."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import Permission
from penstock.model.dag import DagSpec
from penstock.service.history.seen_files import seen_files
from penstock.service.installation import Installation
from penstock.service.names import find_dag_state
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize
from penstock.store import StoredVersion, Version

SHOWN = 12
"""Digits of a version that tables show."""
# What names a part, what is compared by itself, and what an edit above it moves.
_NOT_COMPARED = frozenset({"dag_id", "tasks", "task_id", "line"})

Part = Literal["DAG", "task", "file", "Variable"]


class DagVersion(msgspec.Struct, frozen=True):
    """One line of the list of versions.

    Attributes:
        present: Whether new runs begin with it.
    """

    version: str
    stored_at: datetime
    present: bool


class VersionDifference(msgspec.Struct, frozen=True):
    """One thing in which two versions differ.

    Attributes:
        part: What kind of thing it is.
        name: Id of the task, path of the file, or key of the Variable; "" for the DAG itself.
        field: Which setting of the DAG or of the task; "" for what was added or removed as a whole, and for content.
        change: ``added``, ``removed`` or ``changed``.
        before, after: The setting's values; None where there is none, and for content and Variables, which may be secret.
    """

    part: Part
    name: str
    field: str
    change: Literal["added", "removed", "changed"]
    before: Any = None
    after: Any = None


class VersionDiff(msgspec.Struct, frozen=True):
    """How two versions of a DAG differ.

    Attributes:
        note: Why the files are not compared; "" if they are.
    """

    dag_id: str
    before: str
    after: str
    differences: list[VersionDifference]
    note: str = ""


_VERSIONS = PagedList("versions of a DAG", tuple[datetime, str])


@operation("GET", "/dags/{dag_id}/versions", needs=Permission.DAGS_READ)
def list_versions(
    installation: Installation, dag_id: str, *, after: str = "", limit: PageSize = 50
) -> Page[DagVersion]:
    """List a page of the stored versions of a DAG, newest first.

    Raises:
        NotFoundError: There is no such DAG.
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    present = find_dag_state(installation.store, dag_id).version
    found = installation.store.versions.of(dag_id, after=_VERSIONS.key(after, dag_id), limit=limit + 1)
    versions = [DagVersion(each.version, each.created_at, each.version == present) for each in found]
    return _VERSIONS.page(versions, limit, lambda each: (each.stored_at, each.version), dag_id)


@operation("GET", "/dags/{dag_id}/diff", needs=Permission.DAGS_READ)
def diff_versions(installation: Installation, dag_id: str, before: str = "", after: str = "") -> VersionDiff:
    """Tell how two versions of a DAG differ: its settings, its tasks, its files, and its Variables by their keys.

    Args:
        installation: The installation.
        dag_id: The DAG.
        before: The first digits of a version; the newest beside the other one if it is empty.
        after: Likewise; the present version if it is empty.

    Raises:
        NotFoundError: There is no such DAG or version.
        RequestError: The digits fit several versions, or there is no version to compare with.
        StoreError: The database failed.
    """
    store = installation.store
    present = find_dag_state(store, dag_id).version
    known = store.versions.of(dag_id)
    new = _chosen(dag_id, known, after) if after else present
    if before:
        old = _chosen(dag_id, known, before)
    else:
        others = [each.version for each in known if each.version != new]
        if not others:
            raise RequestError(
                f"DAG {dag_id!r} has only one version, {new[:SHOWN]}: there is nothing to compare it with."
            )
        old = others[0]
    first, second = _read(installation, dag_id, old), _read(installation, dag_id, new)
    differences = [*_of_dag(first.spec, second.spec), *_of_content("Variable", first.variables, second.variables)]
    if not installation.may(Permission.CODE_READ, dag_id):
        note = f"files are named to whoever may read the code of the DAG ({Permission.CODE_READ}), so they are not compared"
        return VersionDiff(dag_id, old, new, differences, note)
    files = [seen_files(installation, dag_id, each) for each in (first, second)]
    if files[0] is None or files[1] is None:
        gone = old if files[0] is None else new
        note = f"the files of version {gone[:SHOWN]} are not kept any more, so files are not compared"
        return VersionDiff(dag_id, old, new, differences, note)
    return VersionDiff(dag_id, old, new, [*differences, *_of_content("file", files[0], files[1])])


def read_version(installation: Installation, dag_id: str, digits: str = "") -> Version:
    """A version of a DAG by its first digits, the present one if they are empty.

    Raises:
        NotFoundError: There is no such DAG or version.
        RequestError: The digits fit several versions.
        StoreError: The database failed.
    """
    present = find_dag_state(installation.store, dag_id).version
    version = _chosen(dag_id, installation.store.versions.of(dag_id), digits) if digits else present
    return _read(installation, dag_id, version)


def _chosen(dag_id: str, known: list[StoredVersion], digits: str) -> str:
    found = [each.version for each in known if each.version.startswith(digits)]
    if len(found) == 1:
        return found[0]
    if found:
        raise RequestError(f"{len(found)} versions of DAG {dag_id!r} begin with {digits!r}. Write more digits.")
    raise NotFoundError(f"version of DAG {dag_id!r}", digits, hint=f"See: penstock dags versions {dag_id}")


def _read(installation: Installation, dag_id: str, version: str) -> Version:
    found = installation.store.versions.get(version)
    if found is None:  # retention was faster
        raise NotFoundError(f"version of DAG {dag_id!r}", version[:SHOWN], hint=f"See: penstock dags versions {dag_id}")
    return found


def _of_dag(before: DagSpec, after: DagSpec) -> Iterator[VersionDifference]:
    yield from _of_fields("DAG", "", before, after)
    old, new = ({task.task_id: task for task in dag.tasks} for dag in (before, after))
    yield from _of_names("task", old, new)
    for task_id in sorted(old.keys() & new.keys()):
        yield from _of_fields("task", task_id, old[task_id], new[task_id])


def _of_fields(part: Part, name: str, before: msgspec.Struct, after: msgspec.Struct) -> Iterator[VersionDifference]:
    for field in before.__struct_fields__:
        old, new = getattr(before, field), getattr(after, field)
        if field not in _NOT_COMPARED and old != new:
            yield VersionDifference(part, name, field, "changed", msgspec.to_builtins(old), msgspec.to_builtins(new))


def _of_content(part: Part, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[VersionDifference]:
    yield from _of_names(part, before, after)
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            yield VersionDifference(part, name, "", "changed")


def _of_names(part: Part, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[VersionDifference]:
    for name in sorted(before.keys() ^ after.keys()):
        yield VersionDifference(part, name, "", "added" if name in after else "removed")
