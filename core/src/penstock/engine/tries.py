"""The life of tries: dispatch, start, end, retry, loss. Every answer is fenced by its epoch."""

from datetime import timedelta

from msgspec.structs import replace

from penstock.engine.assets.events import emit_events
from penstock.engine.decisions.branching import decision
from penstock.engine.decisions.mapped_instances import collapse
from penstock.engine.flow import end_instance, evaluate, make_ready
from penstock.engine.graph.branch_answer import judged
from penstock.engine.live import Instance
from penstock.engine.messages import Dispatch, Kill, TryInterrupted
from penstock.engine.state import State
from penstock.model.attempt import TryEnd
from penstock.model.changes import LateAnswer
from penstock.model.retry import LONGEST_DELAY_S
from penstock.model.run import Rendered, TaskKey, Try, XCom
from penstock.model.state import Outcome, TaskState
from penstock.model.text import shortened
from penstock.spec.executor import Heartbeat, TryFinished, TryRecovered, TryStarted

MAX_LOST = 10
LONGEST_PAUSE_S = 600.0
"""Seconds at most before a try is repeated of which its executor has said nothing for several leases in a row."""
LONGEST_REASON = 500
"""Characters of an error that its instance's reason repeats; the try's row and its log have the rest."""


def dispatch_ready(state: State) -> None:
    """Dispatch every ready instance that the limits admit."""
    for instance in state.admission.admit():
        _dispatch(state, instance)  # type: ignore[arg-type]  # the only candidates are instances


def _dispatch(state: State, instance: Instance) -> None:
    node, key, now = instance.node, instance.key, state.now
    executor = state.executor_of(node)
    instance.transition(TaskState.QUEUED, f"handed to executor {executor!r}")
    # Each dispatch is a new epoch, a repeated loss included: the epoch identifies the try, the number is what the user counts.
    instance.epoch += 1
    instance.try_number += 1
    instance.queued_at = now
    waited = 0.0
    if node.task.sensor is not None:
        if instance.waiting_since_s is None:
            instance.waiting_since_s, instance.started_at = state.monotonic_s, now
        waited = state.monotonic_s - instance.waiting_since_s
    attempt = Try(key.run, key.task_id, key.map_index, instance.epoch, instance.try_number, executor, now)
    state.attach_try(instance, attempt)
    state.store_try(key, attempt)
    state.mark_dirty(instance)
    state.dispatches.append(Dispatch(executor, instance.row(), node.task, node.run.row, waited, node.gathered()))


def start_try(state: State, event: TryStarted) -> None:
    """Record that a try's process runs."""
    instance = state.instance(event.key)
    # A late event of an earlier try must not give its process or its start to the one that runs now.
    if instance is None or instance.attempt is None or event.epoch != instance.epoch:
        return
    # It is a sign of life as good as a heartbeat, and the first heartbeat of its process is yet to come.
    state.renew_lease(instance)
    instance.attempt = replace(instance.attempt, started_at=event.at, pid=event.pid, worker=event.worker)
    state.store_try(instance.key, instance.attempt)
    if instance.state is not TaskState.QUEUED:
        return
    if instance.node.task.sensor is not None:
        instance.transition(TaskState.DEFERRED, "pokes its condition")
    else:
        instance.transition(TaskState.RUNNING, "")
        instance.started_at = event.at
    state.mark_dirty(instance)


def finish_try(state: State, event: TryFinished, *, blamed: bool = True) -> None:
    """Take in a try's outcome: the current try decides its instance's state, any other is recorded as late.

    Args:
        state: The engine's state.
        event: What ended, and how.
        blamed: Whether a loss may be the try's own doing, so that it is counted.
    """
    instance = state.instance(event.key)
    # The fence: only the newest epoch counts, so that a worker that was given up and answers after all, or answers twice,
    # decides nothing. Its answer is kept on its row, because its work in the outside world may have happened.
    if instance is None or instance.attempt is None or event.epoch != instance.epoch:
        state.record_late(LateAnswer(event.key, event.epoch, event.end.outcome, event.at))
        return
    if event.end.rendered:
        state.changes.rendered.append(Rendered(*event.key, event.epoch, event.end.rendered))
    if event.end.map_key and not instance.cancelling:
        instance.map_key = event.end.map_key
    event = replace(event, end=judged(instance.node.run.compiled, instance.node.number, event.end))
    ended = replace(instance.attempt, ended_at=event.at, outcome=event.end.outcome, error=event.end.error)
    state.store_try(instance.key, ended)
    state.detach_try(instance)
    if instance.cancelling:
        # Whatever it answered, its instance was cleared, marked or cancelled since: that decision stands.
        _after_cancelled(state, instance)
    elif event.end.outcome is Outcome.SUCCESS:
        _succeed(state, instance, event)
    elif event.end.outcome is Outcome.SKIPPED:
        end_instance(
            state,
            instance,
            TaskState.SKIPPED,
            shortened(event.end.error.partition("\n")[0], LONGEST_REASON) or "skipped by its own code",
        )
    elif event.end.outcome is Outcome.LOST:
        _repeat_lost(state, instance, event.end, blamed=blamed)
    else:
        _fail(state, instance, event)


def _after_cancelled(state: State, instance: Instance) -> None:
    """Let an instance go on whose cancelled try has ended: only now may it be dispatched again or collapsed."""
    instance.cancelling = False
    node = instance.node
    if instance.state.live:
        # Only the timeout or the cancel of its run leaves an instance as it is until its try has ended: what tears down comes after.
        if node.run.row.cancelled_at is not None:
            end_instance(state, instance, TaskState.CANCELLED, node.run.row.reason)
        else:
            end_instance(state, instance, TaskState.FAILED, node.run.timeout_reason)
    elif node.group is not None and node.collapsing:
        collapse(state, node.group)
        node.run.recount()
        for each in node.group.nodes:
            evaluate(state, each)
    elif instance.state is TaskState.SCHEDULED:
        make_ready(state, instance, "ready")
    for setup in _setups_of(instance):
        if setup.state is TaskState.SCHEDULED and setup.bucket is None:
            make_ready(state, setup, "ready")
    if node.run.row.state.finished:
        state.release(node.run)


def _setups_of(instance: Instance) -> list[Instance]:
    """The setups that a teardown takes down; none for all else."""
    node = instance.node
    ups = (node.run.nodes[number] for number in node.run.compiled.upstream[node.number] if node.task.teardown)
    return [each for up in ups if up.task.setup for each in up.beside(instance)]


def _succeed(state: State, instance: Instance, event: TryFinished) -> None:
    node, key = instance.node, instance.key
    for name, xcom in event.end.xcoms.items():
        state.changes.xcoms.append(XCom(key.run, key.task_id, key.map_index, name, xcom.json, xcom.length))
        node.count_value(name, key.map_index, xcom.length)
    emit_events(state, instance, event.end)
    end_instance(state, instance, TaskState.SUCCESS, decision(event.end))


def interrupt_try(state: State, event: TryInterrupted) -> None:
    """Repeat a try that ended with its scheduler."""
    finish_try(state, TryFinished(event.key, event.epoch, event.at, TryEnd(Outcome.LOST, event.reason)), blamed=False)


def _repeat_lost(state: State, instance: Instance, end: TryEnd, *, blamed: bool) -> None:
    """Repeat a try whose worker was lost, under the same number and at no cost of a retry."""
    pause_s, error = 0.0, end.error
    if blamed:
        instance.losses += 1
        # No retry is spent, so something else has to end a try that takes its worker with it each time.
        if instance.losses >= MAX_LOST:
            reason = f"its worker was lost {instance.losses} times in a row: {error}"
            end_instance(state, instance, TaskState.FAILED, reason)
            return
        if end.retry_after_s is not None:  # its machine has no room now, such as for a process
            pause_s = min(LONGEST_PAUSE_S, _bounded(end.retry_after_s).total_seconds() * 2.0 ** (instance.losses - 1))
    else:
        # An executor that says nothing is to blame, and no try of it; it gets ever more time.
        instance.silences += 1
        if instance.silences > 1:
            pause_s = min(LONGEST_PAUSE_S, state.lease_s * 2.0 ** min(instance.silences - 2, 16))
    instance.try_number -= 1
    if not pause_s:
        make_ready(state, instance, f"its worker was lost: {error}")
        return
    often = instance.losses if blamed else instance.silences
    instance.transition(TaskState.UP_FOR_RETRY, f"its worker was lost {often} times in a row: {error}")
    instance.due_at, instance.ended_at = state.now + timedelta(seconds=pause_s), state.now
    state.mark_dirty(instance)
    state.retry_after(pause_s, instance)


def _fail(state: State, instance: Instance, event: TryFinished) -> None:
    task, run = instance.node.task, instance.node.run.row
    instance.failures += 1
    instance.losses = instance.silences = 0
    summary = shortened(event.end.error.partition("\n")[0], LONGEST_REASON)
    summary = summary or f"its try ended as {event.end.outcome.value}"
    if task.sensor is not None and task.sensor.soft_fail and not event.end.retryable:
        end_instance(state, instance, TaskState.SKIPPED, summary)
        return
    if not event.end.retryable or instance.failures > task.retry.retries:
        end_instance(state, instance, TaskState.FAILED, summary)
        return
    pause = task.retry.delay_before(instance.failures, f"{run.dag_id}/{run.run_id}/{instance.key}")
    if event.end.retry_delay_s is not None:
        pause = _bounded(event.end.retry_delay_s)
    if event.end.retry_after_s is not None:
        pause = max(pause, _bounded(event.end.retry_after_s))
    left = task.retry.retries - instance.failures + 1
    instance.transition(TaskState.UP_FOR_RETRY, f"{summary} ({left} of {task.retry.retries} retries left)")
    instance.started_at = instance.waiting_since_s = None
    instance.due_at, instance.ended_at = state.now + pause, state.now
    state.mark_dirty(instance)
    state.retry_after(pause.total_seconds(), instance)


def _bounded(pause_s: float) -> timedelta:
    """A pause as a try asks for it, within bounds whatever it asks for."""
    return timedelta(seconds=min(LONGEST_DELAY_S, max(0.0, pause_s)))


def retry_due_instances(state: State) -> None:
    """Make instances ready whose retry is due."""
    for instance in state.take_due_retries():
        if instance.retry_at_s is not None and instance.retry_at_s <= state.monotonic_s:
            make_ready(state, instance, "ready")


def heartbeat(state: State, event: Heartbeat) -> None:
    """Renew the leases of the tries that a heartbeat names."""
    for key, epoch in event.tries:
        _renew(state, key, epoch)


def recover_try(state: State, event: TryRecovered) -> None:
    """Let a try go on that outlived a restart; its restored instance keeps its state, and no loss is counted."""
    _renew(state, event.key, event.epoch)
    instance = state.instance(event.key)
    if event.elsewhere and instance is not None and instance.attempt is not None and event.epoch == instance.epoch:
        state.admission.release_one(instance, state.resources.executor(instance.attempt.executor))


def _renew(state: State, key: TaskKey, epoch: int) -> None:
    instance = state.instance(key)
    if instance is not None and instance.attempt is not None and epoch == instance.epoch:
        state.renew_lease(instance)


def expire_leases(state: State) -> None:
    """Count a try that was not renewed for a whole lease as lost, and kill it in case it lives."""
    for instance in state.take_expired():
        if instance.attempt is None:
            continue
        executor = instance.attempt.executor
        error = f"executor {executor!r} sent no heartbeat for it for {state.lease_s:g} s"
        state.kills.append(Kill(executor, instance.key, instance.epoch, error))
        lost = TryFinished(instance.key, instance.epoch, state.now, TryEnd(Outcome.LOST, error))
        finish_try(state, lost, blamed=False)
