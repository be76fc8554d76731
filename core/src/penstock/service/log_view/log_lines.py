"""Operations on one log: its lines, page by page from either end, and the places of a text or of errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from penstock.errors import NotFoundError, RequestError
from penstock.logs.log_view import LogView, error_finder, text_finder
from penstock.model.access.permission import Permission
from penstock.model.logs.log_page import LogMatches, LogPage
from penstock.service.installation import Installation
from penstock.service.log_reading.log_files import log_file, log_reader, unreadable
from penstock.service.logs import task_logs
from penstock.service.operations.operation import operation
from penstock.service.operations.page import PageSize

MOST_LINES = 10_000
"""Lines of a page, or matches, at most."""


@operation("GET", "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/log", needs=Permission.LOGS_READ)
def log_lines(  # noqa: PLR0913 - what names a try, and what names a part of its log
    installation: Installation,
    dag_id: str,
    task_id: str,
    *,
    run_id: str = "",
    map_index: int | None = None,
    dispatch: int | None = None,
    offset: int | None = None,
    backward: bool = False,
    limit: PageSize = 500,
    level: str = "",
) -> LogPage:
    """Read lines of one try's log, of whatever size, at once.

    Args:
        installation: The installation.
        dag_id: The DAG.
        task_id: The task.
        run_id: The run; the newest of the DAG if it is empty.
        map_index: The instance of a mapped task.
        dispatch: The dispatch; the newest one unless given.
        offset: The byte from which on, or up to which, to read: the end of one page is where the next begins.
        backward: Whether the lines before ``offset``, or without one the last of the log, are wanted.
        limit: Lines, at most.
        level: Only lines of this level or a graver one, each with the printed lines that follow it.

    Raises:
        NotFoundError: There is no such DAG, run, task or dispatch.
        RequestError: Several instances are named, or a number is out of range.
        ConfigError: The file cannot be read.
        PluginError: The log store does not give it.
        StoreError: The database failed.
    """
    _check(offset, limit)
    with _log_view(installation, dag_id, task_id, run_id, map_index, dispatch) as view:
        if backward:
            return view.last_page(offset, limit, level)
        return view.page(offset or 0, limit, level)


@operation("GET", "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/log/matches", needs=Permission.LOGS_READ)
def find_in_log(  # noqa: PLR0913 - as above
    installation: Installation,
    dag_id: str,
    task_id: str,
    *,
    text: str = "",
    run_id: str = "",
    map_index: int | None = None,
    dispatch: int | None = None,
    offset: int = 0,
    lines: int = 0,
    limit: PageSize = 100,
) -> LogMatches:
    """Find the lines of one try's log that hold a text, or without one those that tell of errors; raises as `log_lines`.

    Args:
        installation: The installation.
        dag_id: The DAG.
        task_id: The task.
        text: What is sought; upper or lower case is the same for letters of ASCII. If it is empty, lines that were logged as
            errors, the beginnings of tracebacks, and the errors that end these are found.
        run_id: The run; the newest of the DAG if it is empty.
        map_index: The instance of a mapped task.
        dispatch: The dispatch; the newest one unless given.
        offset: Where to begin: at the log's beginning, or where an earlier search has ended.
        lines: How many lines are before that, as the earlier search told.
        limit: Matches, at most.

    Raises:
        RequestError: The text goes over several lines.
    """
    _check(offset, limit)
    if "\n" in text or lines < 0:
        raise RequestError("a search goes line by line: the text must be on one, and no number below 0.")
    with _log_view(installation, dag_id, task_id, run_id, map_index, dispatch) as view:
        return view.find(text_finder(text) if text else error_finder(), offset, lines, limit)


def _check(offset: int | None, limit: int) -> None:
    if not 1 <= limit <= MOST_LINES:
        raise RequestError(f"limit: {limit} is out of range: 1 to {MOST_LINES:,}.")
    if offset is not None and offset < 0:
        raise RequestError(f"offset: {offset} is below 0: a log begins at byte 0.")


@contextmanager
def _log_view(
    installation: Installation, dag_id: str, task_id: str, run_id: str, map_index: int | None, dispatch: int | None
) -> Iterator[LogView]:
    found = task_logs(installation, dag_id, task_id, run_id=run_id, map_index=map_index)
    if not found:
        raise NotFoundError("log of task", task_id, hint="The task has not been tried yet.")
    if len({log.task.map_index for log in found}) > 1:
        raise RequestError(f"task {task_id!r} has several instances, each with logs of its own: name one by its index.")
    chosen = [log for log in found if dispatch is None or log.epoch == dispatch]
    if not chosen:
        has = ", ".join(str(log.epoch) for log in found)
        raise NotFoundError(f"dispatch of task {task_id!r}", str(dispatch), hint=f"It has: {has}.")
    log = max(chosen, key=lambda each: each.epoch)
    try:
        yield LogView(log_reader(installation), log_file(installation, log.path), log.name, log.live)
    except OSError as error:
        raise unreadable(log.path, error) from None
