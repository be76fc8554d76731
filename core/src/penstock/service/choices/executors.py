"""Operations on the executors of ``[executors]``."""

import msgspec

from penstock.model.access.permission import Permission
from penstock.scheduler.capacity_file import CapacityFile
from penstock.service.choices.live_tasks import live_tasks
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.settings import ExecutorChoice, Settings
from penstock.spec.executor import LOCAL


class ExecutorUsage(msgspec.Struct, frozen=True):
    """An executor and what is asked of it.

    Attributes:
        type: ``local``, or the capability id of a provider's executor; "" if the settings name none of this name any more.
        capacity: Tries that it holds at once; None for a provider's that no scheduler of this machine has asked.
        held: Tries that it holds now.
        waiting: Task instances that are ready, and whose queue is its.
        queues: Queues that `[queues]` routes to it.
    """

    name: str
    type: str
    capacity: int | None
    held: int = 0
    waiting: int = 0
    queues: tuple[str, ...] = ()


@operation("GET", "/executors", needs=Permission.INSTALLATION_READ)
def list_executors(installation: Installation) -> list[ExecutorUsage]:
    """List the executors with what is asked of them; raises StoreError."""
    settings = installation.settings
    held: dict[str, int] = {}
    waiting: dict[str, int] = {}
    for each in live_tasks(installation.store) if installation.has_database else ():
        if each.attempt is not None:
            held[each.attempt.executor] = held.get(each.attempt.executor, 0) + 1
        elif each.waits:
            name = settings.queues.get(each.task.queue, LOCAL)
            waiting[name] = waiting.get(name, 0) + 1
    found = []
    for name, chosen in settings.executors.items():
        capacity = capacity_of(settings, name, chosen)
        queues = tuple(queue for queue, executor in settings.queues.items() if executor == name)
        found.append(ExecutorUsage(name, chosen.type, capacity, held.pop(name, 0), waiting.pop(name, 0), queues))
    return [*found, *(ExecutorUsage(name, "", None, number) for name, number in sorted(held.items()))]


def capacity_of(settings: Settings, name: str, chosen: ExecutorChoice) -> int | None:
    """Tries that an executor holds at once; None for a provider's that no scheduler of this machine has asked."""
    if chosen.provided:
        return CapacityFile(settings.state_folder, name).read()
    return settings.local_executor(name).parallelism
