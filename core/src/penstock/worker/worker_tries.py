"""All tries that this worker has, seen by its threads."""

import threading
from collections.abc import Iterable

from penstock.model.run import TaskKey
from penstock.worker.worker_try import WorkerTry


class WorkerTries:
    """The tries of one worker; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tries: dict[tuple[TaskKey, int], WorkerTry] = {}
        self._claiming: dict[str, None] = {}

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

    def remove(self, held: WorkerTry) -> None:
        """Forget one, with what was kept for it."""
        with self._lock:
            found = self._tries.pop(held.try_name, None)
        if found is not None:
            found.held.close()
            found.log.unlink(missing_ok=True)
