"""Tries that were open when an earlier scheduler ended: taken up by their executors again, or lost."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

from msgspec.structs import replace

from penstock.engine.messages import Dispatch, RunAdded, TryInterrupted
from penstock.model.attempt import Gathered, TryEnd
from penstock.model.dag import TaskSpec, XComRef
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.spec.executor import Executor, TryFinished, TryRecovered, TryStarted
from penstock.tries.try_requests import TryRequests

_SUSPECT = ", which had ended while it dealt with this try"


def recovered(
    runs: Iterable[RunAdded],
    executors: Mapping[str, Executor],
    requests: TryRequests,
    now: datetime,
    suspects: Collection[tuple[TaskKey, int]] = (),
) -> list[TryStarted | TryRecovered | TryFinished | TryInterrupted]:
    """Ask the executors which of their open tries live on; every other open try is lost.

    Args:
        runs: The live runs, as they are stored.
        executors: By the names that the engine knows; each has been started.
        requests: Makes the requests anew, by which an executor knows its tries.
        now: The present.
        suspects: Keys and epochs of the tries that the earlier scheduler was dealing with when it ended by no will of its
            own: only against these is the loss counted.

    Returns:
        What has become of each open try, for the engine.
    """
    opened = [dispatch for run in runs for dispatch in _open_dispatches(run, now)]
    events: list[TryStarted | TryRecovered | TryFinished | TryInterrupted] = []
    for executor in {id(each): each for each in executors.values()}.values():
        mine = [dispatch for dispatch in opened if executors.get(dispatch.executor) is executor]
        if mine:
            made, failed = requests.make(mine, now)
            events += failed
            events += [_judged(event, suspects, now) for event in executor.recover(made)]
    answered = {(event.key, event.epoch) for event in events}
    for dispatch in opened:
        key, epoch = dispatch.instance.key, dispatch.instance.epoch
        if (key, epoch) not in answered:
            reason = "the scheduler was restarted"
            if dispatch.executor not in executors:
                reason += f", and its executor {dispatch.executor!r} is configured no more"
            if (key, epoch) in suspects:
                events.append(TryFinished(key, epoch, now, TryEnd(Outcome.LOST, reason + _SUSPECT)))
            else:
                events.append(TryInterrupted(key, epoch, now, reason))
    return events


def _judged(
    event: TryStarted | TryRecovered | TryFinished, suspects: Collection[tuple[TaskKey, int]], now: datetime
) -> TryStarted | TryRecovered | TryFinished:
    """The event; for an answer at which the earlier scheduler may have ended, a loss: this one would end at it, too."""
    if not isinstance(event, TryFinished) or (event.key, event.epoch) not in suspects:
        return event
    return replace(event, at=now, end=TryEnd(Outcome.LOST, "the scheduler was restarted" + _SUSPECT))


def _open_dispatches(added: RunAdded, now: datetime) -> Iterator[Dispatch]:
    """The dispatches of a run's tries without an outcome, as they were made."""
    tasks = {task.task_id: task for task in added.dag.tasks}
    instances = {instance.key: instance for instance in added.tasks}
    for attempt in added.tries:
        task, instance = (
            tasks.get(attempt.task_id),
            instances.get(TaskKey(attempt.run, attempt.task_id, attempt.map_index)),
        )
        if task is None or instance is None:
            continue
        # The instance may have moved on: its executor is asked for the try that it has, not for the one to come.
        then = replace(instance, epoch=attempt.epoch, try_number=attempt.try_number)
        since = instance.started_at if task.sensor is not None else None
        waited_s = max(0.0, (now - since).total_seconds()) if since is not None else 0.0
        yield Dispatch(attempt.executor, then, task, added.run, waited_s, _gathered(added, task, tasks))


def _gathered(added: RunAdded, task: TaskSpec, tasks: Mapping[str, TaskSpec]) -> dict[XComRef, Gathered]:
    """How much the mapped tasks left whose values a task takes, or is mapped over, by the rows."""
    found: dict[XComRef, Gathered] = {}
    for ref in (*task.inputs, *(source for mapping in task.mapped for source in mapping.sources())):
        producer = tasks[ref.task_id]
        if producer.mapped and not (task.group and producer.group == task.group):
            count = sum((name, key) == (ref.task_id, ref.key) for name, _, key in added.lengths)
            found[ref] = Gathered(count, count == sum(each.task_id == ref.task_id for each in added.tasks))
    return found
