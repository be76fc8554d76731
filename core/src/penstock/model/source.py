"""DAG files as their last import found them."""

from datetime import datetime

import msgspec

from penstock.model.dag import DagSpec
from penstock.model.schedule import PlannedRun


class ParsedFile(msgspec.Struct, frozen=True):
    """One import of a DAG file: what it read, what it gave, and what was wrong.

    Attributes:
        file: Path relative to the DAGs folder, with ``/``.
        snapshot: Hash of the snapshot of its closure, in which its runs run; until the loader knows it, that of the folder.
        sources: Content hash of every file of the folder that the import read, itself included, by relative path; that of its
            names for a folder that the import listed, whose path ends with ``/``.
        variables: Each Variable that the import read, with its value then; None for one that did not exist.
        refresh_s: Seconds after which the file asked to be imported again; None for never.
        parsed_at: When its import was asked for.
        duration_s: Wall time of the import in seconds.
        dags: The DAGs it defines; they count only if there are no problems. Empty once the file is stored.
        problems: Why the import was no good; empty if it was.
        notes: What its author should know although the import was good; it stops nothing.
        dag_ids: DAGs that the file owns: those of its last good version. Known once the file is stored.
        output: What the file printed while it was imported.
        planned: Upcoming runs of each DAG whose timetable is code.
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
    notes: tuple[str, ...] = ()
    dag_ids: tuple[str, ...] = ()
    output: str = ""
    planned: dict[str, tuple[PlannedRun, ...]] = {}


class FileProblems(msgspec.Struct, frozen=True):
    """What the last import of a DAG file has to say to its author, each a sentence with file and line.

    Attributes:
        problems: Why the import was no good; the file's DAGs stay as they were.
        notes: What stops nothing, and should be known.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]
