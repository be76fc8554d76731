"""``[queues]``: which executor runs the tries of a queue, and how many of its tasks may run at once."""

from collections.abc import Collection

import msgspec

from penstock.decoders import convert
from penstock.errors import RequestError
from penstock.model.values.wrong_value import wrong_value
from penstock.settings.numbers import Count
from penstock.spec.executor import LOCAL


class QueueChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[queues]``: a queue by its name, as ``NAME = "EXECUTOR"`` or as a table.

    Attributes:
        executor: Name of the executor of ``[executors]`` that runs its tries.
        max_active_tasks: Tasks of it at once, sensors not counted; None for any number.
    """

    executor: str = LOCAL
    max_active_tasks: Count | None = None


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
    if chosen.executor not in executors:
        known = ", ".join(sorted(executors))
        raise RequestError(
            f"queue {queue!r}: there is no executor {chosen.executor!r} in [executors]. Known are: {known}."
        )
    return chosen
