"""The life of tries: dispatch, start, end, retry, loss. Every answer is fenced by its epoch."""

from datetime import timedelta

from penstock.engine.book import Book
from penstock.engine.flow import end, make_ready, release_run, skip_by_branch, skip_downstream, unfold
from penstock.engine.live import Instance
from penstock.engine.messages import Dispatch, Kill
from penstock.model.changes import LateAnswer
from penstock.model.run import Try, XCom
from penstock.model.state import Outcome, TaskState
from penstock.spec.executor import Heartbeat, TryFinished, TryStarted

MAX_LOST = 10


def dispatch_ready(book: Book) -> None:
    """Send out every ready instance that the limits admit."""
    for instance in book.admission.admit():
        _dispatch(book, instance)  # type: ignore[arg-type]  # the only candidates are instances


def _dispatch(book: Book, instance: Instance) -> None:
    run, task = instance.node.run, instance.node.task
    executor = book.executor_of(instance)
    instance.move(TaskState.QUEUED, f"handed to executor {executor!r}")
    instance.epoch += 1
    if not instance.repeats:
        instance.try_number += 1
        instance.started_at = instance.waited_from = None
    instance.repeats = False
    instance.ended_at = None
    instance.queued_at = book.now
    if task.sensor is not None and instance.waited_from is None:
        instance.waited_from = instance.started_at = book.now
    book.enter_lane(instance, executor)
    book.touch(instance)
    book.changes.tries.append(_try(instance))
    waited = (book.now - instance.waited_from).total_seconds() if instance.waited_from else 0.0
    book.dispatches.append(Dispatch(executor, instance.row(), task, run.row, waited))


def _try(instance: Instance) -> Try:
    key = instance.key
    queued_at = instance.queued_at
    assert queued_at is not None  # noqa: S101 - a try exists only after a dispatch, which sets it
    return Try(key.run, key.task_id, key.map_index, instance.epoch, instance.try_number, instance.lane, queued_at)


def start_try(book: Book, event: TryStarted) -> None:
    """A try's process is there."""
    instance = book.instance(event.key)
    if instance is None or event.epoch != instance.epoch or instance.state is not TaskState.QUEUED:
        return
    sensor = instance.node.task.sensor is not None
    instance.move(TaskState.DEFERRED if sensor else TaskState.RUNNING, "pokes its condition" if sensor else "")
    if instance.started_at is None:
        instance.started_at = event.at
    book.touch(instance)
    row = _try(instance)
    book.changes.tries.append(
        Try(
            row.run,
            row.task_id,
            row.map_index,
            row.epoch,
            row.try_number,
            row.executor,
            row.queued_at,
            started_at=event.at,
            pid=event.pid,
        )
    )


def finish_try(book: Book, event: TryFinished) -> None:
    """A try answered; a current one decides the instance's fate, any other is only noted."""
    instance = book.instance(event.key)
    if instance is not None and instance.dying == event.epoch:
        _bury(book, instance, event)
        return
    if instance is None or event.epoch != instance.epoch or not instance.state.live:
        book.changes.late.append(LateAnswer(event.key, event.epoch, event.outcome, event.at))
        return
    _record(book, instance, event)
    _leave_lane(book, instance)
    if event.outcome is Outcome.SUCCESS:
        _succeed(book, instance, event)
    elif event.outcome is Outcome.SKIPPED:
        end(book, instance, TaskState.SKIPPED, event.error or "skipped by its own code")
    elif event.outcome is Outcome.LOST:
        _repeat_lost(book, instance, event)
    else:
        _fail(book, instance, event)


def _record(book: Book, instance: Instance, event: TryFinished) -> None:
    row = _try(instance)
    book.changes.tries.append(
        Try(
            row.run,
            row.task_id,
            row.map_index,
            row.epoch,
            row.try_number,
            row.executor,
            row.queued_at,
            started_at=instance.started_at,
            ended_at=event.at,
            outcome=event.outcome,
            error=event.error,
        )
    )


def _leave_lane(book: Book, instance: Instance) -> None:
    book.lane(instance.lane).tries.discard(instance)
    instance.lane = ""
    book.admission.release(instance)


def _bury(book: Book, instance: Instance, event: TryFinished) -> None:
    """A try that was told to end has ended: its places are free, and what waited for its death may go on."""
    instance.dying = 0
    _record(book, instance, event)
    _leave_lane(book, instance)
    if instance.node.folding:
        unfold(book, instance.node)
    elif instance.state is TaskState.SCHEDULED:
        make_ready(book, instance)
    release_run(book, instance.node.run)


def _succeed(book: Book, instance: Instance, event: TryFinished) -> None:
    node, key = instance.node, instance.key
    for name, xcom in event.xcoms.items():
        book.changes.xcoms.append(XCom(key.run, key.task_id, key.map_index, name, bytes(xcom.value), xcom.length))
        if xcom.length is not None:
            node.lengths[name, key.map_index] = xcom.length
    if event.follow is not None:
        chosen = ", ".join(repr(task_id) for task_id in event.follow) or "nothing"
        skip_by_branch(book, node, event.follow, f"branch {key} chose {chosen}")
    if event.skip_downstream:
        skip_downstream(book, node, everything=event.skip_downstream == "all", reason=f"{key} cut it off")
    end(book, instance, TaskState.SUCCESS, "")


def _repeat_lost(book: Book, instance: Instance, event: TryFinished) -> None:
    instance.lost += 1
    if instance.lost >= MAX_LOST:
        end(book, instance, TaskState.FAILED, f"its worker was lost {instance.lost} times in a row: {event.error}")
        return
    instance.repeats = True
    make_ready(book, instance)


def _fail(book: Book, instance: Instance, event: TryFinished) -> None:
    policy = instance.node.task.retry
    instance.failures += 1
    instance.lost = 0
    summary = event.error.partition("\n")[0]
    sensor = instance.node.task.sensor
    if sensor is not None and sensor.soft_fail and not event.retryable:
        end(book, instance, TaskState.SKIPPED, summary)
        return
    if not event.retryable or instance.failures > policy.retries:
        end(book, instance, TaskState.FAILED, summary)
        return
    run = instance.node.run.row
    pause = policy.delay_before(instance.failures, f"{run.dag_id}/{run.run_id}/{instance.key}")
    if event.retry_after_s is not None:
        pause = max(pause, timedelta(seconds=event.retry_after_s))
    instance.due_at = book.now + pause
    left = policy.retries - instance.failures + 1
    instance.move(TaskState.UP_FOR_RETRY, f"{summary} ({left} of {policy.retries} retries left)")
    book.touch(instance)
    book.retry_at(instance.due_at, instance)


def retry_due(book: Book) -> None:
    """Make ready what has waited long enough for its retry."""
    for instance in book.retries_due():
        if instance.state is TaskState.UP_FOR_RETRY and instance.due_at is not None and instance.due_at <= book.now:
            make_ready(book, instance)


def heartbeat(book: Book, event: Heartbeat) -> None:
    """An executor was heard: the leases of all its tries are renewed."""
    book.lane(event.executor).heard_at = book.now


def expire_leases(book: Book) -> None:
    """Count the tries of silent executors as lost, and have them killed in case they live."""
    for lane in book.silent_lanes():
        error = f"executor {lane.name!r} was silent for {book.lease.total_seconds():g} s"
        for instance in sorted(lane.tries, key=lambda instance: instance.key):
            book.kills.append(Kill(lane.name, instance.key, instance.epoch, error))
            finish_try(book, TryFinished(instance.key, instance.epoch, Outcome.LOST, book.now, error))
