"""The log shipper: brings the logs of tries to the log store while they grow, and keeps this machine's disk bounded.

All that it knows stands in the logs folder: it may be killed at any moment, and the next one goes on. No try waits for it.
"""

import heapq
import select
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from penstock.clock import Clock
from penstock.errors import PluginError, as_sentence
from penstock.logs.local_logs import LocalLog, local_logs, remove_empty_folders
from penstock.logs.look import Look
from penstock.logs.shipment import ship
from penstock.logs.shipping_report import ShippingReport
from penstock.metrics.metrics_table import LOGS_WAITING
from penstock.metrics.recorder import OFF, Recorder
from penstock.processes.supervise import Backoff
from penstock.spec.log_store import LogStore

THREADS = 16
"""Logs that are shipped at once: a store's answer takes long, and costs nothing but the wait."""

BATCH = 256
"""Logs that are held in memory at a time."""

HUNG_S = 300.0
"""Seconds without any answer of the store after which the process is given up."""

STOP_S = 5.0
"""Seconds for which it goes on shipping after it was asked to stop."""

QUIET_S = 60.0
"""Seconds between two looks while no run lives: one that was cleared may have tries that begin and end between two questions."""

PACE = 10_000
"""Logs that are looked at in a second, on average: where there are many, the next look comes later."""

EVICTED = 10_000
"""Logs that are deleted in one look, at most."""

EMPTY_S = 60.0
"""Seconds after which an empty folder is removed."""


class Bounds(NamedTuple):
    """How much is shipped and kept.

    Attributes:
        chunk_bytes: Bytes of a piece, at most.
        chunk_s: Seconds between two looks.
        buffer_bytes: Bytes of logs that stay on this machine.
    """

    chunk_bytes: int
    chunk_s: float
    buffer_bytes: int


class ShipperPorts(NamedTuple):
    """What shipping needs from outside.

    Attributes:
        store: URL of the log store.
        open_store: Opens it; called in each thread that ships.
        open_logs: The logs of tries that have not ended; raises StoreError.
        newest_run: The number of the newest run; raises StoreError.
        has_live_run: Whether a run has not ended; raises StoreError.
        name: What a log is called in the store.
        clock: Tells the present.
        report: Takes how it fares, whenever that has changed, and answers whether it is kept; what is not is reported again.
        log: Takes what the user should know, a line each.
        metrics: Takes what is measured.
        hide: Takes the secrets of the store's connection out of a text.
    """

    store: str
    open_store: Callable[[], LogStore]
    open_logs: Callable[[], Collection[Path]]
    newest_run: Callable[[], int]
    has_live_run: Callable[[], bool]
    name: Callable[[Path], str]
    clock: Clock
    report: Callable[[ShippingReport], bool]
    log: Callable[[str], None]
    metrics: Recorder = OFF
    hide: Callable[[str], str] = str


class LogShipper:
    """Looks through the logs folder again and again, and ships what it finds.

    Args:
        folder: The logs folder.
        bounds: How much is shipped and kept.
        ports: What it needs from outside.
    """

    def __init__(self, folder: Path, bounds: Bounds, ports: ShipperPorts) -> None:
        self._folder, self._bounds, self._ports = folder, bounds, ports
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="penstock-ship")
        self._opened = threading.local()
        self._backoff = Backoff(1.0, 30.0)
        self._report: ShippingReport | None = None
        self._reported = False
        self._newest, self._unfinished, self._look_due = -1, 0, 0.0
        self._live = False
        self._stop = -1
        self._until: float | None = None

    def run(self, stop: int) -> None:
        """Ship until ``stop`` is readable, and a moment longer for what is not shipped yet.

        Raises:
            PluginError: The log store does not answer any more; the process must be left without waiting for its threads.
            StoreError: The database failed.
        """
        self._stop = stop
        try:
            while not self._stopping():
                select.select([stop], [], [], self.step())
            self.step()
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def step(self) -> float:
        """Look once, if there may be something to find; returns the seconds until the next call is due. Raises as `run` does."""
        begun = self._now_s()
        # A try may begin, write and end between two questions: while its run lives, and once more when that has ended, it is looked for.
        newest, live, lived = self._ports.newest_run(), self._ports.has_live_run(), self._live
        self._live = live
        if not (live or lived or self._unfinished or newest != self._newest or begun >= self._look_due):
            return self._bounds.chunk_s
        look = Look(THREADS, self._ports.hide)
        self._ship_all(look)
        over = self._evict(look)
        self._report_look(look, over=over)
        self._newest, self._unfinished, self._look_due = newest, look.unfinished, begun + QUIET_S
        if look.fault:
            return self._backoff.pause()
        self._backoff.reset()
        return 0.0 if look.more else max(self._bounds.chunk_s, look.logs / PACE)

    def _ship_all(self, look: Look) -> None:
        logs = local_logs(self._folder)
        while batch := list(islice(logs, BATCH)):
            for log in batch:
                look.found(log)
            if due := [log for log in batch if not log.done]:
                # Asked after the logs were found: one that is not among the open ones is no longer written to.
                running = self._ports.open_logs()
                self._ship(look, [(log, log.path not in running) for log in due])

    def _ship(self, look: Look, due: Sequence[tuple[LocalLog, bool]]) -> None:
        """Ship a batch, log by log in several threads."""
        skipped = look.away or self._out_of_time()
        futures: dict[Future[LocalLog | None], bool] = {}
        for log, ended in due:
            if skipped or not (log.unshipped or ended):
                look.left(log, ended=ended)
            else:
                futures[self._pool.submit(self._one, look, log, ended)] = ended
        answered_at = self._now_s()
        pending: set[Future[LocalLog | None]] = set(futures)
        while pending:
            done, pending = wait(pending, timeout=1.0, return_when=FIRST_COMPLETED)
            now = self._now_s()
            if self._stopping() and self._out_of_time():
                for future in pending:
                    future.cancel()
                return
            if not done and now > answered_at + HUNG_S:
                raise PluginError(f"the log store {self._ports.store} has not answered for {HUNG_S:g} s")
            answered_at = now if done else answered_at
            for future in done:
                if (shipped := future.result()) is not None:
                    look.left(shipped, ended=futures[future])

    def _one(self, look: Look, log: LocalLog, ended: bool) -> LocalLog | None:  # noqa: FBT001 - submitted to a pool
        """Ship one log, in any thread; None if it was deleted meanwhile."""
        if look.away:
            return log
        try:
            if not hasattr(self._opened, "store"):
                self._opened.store = self._ports.open_store()
            log = ship(log, self._ports.name(log.path), self._opened.store, self._bounds.chunk_bytes, ended=ended)
        except FileNotFoundError as error:
            if not log.path.exists():
                return None
            look.failed(error)
        except BaseException as error:  # noqa: BLE001 - the fence: a provider's code may raise anything, SystemExit too
            look.failed(error)
        else:
            look.shipped()
        return log

    def _evict(self, look: Look) -> bool:
        """Delete logs that are whole in the store, the oldest first, while the buffer is over its bound; whether it stays so."""
        excess = look.disk - self._bounds.buffer_bytes
        if excess <= 0:
            return False
        running = self._ports.open_logs()
        whole = (log for log in local_logs(self._folder) if log.done and log.path not in running)
        for log in heapq.nsmallest(EVICTED, whole, key=lambda each: each.changed_at):
            if excess <= 0:
                break
            try:
                log.delete()
            except OSError as error:  # such as a disk that is read-only now
                look.failed(error)
                break
            excess -= log.disk
        look.disk = self._bounds.buffer_bytes + excess
        remove_empty_folders(self._folder, self._ports.clock.now().timestamp() - EMPTY_S, running)
        return excess > 0

    def _report_look(self, look: Look, *, over: bool) -> None:
        store, metrics = self._ports.store, self._ports.metrics
        if metrics.on:
            metrics.record(LOGS_WAITING, look.waiting)
            metrics.flush()
        old = self._report or ShippingReport(store, str(self._folder))
        since = (old.since or self._ports.clock.now()) if look.fault else None
        new = ShippingReport(store, str(self._folder), look.fault, since, look.waiting >> 20, look.disk >> 20, over)
        if new.fault and not old.fault:  # it names a log, which is another one at each look
            self._ports.log(
                f"logs do not reach {store}: {as_sentence(new.fault)} They stay in {self._folder} until they do; tries go on."
            )
        elif old.fault and not new.fault:
            self._ports.log(f"logs reach {store} again")
        if new.over and not old.over:
            self._ports.log(
                f"logs take {new.local_mb:,} MB in {self._folder}, more than [logs] buffer_mb, and none of them is whole in the store: "
                "nothing is deleted before it is"
            )
        if new != self._report or not self._reported:
            self._report, self._reported = new, self._ports.report(new)

    def _stopping(self) -> bool:
        if self._until is None and self._stop >= 0 and select.select([self._stop], [], [], 0)[0]:
            self._until = self._now_s() + STOP_S
        return self._until is not None

    def _out_of_time(self) -> bool:
        return self._until is not None and self._now_s() >= self._until

    def _now_s(self) -> float:
        return self._ports.clock.read().monotonic_s
