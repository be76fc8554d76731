"""What a search in all logs has found."""

from datetime import datetime

import msgspec


class LogHit(msgspec.Struct, frozen=True):
    """A line that was sought.

    Attributes:
        dag_id: The DAG.
        run_id: The run.
        task_id: The task.
        map_index: The instance; -1 if it is not mapped.
        dispatch: Which dispatch of it.
        offset: The byte of the log at which the line begins.
        time: When it was logged; of a line that was printed, when the one before it was, or when the log had last grown.
        level: How grave it is; "" if it was printed.
        source: The logger; "" if it was printed.
        text: What it says.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    dispatch: int
    offset: int
    time: datetime
    level: str
    source: str
    text: str


class LogHits(msgspec.Struct, frozen=True):
    """Lines that were found, those that were indexed last first.

    Attributes:
        items: The lines.
        next: What to pass as ``after`` to go on; "" if everything was searched.
        searched_days: Days of the index that were searched, in this part and those before it.
        days: Days of the index.
        since: When the oldest of these days began: of what was indexed before, nothing is left. None if nothing is indexed.
        unread: Places in logs that are not here any more, or cannot be read.
    """

    items: tuple[LogHit, ...]
    next: str
    searched_days: int
    days: int
    since: datetime | None
    unread: int
