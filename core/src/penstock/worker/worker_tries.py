"""All tries that this worker has, seen by its threads."""

import os
import threading
from collections.abc import Iterable

from msgspec.structs import replace

from penstock.model.remote.remote_try import WorkerStatus
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.worker.worker_try import WorkerTry


class WorkerTries:
    """The tries of one worker; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tries: dict[tuple[TaskKey, int], WorkerTry] = {}
        self._claiming: dict[str, None] = {}
        self._done = self._failed = 0
        self._taken_s = 0.0

    def __len__(self) -> int:
        """How many there are, those that are being claimed left out."""
        with self._lock:
            return len(self._tries)

    def claiming(self, names: Iterable[str]) -> None:
        """Note that tickets of these names are being claimed."""
        with self._lock:
            self._claiming |= dict.fromkeys(names)

    def claimed(self, names: Iterable[str], tries: Iterable[WorkerTry]) -> None:
        """Note what has become of such a claim."""
        with self._lock:
            self._tries |= {each.try_name: each for each in tries}
            for name in names:
                self._claiming.pop(name, None)

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Those of some names that are neither here nor being claimed."""
        with self._lock:
            known = {each.name for each in self._tries.values()} | self._claiming.keys()
        return [name for name in names if name not in known]

    def names_claimed(self) -> tuple[str, ...]:
        """Names of the tickets that are being claimed."""
        with self._lock:
            return tuple(self._claiming)

    def get(self, key: TaskKey, epoch: int) -> WorkerTry | None:
        """A try by its name; None if it is not here any more."""
        with self._lock:
            return self._tries.get((key, epoch))

    def all(self) -> list[WorkerTry]:
        """All of them."""
        with self._lock:
            return list(self._tries.values())

    def running(self) -> list[WorkerTry]:
        """Those that have not ended."""
        return [each for each in self.all() if each.end is None]

    def count(self, held: WorkerTry) -> None:
        """Count one whose end the server has."""
        self._done += 1
        self._failed += held.end is not None and held.end.outcome is Outcome.FAILED
        self._taken_s += 0.0 if held.began_s is None else held.ended_s - held.began_s

    def counted(self, status: WorkerStatus) -> WorkerStatus:
        """What the worker says of itself, with what it has and what it has done."""
        running = min(len(self), status.slots)  # those beyond have not begun
        return replace(
            status, running=running, done=self._done, failed=self._failed, taken_s=self._taken_s, load=_load()
        )

    def remove(self, held: WorkerTry) -> None:
        """Forget one, with what was kept for it."""
        with self._lock:
            found = self._tries.pop(held.try_name, None)
        if found is not None:
            found.held.close()
            found.log.unlink(missing_ok=True)


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except OSError:  # the machine does not tell
        return None
