"""The loop of the watchers' process: looks when one is due, and tells of what has come."""

import heapq
import select
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from penstock.clock import Clock
from penstock.model.assets.file_watch import FileWatch, WatchedFile
from penstock.processes.failpoint import failpoint
from penstock.watchers.file_look import FileLook
from penstock.watchers.look_threads import LookResult, LookThreads
from penstock.watchers.watch_progress import WatchProgress
from penstock.watchers.watcher_status import WatcherStatus

PORTION = 500
"""Files that are told of in one transaction."""
REFRESH_S, KEEP_S, SLOW_S = 5.0, 5.0, 60.0
"""Seconds between two looks at what is to be watched, between two reports, and after which a look is told to be slow."""
_SEEN_EVERY = timedelta(hours=12)


class WatchStore(Protocol):
    """What is stored of watchers: `penstock.store.assets.assets.Assets.watched`."""

    def watchers(self) -> dict[str, list[FileWatch]]:
        """What is to be watched, by asset."""

    def known(self, asset: str, path: str) -> dict[str, str]:
        """The files that were told of, each with its fingerprint."""

    def report(self, asset: str, path: str, found: Sequence[WatchedFile], now: datetime) -> int:
        """Tell of files, each once; returns of how many."""

    def seen(self, asset: str, files: Sequence[str], now: datetime) -> None:
        """Keep that files are still there."""


class WatchPorts(NamedTuple):
    """What the loop needs from outside.

    Attributes:
        store: What is stored of watchers.
        look: Deletes some files if they are as they were found, and looks for what a watcher looks for; never raises. Called in threads.
        clock: Tells the present.
        keep: Keeps how the watchers fare, and answers whether it could.
        log: Takes what the user should know, a line each.
    """

    store: WatchStore
    look: Callable[[FileWatch, Sequence[WatchedFile]], FileLook]
    clock: Clock
    keep: Callable[[list[WatcherStatus]], bool]
    log: Callable[[str], None]


class _Watched:
    """A watcher in the loop: what it has seen, and how it fares."""

    def __init__(self, watch: WatchProgress, status: WatcherStatus) -> None:
        self.watch, self.status = watch, status
        self.looking_since: float | None = None
        self.seen_at: datetime | None = None


class WatchLoop:
    """Looks for what the assets of DAG files are watched for.

    Args:
        ports: What it needs from outside.
    """

    def __init__(self, ports: WatchPorts) -> None:
        self._ports, self._threads = ports, LookThreads()
        self._watched: dict[int, _Watched] = {}
        self._numbers: dict[tuple[str, FileWatch], int] = {}
        self._due: list[tuple[float, int]] = []
        self._last_number, self._refresh_at, self._keep_at = 0, 0.0, 0.0
        self._stopping: Callable[[], bool] = lambda: False

    def run(self, stop: int) -> None:
        """Work until ``stop`` is readable; raises StoreError if the database cannot serve."""
        self._stopping = lambda: bool(select.select([stop], [], [], 0)[0])
        try:
            while not self._stopping():
                wait_s = self.step()
                select.select([stop, self._threads.fileno()], [], [], wait_s)
        finally:
            self._threads.close()

    def step(self) -> float:
        """Do what is due, and take what has ended; returns the seconds until something is due. Raises StoreError."""
        now_s = self._now_s()
        if now_s >= self._refresh_at:
            self._refresh(now_s)
        for ended in self._threads.ended():
            if (watched := self._watched.get(ended.number)) is not None:
                self._take(ended, watched)
        now_s = self._now_s()
        while self._due and self._due[0][0] <= now_s:
            _, number = heapq.heappop(self._due)
            if (watched := self._watched.get(number)) is not None:
                watched.looking_since = now_s
                watch, leftover = watched.watch, watched.watch.leftover
                self._threads.start(number, lambda spec=watch.spec, old=leftover: self._ports.look(spec, old))  # type: ignore[misc]
        if now_s >= self._keep_at:
            self._keep_at = now_s + KEEP_S
            self._ports.keep([self._status(each, now_s) for each in self._watched.values()])
        due = min(self._refresh_at, self._keep_at, *(at for at, _ in self._due[:1]))
        return max(due - self._now_s(), 0.0)

    def _refresh(self, now_s: float) -> None:
        self._refresh_at = now_s + REFRESH_S
        wanted = {(asset, spec) for asset, specs in self._ports.store.watchers().items() for spec in specs}
        for gone in self._numbers.keys() - wanted:
            del self._watched[self._numbers.pop(gone)]
        for asset, spec in sorted(wanted - self._numbers.keys(), key=lambda each: (each[0], each[1].path)):
            self._last_number += 1
            self._numbers[asset, spec] = self._last_number
            status = WatcherStatus(asset, spec.path, self._ports.clock.now())
            watch = WatchProgress(asset, spec, self._ports.store.known(asset, spec.path))
            self._watched[self._last_number] = _Watched(watch, status)
            heapq.heappush(self._due, (now_s, self._last_number))

    def _take(self, ended: LookResult, watched: _Watched) -> None:
        watch, look, now_s = watched.watch, ended.look, self._now_s()
        watched.looking_since = None
        now = self._ports.clock.now()
        come = watch.take(look.found, now_s)
        for start in range(0, len(come), PORTION):
            if self._stopping():
                return
            some = come[start : start + PORTION]
            failpoint("watchers.report.before")
            self._ports.store.report(watch.asset, watch.spec.path, some, now)
            failpoint("watchers.report.after")
            watch.reported(some)
        if watched.seen_at is None or now - watched.seen_at >= _SEEN_EVERY:
            self._see(watch, look.found, now)
            watched.seen_at = now
        before = watched.status.problem
        watched.status = WatcherStatus(watch.asset, watch.spec.path, now, len(look.found), look.problem, look.note)
        if look.problem and look.problem != before:
            self._keep_at = now_s
            self._ports.log(f"asset {watch.asset}, {watch.spec.path}: {look.problem}")
        heapq.heappush(self._due, (now_s + watch.next_s, ended.number))

    def _see(self, watch: WatchProgress, found: Sequence[WatchedFile], now: datetime) -> None:
        files = watch.seen(found)
        for start in range(0, len(files), PORTION):
            self._ports.store.seen(watch.asset, files[start : start + PORTION], now)

    def _status(self, watched: _Watched, now_s: float) -> WatcherStatus:
        since, status = watched.looking_since, watched.status
        if since is None or now_s - since < SLOW_S:
            return status
        slow = f"the look that began {now_s - since:,.0f} s ago has not ended: its disk or its server does not answer."
        return WatcherStatus(status.asset, status.path, status.looked_at, status.files, slow)

    def _now_s(self) -> float:
        return self._ports.clock.read().monotonic_s
