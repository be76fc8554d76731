"""The log indexer: reads logs of tries as they grow, and has the index know which words are where in them.

How far a log is indexed is stored together with what was found in it: it may be killed at any moment, and the next one goes on.
"""

import select
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from penstock.clock import Clock
from penstock.logs.local_logs import LocalLog, local_logs
from penstock.logs.log_parts import next_part
from penstock.model.logs.log_index import IndexedPart, LogPosition, LogSubject
from penstock.model.names import error_reason
from penstock.processes.files import file_size

BATCH = 256
"""Logs that are held in memory at a time."""

COMMIT_BYTES = 8 << 20
"""Bytes of logs that are indexed in one transaction, about."""

QUIET_S = 60.0
"""Seconds between two looks while no run lives, as of the log shipper."""

PACE = 10_000
"""Logs that are looked at in a second, on average."""

PositionKey = tuple[str, int, int]


class IndexerPorts(NamedTuple):
    """What indexing needs from outside.

    Attributes:
        open_logs: The logs of tries that have not ended; raises StoreError.
        newest_run: The number of the newest run; raises StoreError.
        has_live_run: Whether a run has not ended; raises StoreError.
        subjects: Called at each look: returns what tells whose a log is.
        positions: How far the logs of a run are indexed; raises StoreError.
        horizon: Up to which instant the index was dropped; raises StoreError.
        store: Takes what logs have grown by; raises StoreError.
        trim: Keeps the index within its bounds; raises StoreError.
        clock: Tells the present.
        log: Takes what the user should know, a line each.
    """

    open_logs: Callable[[], Collection[Path]]
    newest_run: Callable[[], int]
    has_live_run: Callable[[], bool]
    subjects: Callable[[], Callable[[Path], LogSubject | None]]
    positions: Callable[[int], Mapping[PositionKey, LogPosition]]
    horizon: Callable[[], datetime | None]
    store: Callable[[list[IndexedPart]], None]
    trim: Callable[[], None]
    clock: Clock
    log: Callable[[str], None]


class LogIndexer:
    """Looks through the logs folder again and again, and indexes what it finds.

    Args:
        folder: The logs folder.
        end_bytes: Bytes at the beginning and at the end of each log that are indexed.
        pause_s: Seconds between two looks.
        ports: What it needs from outside.
    """

    def __init__(self, folder: Path, end_bytes: int, pause_s: float, ports: IndexerPorts) -> None:
        self._folder, self._end_bytes, self._pause_s, self._ports = folder, end_bytes, pause_s, ports
        self._done: dict[int, int] = {}
        """By a checksum of the path: how long a log was that there is nothing more to index of."""
        self._newest, self._live, self._unfinished, self._look_due, self._stop = -1, False, False, 0.0, -1
        self._failed = ""

    def run(self, stop: int) -> None:
        """Index until ``stop`` is readable; raises StoreError if the database failed."""
        self._stop = stop
        while not select.select([stop], [], [], self.step())[0]:
            pass

    def step(self) -> float:
        """Look once, if there may be something to find; returns the seconds until the next call is due. Raises as `run` does."""
        now_s = self._ports.clock.read().monotonic_s
        newest, live, lived = self._ports.newest_run(), self._ports.has_live_run(), self._live
        self._live = live
        if not (live or lived or self._unfinished or newest != self._newest or now_s >= self._look_due):
            return self._pause_s
        look = _Look(self._ports, self._end_bytes, self._done)
        logs = local_logs(self._folder)
        while (batch := list(islice(logs, BATCH))) and not self._stopping():
            look.take(batch)
        self._done = look.done
        self._ports.trim()
        self._newest, self._unfinished, self._look_due = newest, look.unfinished, now_s + QUIET_S
        if look.failed and not self._failed:
            self._ports.log(f"some logs are not indexed: {look.failed}")
        self._failed = look.failed
        return 0.0 if look.more else max(self._pause_s, look.logs / PACE)

    def _stopping(self) -> bool:
        return self._stop >= 0 and bool(select.select([self._stop], [], [], 0)[0])


class _Look:
    """One look through the folder.

    Attributes:
        logs: Logs that it has seen.
        done: As of `LogIndexer`, of those.
        more: Whether one has more to index at once.
        unfinished: Whether one has more to index later.
        failed: Why one could not be read, first.
    """

    def __init__(self, ports: IndexerPorts, end_bytes: int, done: Mapping[int, int]) -> None:
        self.logs, self.more, self.unfinished, self.failed = 0, False, False, ""
        self.done: dict[int, int] = {}
        self._ports, self._end_bytes, self._known = ports, end_bytes, done
        self._subject, self._horizon = ports.subjects(), ports.horizon()
        self._run, self._positions = -1, dict[PositionKey, LogPosition]()

    def take(self, batch: list[LocalLog]) -> None:
        """Index what some logs have grown by; raises StoreError."""
        self.logs += len(batch)
        due = []
        for log in batch:
            if self._known.get(hash(log.path)) == log.size:
                self.done[hash(log.path)] = log.size
            else:
                due.append(log)
        if not due:
            return
        running = self._ports.open_logs()  # after they were found: one that is not among these is no longer written to
        parts, size = list[IndexedPart](), 0
        for log in due:
            part = self._part(log, ended=log.path not in running)
            if part is not None:
                parts.append(part)
                size += part.after.offset - part.before.offset
            if size >= COMMIT_BYTES:
                self._ports.store(parts)
                parts, size = [], 0
        if parts:
            self._ports.store(parts)

    def _part(self, log: LocalLog, *, ended: bool) -> IndexedPart | None:
        subject = self._subject(log.path)
        if subject is None:  # of a run that is deleted
            self.done[hash(log.path)] = log.size
            return None
        if subject.run != self._run:
            self._run, self._positions = subject.run, dict(self._ports.positions(subject.run))
        before = self._positions.get((subject.task_id, subject.map_index, subject.epoch))
        if before is None and self._horizon is not None and log.changed_at < self._horizon.timestamp():
            self.done[hash(log.path)] = log.size
            return None
        before = before or LogPosition()
        try:
            if ended:  # it may have grown between the two questions, and its last line is whole now
                log = log._replace(size=file_size(log.path))
            part = next_part(log, subject, before, self._end_bytes, ended=ended)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.failed = self.failed or f"{log.path}: {error_reason(error)}"
            self.unfinished = True
            return None
        after = before if part is None else part.after
        if after.offset >= log.size or (ended and part is None):
            self.done[hash(log.path)] = log.size
        else:
            self.unfinished = True
            self.more = self.more or part is not None
        return part
