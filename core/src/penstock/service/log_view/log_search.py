"""Search in the logs of all runs."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime

from penstock.errors import RequestError
from penstock.logs.log_names import log_name
from penstock.logs.log_searching import matching_lines
from penstock.logs.log_view import LogView
from penstock.model.access.permission import Permission
from penstock.model.logs.log_hits import LogHit, LogHits
from penstock.model.logs.log_index import ChunkPlace, FoundChunk, LogFilter
from penstock.model.logs.log_line import LEVELS, gravity
from penstock.model.logs.log_words import LogQuery, log_query
from penstock.model.run import TaskKey
from penstock.model.text import shortened
from penstock.service.installation import Installation
from penstock.service.log_reading.log_files import log_reader
from penstock.service.operations.operation import operation
from penstock.service.operations.page import PagedList, PageSize
from penstock.store import LogSearch
from penstock.tries.paths import log_path

MOST_HITS = 1000
"""Lines that are found at once, at most."""

MOST_CHUNKS = 2000
"""Chunks that are looked through at once: a search that finds little in many of them is gone on with by its cursor."""

LONGEST_TEXT = 2000
"""Characters of a line that is found."""

_BATCH = 50
_NEWEST = 1 << 62
_HITS = PagedList("search in logs", tuple[int, int, int])


@operation("GET", "/logs/search", needs=Permission.LOGS_READ, subject="")
def search_logs(  # noqa: PLR0913 - one argument a filter
    installation: Installation,
    words: Sequence[str],
    *,
    dag_id: str = "",
    task_id: str = "",
    level: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    limit: PageSize = 50,
    after: str = "",
) -> LogHits:
    """Find lines in the logs of all runs that may be seen.

    Args:
        installation: The installation.
        words: Each is the beginning of a word that the line must have; of names in camel case, parts are words, too. Words within
            double quotes must stand so in the line.
        dag_id: Only of this DAG.
        task_id: Only of this task.
        level: Only what was logged at this level, or a graver one, with what was printed after it.
        since: Only from this instant on.
        until: Only before this one.
        limit: Lines, at most.
        after: ``next`` of the part before this one.

    Raises:
        RequestError: Logs are not indexed here, the words or a filter make no sense, or ``limit`` is out of range.
        PageError: No part ended with ``after``.
        StoreError: The database failed.
    """
    query = log_query(words)
    if level and level not in LEVELS:
        raise RequestError(f"level: {level!r} is none. They are: {', '.join(LEVELS)}.")
    if not 1 <= limit <= MOST_HITS:
        raise RequestError(f"limit: {limit} is out of range: 1 to {MOST_HITS:,}.")
    place, offset = _place(after)
    search = LogSearch.find(installation.store, installation.settings.state_folder)
    if search is None:
        raise RequestError(
            "logs are not indexed here. Set `index = true` in [logs] of penstock.toml, and start `penstock up` again."
        )
    with closing(search):
        only = LogFilter(_seen(installation, search, dag_id), task_id, gravity(level), since, until)
        return _Search(installation, search, query, only).part(place, offset, limit)


def _seen(installation: Installation, search: LogSearch, dag_id: str) -> tuple[str, ...] | None:
    """The DAGs whose logs are searched; None for all of them."""
    if not installation.limited:
        return (dag_id,) if dag_id else None
    named = (dag_id,) if dag_id else search.dag_ids()
    return tuple(each for each in named if installation.may(Permission.LOGS_READ, each))


def _place(after: str) -> tuple[ChunkPlace, int]:
    """The chunk to go on with, and the byte before which its lines are left."""
    found = _HITS.key(after)
    if found is None:
        return ChunkPlace(_NEWEST, _NEWEST), 0
    return ChunkPlace(found[0], found[1]), found[2]


class _Search:
    """One part of a search."""

    def __init__(self, installation: Installation, search: LogSearch, query: LogQuery, only: LogFilter) -> None:
        self._search, self._query, self._only = search, query, only
        settings, store = installation.settings, installation.store
        self._folder, self._reader = settings.logs_folder, log_reader(installation)
        self._identity = store.logs.identity() if settings.logs.store else ""
        self._periods = search.periods()
        self._unread = 0

    def part(self, place: ChunkPlace, offset: int, limit: int) -> LogHits:
        """Lines from a place on, the newest first."""
        hits: list[LogHit] = []
        for number, chunk in enumerate(self._chunks(place, again=offset > 0), 1):
            for hit in self._hits(chunk):
                if chunk.place == place and hit.offset >= offset > 0:
                    continue
                hits.append(hit)
                if len(hits) == limit:
                    return self._found(hits, chunk.place, hit.offset)
            if number == MOST_CHUNKS:
                return self._found(hits, chunk.place, 0)
        return self._found(hits)

    def _found(self, hits: Sequence[LogHit], stopped: ChunkPlace | None = None, offset: int = 0) -> LogHits:
        searched = {p.since.date() for p in self._periods if stopped is None or p.period >= stopped.period}
        days = {p.since.date() for p in self._periods}
        end = "" if stopped is None else _HITS.next((stopped.period, stopped.chunk, offset))
        since = self._periods[-1].since if self._periods else None
        return LogHits(tuple(hits), end, len(searched), len(days), since, self._unread)

    def _chunks(self, place: ChunkPlace, *, again: bool) -> Iterator[FoundChunk]:
        """Chunks before a place, or from it on, in which all words are."""
        for period in self._periods:
            if period.period > place.period:
                continue
            before = place.chunk + again if period.period == place.period else _NEWEST
            while found := self._search.chunks(
                ChunkPlace(period.period, before), self._query.words, self._only, _BATCH
            ):
                yield from found
                before = found[-1].place.chunk
                if len(found) < _BATCH:
                    break

    def _hits(self, chunk: FoundChunk) -> Iterator[LogHit]:
        subject = chunk.subject
        key = TaskKey(subject.run, subject.task_id, subject.map_index)
        path = log_path(self._folder, subject.dag_id, subject.run_id, key, subject.epoch)
        name = log_name(self._identity, self._folder, path) if self._identity else ""
        lines = matching_lines(chunk, LogView(self._reader, path, name, growing=False), self._query, self._only)
        if lines is None:
            self._unread += 1
            return
        for line, time in lines:
            yield LogHit(
                subject.dag_id, subject.run_id, subject.task_id, subject.map_index, subject.epoch, line.offset, time, line.level,
                line.source, shortened(line.text, LONGEST_TEXT),
            )  # fmt: skip
