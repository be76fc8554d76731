"""What is kept of logs so that lines of them are found: where they are, never what they say."""

from datetime import datetime
from typing import NamedTuple

CHUNK_LINES = 60
"""Lines of a chunk."""

CHUNK_BYTES = 1 << 16
"""Bytes of a chunk, beyond which it takes no further line."""


class LogSubject(NamedTuple):
    """Whose log it is.

    Attributes:
        run: The run's number.
        task_id: The task.
        map_index: The instance.
        epoch: The dispatch.
        dag_id: The DAG.
        run_id: The run's id.
    """

    run: int
    task_id: str
    map_index: int
    epoch: int
    dag_id: str
    run_id: str


class LogPosition(NamedTuple):
    """How far a log is indexed.

    Attributes:
        offset: The byte up to which it is.
        level: What was logged last before it: how grave, as a number.
        at: And when; None if nothing was.
    """

    offset: int = 0
    level: int = 0
    at: datetime | None = None


class IndexedChunk(NamedTuple):
    """Some lines that stand one after the other.

    Attributes:
        start: The byte of the log at which they begin.
        length: Their bytes.
        level: How grave what was logged before them is: printed lines at their beginning belong to it.
        at: When that was logged; for want of it, when the log had last grown.
        top: How grave the gravest of them is.
        first: The earliest instant of them.
        last: The latest one.
        words: The words in them.
    """

    start: int
    length: int
    level: int
    at: datetime
    top: int
    first: datetime
    last: datetime
    words: frozenset[str]


class IndexedPart(NamedTuple):
    """What a log has grown by.

    Attributes:
        subject: Whose log it is.
        before: How far it was indexed.
        after: How far it is with these chunks.
        chunks: What is between; nothing for what is passed over.
    """

    subject: LogSubject
    before: LogPosition
    after: LogPosition
    chunks: tuple[IndexedChunk, ...]


class LogFilter(NamedTuple):
    """Which logs are searched.

    Attributes:
        dags: Ids of the DAGs; None for all of them.
        task_id: The task; "" for all.
        level: How grave lines must be, as a number.
        since: Only lines from this instant on.
        until: Only lines before this one.
    """

    dags: tuple[str, ...] | None = None
    task_id: str = ""
    level: int = 0
    since: datetime | None = None
    until: datetime | None = None


class ChunkPlace(NamedTuple):
    """Where a chunk stands in the index; the greater, the newer.

    Attributes:
        period: The number of the period in which it was indexed.
        chunk: Its number there.
    """

    period: int
    chunk: int


class FoundChunk(NamedTuple):
    """A chunk in which all words of a search are.

    Attributes:
        place: Where it stands in the index.
        subject: Whose log it is of.
        start: The byte of the log at which it begins.
        length: Its bytes.
        level: How grave what was logged before it is.
        at: When that was logged.
    """

    place: ChunkPlace
    subject: LogSubject
    start: int
    length: int
    level: int
    at: datetime


class LogPeriod(NamedTuple):
    """A span of time in which logs were indexed; it is dropped as a whole.

    Attributes:
        period: Its number.
        since: When it began.
        size: Bytes of the index when it began.
    """

    period: int
    since: datetime
    size: int
