"""Why no worker has begun what waits for one: which workers of a remote executor take tries of a queue, and what they are at."""

import shlex
from datetime import datetime

from penstock.errors import as_sentence
from penstock.model.remote.remote_try import RemoteWorker
from penstock.model.text import counted, utc_text, visible
from penstock.scheduler.executor_faults import NOT_MADE, ExecutorFaults
from penstock.service.choices.executors import capacity_of
from penstock.service.installation import Installation
from penstock.tries.remote.doorbell import RAISED

_PERIODS, _LEAST_S = 2.5, 30.0
"""After so many of its own periods, and so many seconds, nothing was heard of a worker for long."""


def why_not_begun(installation: Installation, executor: str, queue: str) -> str:
    """What keeps the workers that could take a try from it, as the rest of a sentence; "" if that is not known.

    Args:
        installation: Its database says which workers were heard of.
        executor: Of the settings; a provider's.
        queue: Of the task.

    Raises:
        StoreError: The database failed.
    """
    settings = installation.settings
    none_there = capacity_of(settings, executor, settings.executors[executor]) == 0
    faults = ExecutorFaults(settings.state_folder, executor).over()[0] if none_there else []
    if unmade := [each for each in faults if NOT_MADE in each]:
        why = as_sentence(visible(unmade[-1].removeprefix(f"executor {executor!r} ")))
        return f"it {why} Mend that, and start `penstock up` again"
    pools = [each for each in installation.store.remote_workers.all(executor) if each.status.queues]
    taking = [each for each in pools if queue in each.status.queues]
    start = f"`{shlex.join(['penstock', 'worker', '--executor', executor, '--queues', queue])}` starts one"
    if pools and not taking:
        return f"{counted(len(pools), 'worker')} of it {_be(pools)} there, and none takes queue {queue!r}: {start}"
    if not taking:  # where workers are started for each try, only the executor itself knows more
        raised = [each.partition(RAISED)[2] for each in faults if RAISED in each]
        if raised:
            return f"its engine cannot be asked: {visible(raised[-1])}"
        return f"none of its workers was heard of lately: {start}" if none_there else ""
    now = installation.now()
    recent = [each for each in taking if not _is_silent(each, now)]
    if not recent:
        last = utc_text(max(each.seen_at for each in taking))
        return f"nothing was heard since {last} of the {_who(taking, queue)}; do they run, and does the server answer them? {start}"
    serving = [each for each in recent if not (each.status.draining or each.drain_requested)]
    if not serving:
        return f"the {_who(recent, queue)} {_be(recent)} draining: {start}"
    who = _who(serving, queue)
    held, slots = installation.store.remote_workers.held(), sum(each.status.slots for each in serving)
    free = sum(max(0, each.status.slots - held.get(each.status.worker, 0)) for each in serving)
    if not free:
        return f"all slots of the {who} are in use: {slots} of {slots}"
    return (
        f"{free} of {counted(slots, 'slot')} of the {who} {'is' if free == 1 else 'are'} free: its ticket is on its way"
    )


def _is_silent(worker: RemoteWorker, now: datetime) -> bool:
    return (now - worker.seen_at).total_seconds() > max(_LEAST_S, _PERIODS * worker.status.period_s)


def _be(workers: list[RemoteWorker]) -> str:
    return "is" if len(workers) == 1 else "are"


def _who(workers: list[RemoteWorker], queue: str) -> str:
    return f"{counted(len(workers), 'worker')} that {'takes' if len(workers) == 1 else 'take'} queue {queue!r}"
