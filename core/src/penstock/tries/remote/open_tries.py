"""The tries that a scheduler has offered for one executor, by the names of their tickets and by their own."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from penstock.model.run import TaskKey
from penstock.spec.executor import TryRequest
from penstock.spec.remote import Ticket


@dataclass
class OpenTry:
    """A try that is offered, or that a worker has.

    Attributes:
        ticket: What is carried for it.
        request: What it runs.
        rung_s: Monotonic instant at which its ticket was rung for.
        worker: Who has it; "" for nobody.
        start_reported: Whether it was told that it was claimed.
        cancelled_s: Monotonic instant at which its worker was told to end it.
        try_name: By which the scheduler knows it; kept, as all are named again and again.
    """

    ticket: Ticket
    request: TryRequest
    rung_s: float
    worker: str = ""
    start_reported: bool = False
    cancelled_s: float | None = None
    try_name: tuple[TaskKey, int] = field(init=False)

    def __post_init__(self) -> None:
        self.try_name = (self.request.key, self.request.epoch)


class OpenTries:
    """All of them; how many wait in a queue and how many a worker has is counted as they come and go."""

    def __init__(self) -> None:
        self._tries: dict[str, OpenTry] = {}
        self._names: dict[tuple[TaskKey, int], str] = {}
        self.offered: Counter[str] = Counter()
        self._of_workers: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._tries)

    def __contains__(self, name: str) -> bool:
        """Whether there is one of this name."""
        return name in self._tries

    def __iter__(self) -> Iterator[tuple[str, OpenTry]]:
        """All of them with their names, as they are now; in any thread."""
        return iter(list(self._tries.items()))

    def get(self, name: str) -> OpenTry | None:
        """One of them, by the name of its ticket."""
        return self._tries.get(name)

    def name_of(self, key: TaskKey, epoch: int) -> str | None:
        """The name of a try's ticket."""
        return self._names.get((key, epoch))

    def add(self, name: str, held: OpenTry) -> None:
        """Hold one that nobody has claimed."""
        self._tries[name] = held
        self._names[held.try_name] = name
        self.offered[held.ticket.queue] += 1

    def claimed(self, held: OpenTry, worker: str) -> None:
        """Note who has one."""
        if not held.worker:
            self.offered[held.ticket.queue] -= 1
        self._move(held, worker)

    def given_back(self, held: OpenTry, now_s: float) -> None:
        """Note that nobody has one any more."""
        if held.worker:
            self.offered[held.ticket.queue] += 1
        self._move(held, "")
        held.rung_s = now_s

    def pop(self, name: str) -> OpenTry:
        """Hold one no more."""
        held = self._tries.pop(name)
        del self._names[held.try_name]
        if not held.worker:
            self.offered[held.ticket.queue] -= 1
        if not self.offered[held.ticket.queue]:
            del self.offered[held.ticket.queue]
        self._count(held.worker, -1)
        return held

    def workers(self) -> set[str]:
        """The workers that have some."""
        return set(self._of_workers)

    def _move(self, held: OpenTry, worker: str) -> None:
        self._count(held.worker, -1)
        self._count(worker, 1)
        held.worker = worker

    def _count(self, worker: str, more: int) -> None:
        if worker:
            self._of_workers[worker] += more
            if not self._of_workers[worker]:
                del self._of_workers[worker]
