"""The life of tries: dispatch, start, end, retry, loss. Every answer is fenced by its epoch."""

from datetime import timedelta

from msgspec.structs import replace

from penstock.engine.book import Book
from penstock.engine.cuts import cut, unknown_choice
from penstock.engine.flow import end, evaluate, make_ready, unfold
from penstock.engine.live import Instance
from penstock.engine.messages import Dispatch, Kill
from penstock.model.changes import LateAnswer
from penstock.model.retry import LONGEST_DELAY_S
from penstock.model.run import UNMAPPED, Try, XCom
from penstock.model.state import Outcome, TaskState
from penstock.spec.executor import Heartbeat, TryFinished, TryStarted

MAX_LOST = 10


def dispatch_ready(book: Book) -> None:
    """Send out every ready instance that the limits admit."""
    for instance in book.admission.admit():
        _dispatch(book, instance)  # type: ignore[arg-type]  # the only candidates are instances


def _dispatch(book: Book, instance: Instance) -> None:
    node, key, now = instance.node, instance.key, book.now
    executor = book.executor_of(node)
    instance.move(TaskState.QUEUED, f"handed to executor {executor!r}")
    instance.epoch += 1
    instance.try_number += 1
    instance.ended_at = None
    instance.queued_at = now
    waited = 0.0
    if node.task.sensor is not None:
        if instance.waited_from is None:
            instance.waited_from = instance.started_at = now
        waited = (now - instance.waited_from).total_seconds()
    attempt = Try(key.run, key.task_id, key.map_index, instance.epoch, instance.try_number, executor, now)
    book.enter_lane(instance, attempt)
    book.store_try(key, attempt)
    book.touch(instance)
    book.dispatches.append(Dispatch(executor, instance.row(), node.task, node.run.row, waited))


def start_try(book: Book, event: TryStarted) -> None:
    """A try's process is there."""
    instance = book.instance(event.key)
    if instance is None or instance.attempt is None or event.epoch != instance.epoch:
        return
    instance.attempt = replace(instance.attempt, started_at=event.at, pid=event.pid)
    book.store_try(instance.key, instance.attempt)
    if instance.state is not TaskState.QUEUED:
        return
    if instance.node.task.sensor is not None:
        instance.move(TaskState.DEFERRED, "pokes its condition")
    else:
        instance.move(TaskState.RUNNING, "")
        instance.started_at = event.at
    book.touch(instance)


def finish_try(book: Book, event: TryFinished) -> None:
    """A try answered; a current one decides the instance's fate, any other is only noted."""
    instance = book.instance(event.key)
    if instance is None or instance.attempt is None or event.epoch != instance.epoch:
        book.note_late(LateAnswer(event.key, event.epoch, event.outcome, event.at))
        return
    if not instance.dying and event.outcome is Outcome.SUCCESS and (error := unknown_choice(instance.node, event)):
        event = replace(event, outcome=Outcome.FAILED, error=error, retryable=False)
    ended = replace(instance.attempt, ended_at=event.at, outcome=event.outcome, error=event.error)
    book.store_try(instance.key, ended)
    book.leave_lane(instance, ended)
    if instance.dying:
        _bury(book, instance)
    elif event.outcome is Outcome.SUCCESS:
        _succeed(book, instance, event)
    elif event.outcome is Outcome.SKIPPED:
        end(book, instance, TaskState.SKIPPED, event.error.partition("\n")[0] or "skipped by its own code")
    elif event.outcome is Outcome.LOST:
        _repeat_lost(book, instance, event)
    else:
        _fail(book, instance, event)


def _bury(book: Book, instance: Instance) -> None:
    """A try that was told to end has ended: what waited for its death may go on."""
    instance.dying = False
    node = instance.node
    if node.folding:
        unfold(book, node)
        evaluate(book, node)
    elif instance.state is TaskState.SCHEDULED:
        make_ready(book, instance, "ready")
    if node.run.row.state.finished:
        book.release(node.run)


def _succeed(book: Book, instance: Instance, event: TryFinished) -> None:
    node, key = instance.node, instance.key
    for name, xcom in event.xcoms.items():
        book.changes.xcoms.append(XCom(key.run, key.task_id, key.map_index, name, bytes(xcom.value), xcom.length))
        if xcom.length is not None and key.map_index == UNMAPPED:
            node.lengths[name] = xcom.length
    if event.follow is not None or event.skip_downstream:
        cut(book, node, event)
    end(book, instance, TaskState.SUCCESS, "")


def _repeat_lost(book: Book, instance: Instance, event: TryFinished) -> None:
    """Repeat a try whose worker was lost, under the same number and at no cost of a retry."""
    instance.lost += 1
    if instance.lost >= MAX_LOST:
        end(book, instance, TaskState.FAILED, f"its worker was lost {instance.lost} times in a row: {event.error}")
        return
    instance.try_number -= 1
    make_ready(book, instance, f"its worker was lost: {event.error}")


def _fail(book: Book, instance: Instance, event: TryFinished) -> None:
    task, run = instance.node.task, instance.node.run.row
    instance.failures += 1
    instance.lost = 0
    summary = event.error.partition("\n")[0] or f"its try ended as {event.outcome.value}"
    if task.sensor is not None and task.sensor.soft_fail and not event.retryable:
        end(book, instance, TaskState.SKIPPED, summary)
        return
    if not event.retryable or instance.failures > task.retry.retries:
        end(book, instance, TaskState.FAILED, summary)
        return
    pause = task.retry.delay_before(instance.failures, f"{run.dag_id}/{run.run_id}/{instance.key}")
    if event.retry_after_s is not None:
        pause = max(pause, timedelta(seconds=min(LONGEST_DELAY_S, max(0.0, event.retry_after_s))))
    left = task.retry.retries - instance.failures + 1
    instance.move(TaskState.UP_FOR_RETRY, f"{summary} ({left} of {task.retry.retries} retries left)")
    instance.started_at = instance.waited_from = None
    instance.due_at = book.now + pause
    book.touch(instance)
    book.retry_at(instance.due_at, instance)


def retry_due(book: Book) -> None:
    """Make ready what has waited long enough for its retry."""
    for instance in book.retries_due():
        if instance.state is TaskState.UP_FOR_RETRY and instance.due_at is not None and instance.due_at <= book.now:
            make_ready(book, instance, "ready")


def heartbeat(book: Book, event: Heartbeat) -> None:
    """An executor was heard: the leases of all its tries are renewed."""
    book.hear(book.lane(event.executor))


def expire_leases(book: Book) -> None:
    """Count a silent executor's tries as lost, have them killed in case they live, and send it none until it speaks."""
    for lane in book.silent_lanes():
        error = f"executor {lane.name!r} was silent for {book.lease.total_seconds():g} s"
        lane.places.closed = f"{error} and has not been heard since"
        for instance in sorted(lane.tries, key=lambda instance: instance.key):
            book.kills.append(Kill(lane.name, instance.key, instance.epoch, error))
            finish_try(book, TryFinished(instance.key, instance.epoch, Outcome.LOST, book.now, error))
