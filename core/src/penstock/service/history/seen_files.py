"""Which files may be named to whoever asks: a file is named with the code of the DAGs that it defines."""

from penstock.model.access.permission import Permission
from penstock.service.installation import Installation
from penstock.service.names import find_dag_state
from penstock.spec.archives.listed_archives import LIST, listed_files
from penstock.store import Version


def readable_files(installation: Installation) -> set[str] | None:
    """The DAG files that may be named; None for all there are. Raises StoreError.

    Those are the ones all of whose DAGs, or if they define none any more their last ones, may be read as code. One that says nothing of its
    DAGs, as a file that never was imported, may be anybody's.
    """
    readable = installation.seen_dags(Permission.CODE_READ)
    if readable is None:
        return None
    dags = installation.store.dags
    owners = {**dags.by_file(retired=True), **dags.by_file()}
    return {file for file, dag_ids in owners.items() if dag_ids.issubset(readable)}


def may_name_file(installation: Installation, file: str) -> bool:
    """Whether `readable_files` has a file, at the cost of that one; raises StoreError."""
    dags = installation.store.dags
    owners = dags.by_file(file=file) or dags.by_file(file=file, retired=True)
    return any(owners.values()) and all(installation.may(Permission.CODE_READ, each) for each in owners[file])


def seen_files(installation: Installation, dag_id: str, version: Version) -> dict[str, str] | None:
    """The files of a version of a DAG that may be shown to whoever may read its code: the content hash of each by its path.

    A file that defines DAGs whose code may not be read is left out; a module belongs to whoever imports it. Of an older version, a
    file is left out, too, that has no owner by now: neither a DAG whose code may be read, nor the DAG's present version.

    Returns:
        None if the files are not kept on this machine any more.

    Raises:
        NotFoundError: There is no such DAG.
        StoreError: The database failed.
    """
    found, readable = _files(installation, version), readable_files(installation)
    if found is None or readable is None:
        return found
    owned = set(installation.store.dags.by_file(retired=True))
    present = find_dag_state(installation.store, dag_id).version
    if version.version != present:
        now = installation.store.versions.get(present)
        own = (_files(installation, now) or {}) if now is not None else {}
        found = {name: each for name, each in found.items() if name in own or name in owned or name == version.file}
    return {name: each for name, each in found.items() if name not in owned - readable or name == version.file}


def _files(installation: Installation, version: Version) -> dict[str, str] | None:
    folder = installation.settings.state_folder / "snapshots" / version.snapshot
    try:
        return {name: found for found, name in listed_files((folder / LIST).read_bytes())}
    except (OSError, ValueError):
        return None
