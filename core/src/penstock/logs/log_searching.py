"""Reads the lines that were sought out of the chunks that the index has found."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from penstock.errors import PenstockError
from penstock.logs.log_view import LogView
from penstock.model.logs.log_index import FoundChunk, LogFilter
from penstock.model.logs.log_line import LogLine, gravity, log_line, split_lines
from penstock.model.logs.log_words import LogQuery


def matching_lines(
    chunk: FoundChunk, view: LogView, query: LogQuery, only: LogFilter
) -> Sequence[tuple[LogLine, datetime]] | None:
    """Lines of a chunk that are sought, the last one first, each with its time; None if the log cannot be read here.

    Args:
        chunk: The chunk.
        view: Its log.
        query: What is sought.
        only: Which lines are.
    """
    try:
        data = b"".join(view.read(chunk.start, chunk.length))
    except (OSError, PenstockError):
        return None
    if not data:
        return None
    found = [
        (line, time)
        for line, level, time in _lines(chunk, data)
        if level >= only.level
        and (only.since is None or time >= only.since)
        and (only.until is None or time < only.until)
        and query.matches(line.searched)
    ]
    return found[::-1]


def _lines(chunk: FoundChunk, data: bytes) -> Iterator[tuple[LogLine, int, datetime]]:
    level, time = chunk.level, chunk.at
    for offset, each in split_lines([data], chunk.start):
        line = log_line(offset, each)
        if line.time is not None:
            level, time = gravity(line.level), line.time
        yield line, level, time
