"""Which workers of an executor live, by whether they are heard of again and again: no clock of another machine is read."""

from collections import Counter
from collections.abc import Collection

from penstock.model.remote.remote_try import RemoteWorker
from penstock.store import RemoteWorkers

FORGET_S = 300.0
"""Seconds after which a silent worker that has no try is forgotten."""
END_S = 2.0
"""Seconds beyond the lease of a silent worker's tries: its spawn server, which ends them by then, may be woken late."""
_MARGIN = 2.5


class LiveWorkers:
    """The workers of one executor.

    Args:
        workers: Where they are stored.
        executor: Its name in the settings.
        lease_s: Seconds after which a silent worker has lost its tries.
    """

    def __init__(self, workers: RemoteWorkers, executor: str, lease_s: float) -> None:
        self._workers, self._executor, self._lease_s = workers, executor, lease_s
        self._known: dict[str, RemoteWorker] = {}
        self._last: dict[str, tuple[int, float]] = {}
        self._now_s, self._missed = 0.0, False
        self._slots, self._all_slots, self._idle = Counter[str](), 0, Counter[str]()

    def missed(self) -> None:
        """Note that nobody could look: the time until the next look is not counted against any worker."""
        self._missed = True

    def look(self, now_s: float, busy: Collection[str]) -> None:
        """Read who was heard of.

        Args:
            now_s: The monotonic instant.
            busy: The workers that have tries, which are watched even if nothing is stored of them.

        Raises:
            StoreError: The database failed.
        """
        self._known = {each.status.worker: each for each in self._workers.all(self._executor)}
        last, unseen_s = {}, now_s - self._now_s if self._missed else 0.0
        for worker in {*self._known, *busy}:
            beats = self._known[worker].beats if worker in self._known else 0
            before, since_s = self._last.get(worker, (-1, now_s))
            last[worker] = (beats, now_s if beats != before else since_s + unseen_s)
        self._last, self._now_s, self._missed = last, now_s, False
        self._count()
        gone = [each for each in self._known if each not in busy and self._silent_s(each) > FORGET_S]
        self._workers.forget(gone)

    def silent(self, worker: str) -> bool:
        """Whether a worker has lost its tries."""
        return self._silent_s(worker) > self._lease_s + END_S

    def slots(self, queue: str | None = None) -> int:
        """Tries at once of those that live and take some, of one queue's workers or of all."""
        return self._all_slots if queue is None else self._slots[queue]

    def idle(self, queue: str) -> int:
        """Those of a queue's slots that had no try when their workers were heard of."""
        return self._idle[queue]

    def _count(self) -> None:
        self._slots, self._all_slots, self._idle = Counter[str](), 0, Counter[str]()
        for worker, each in self._known.items():
            status = each.status
            patience_s = max(self._lease_s / 2, _MARGIN * status.period_s)
            if status.draining or each.drain_requested or self._silent_s(worker) > patience_s:
                continue
            self._all_slots += status.slots
            for queue in set(status.queues):
                self._slots[queue] += status.slots
                self._idle[queue] += max(0, status.slots - status.running)

    def _silent_s(self, worker: str) -> float:
        return self._now_s - self._last.get(worker, (0, self._now_s))[1]
