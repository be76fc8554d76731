"""``[queues]``: which executor runs the tries of a queue, how many at once, and how many workers it may want."""

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from penstock.decoders import convert
from penstock.errors import RequestError
from penstock.model.values.wrong_value import wrong_value
from penstock.settings.numbers import Count, CountOrZero, SecondsOrZero
from penstock.spec.executor import LOCAL


class WorkerRule(NamedTuple):
    """How many workers a queue may want, as autoscalers are told.

    Attributes:
        tries_per_worker: Tries that each runs at once.
        min_workers: As few as that are always wanted.
        max_workers: Never more than that; None for any number.
        cooldown_s: Seconds for which a worker stays wanted that was.
    """

    tries_per_worker: int = 1
    min_workers: int = 0
    max_workers: int | None = None
    cooldown_s: float = 300.0

    def workers(self, wanted: int) -> int:
        """The workers for so many tries."""
        needed = max(self.min_workers, -(-wanted // self.tries_per_worker))
        return needed if self.max_workers is None else min(needed, self.max_workers)


class QueueChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[queues]``: a queue by its name, as ``NAME = "EXECUTOR"`` or as a table.

    Attributes:
        executor: Name of the executor of ``[executors]`` that runs its tries.
        max_active_tasks: Tasks of it at once, sensors not counted; None for any number.
        tries_per_worker: Tries that one of its workers runs at once, by which workers are counted.
        min_workers: Workers that it wants though nothing waits; 0 lets all of them go.
        max_workers: Workers that it wants at most; None for any number.
        cooldown_s: Seconds for which a worker stays wanted that was: so long nobody scales in.
    """

    executor: str = LOCAL
    max_active_tasks: Count | None = None
    tries_per_worker: Count = WorkerRule().tries_per_worker
    min_workers: CountOrZero = WorkerRule().min_workers
    max_workers: Count | None = None
    cooldown_s: SecondsOrZero = WorkerRule().cooldown_s

    @property
    def workers(self) -> WorkerRule:
        """How many workers it may want."""
        return WorkerRule(self.tries_per_worker, self.min_workers, self.max_workers, self.cooldown_s)


def read_queue(queue: str, value: object, executors: Collection[str]) -> QueueChoice:
    """Read one entry of ``[queues]``; raises RequestError with what is wrong with it."""
    if isinstance(value, dict):
        try:
            chosen = convert(value, QueueChoice)
        except msgspec.ValidationError as error:
            raise RequestError(f"queue {queue!r}: {wrong_value(error, QueueChoice)}") from None
    elif isinstance(value, str):
        chosen = QueueChoice(value)
    else:
        raise RequestError(
            f'queue {queue!r}: write {queue} = "EXECUTOR", or a table with `executor` and `max_active_tasks`.'
        )
    if chosen.max_workers is not None and chosen.min_workers > chosen.max_workers:
        raise RequestError(
            f"queue {queue!r}: min_workers is {chosen.min_workers} and max_workers only {chosen.max_workers}. Lower one or raise the other."
        )
    if chosen.executor not in executors:
        known = ", ".join(sorted(executors))
        raise RequestError(
            f"queue {queue!r}: there is no executor {chosen.executor!r} in [executors]. Known are: {known}."
        )
    return chosen
