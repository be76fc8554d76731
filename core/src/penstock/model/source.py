"""DAG files as the loader found them: what their import read, what it gave, and what was wrong."""

from datetime import datetime

import msgspec

from penstock.model.dag import DagSpec


class KnownFile(msgspec.Struct, frozen=True):
    """What the catalog remembers of a DAG file's last import, whether it went well or not.

    Attributes:
        file: Path relative to the DAGs folder, with ``/``.
        sources: Content hash of every file of the folder that the import read, itself included, by relative path.
        variables: Each Variable that the import read, with its value then; None for one that did not exist.
        refresh_s: Seconds after which the file asked to be imported again; None for never.
        parsed_at: When it was imported.
        dag_ids: DAGs that the file owns: those of its last good version.
        problems: Why the last import was no good; empty if it was.
    """

    file: str
    sources: dict[str, str]
    variables: dict[str, str | None]
    refresh_s: float | None
    parsed_at: datetime
    dag_ids: tuple[str, ...]
    problems: tuple[str, ...]


class ParsedFile(msgspec.Struct, frozen=True):
    """What one import of a DAG file gave.

    Attributes:
        snapshot: Hash of the folder's snapshot in which it was imported, and in which its runs run.
        dags: The DAGs it defines; they count only if there are no problems.
        duration_s: Wall time of the import in seconds.

    The other attributes are those of `KnownFile`.
    """

    file: str
    snapshot: str
    sources: dict[str, str]
    variables: dict[str, str | None]
    refresh_s: float | None
    parsed_at: datetime
    duration_s: float
    dags: tuple[DagSpec, ...] = ()
    problems: tuple[str, ...] = ()
