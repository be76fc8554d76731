"""Runs and DAGs that the engine is told of: they are taken over, and go on, with another version if that is asked for."""

from msgspec.structs import replace

from penstock.engine.assets.events import watch_assets
from penstock.engine.decisions.mapped_instances import settle
from penstock.engine.flow import end_run_by_leaves, end_run_if_done, evaluate, let_later_go, make_ready
from penstock.engine.graph.compiled import CompiledDag
from penstock.engine.live import Instance, LiveRun, Node
from penstock.engine.messages import DagUpdated, RunAdded, RunVersionChanged
from penstock.engine.runs.ending import end_cancelled
from penstock.engine.runs.found_past import forget_past_runs
from penstock.engine.state import State
from penstock.engine.why import why_paused
from penstock.model.dag import DagSpec, Mapping, TaskSpec
from penstock.model.run import UNMAPPED, TaskInstance, TaskKey, Try
from penstock.model.state import RunState, TaskState

_DROPPED = "the version of its run has no such task"


def update_dag(state: State, event: DagUpdated) -> None:
    """Set the newest version of a DAG and its switches."""
    dag = state.dag(event.dag.dag_id)
    # While it was retired nothing moved its cursor but a deletion, after which it begins anew.
    returned = dag.row is not None and not dag.row.active
    resumed = dag.row is not None and dag.row.paused and not event.paused
    if dag.row is None or dag.row.paused or not dag.row.active or _timetable(dag.row.dag) != _timetable(event.dag):
        dag.watched_since = state.now
    dag.row = event
    dag.set_limits(event.dag)
    watch_assets(state, dag, event)
    forget_past_runs(state, dag)
    if returned or (event.cursor is not None and (dag.cursor is None or event.cursor > dag.cursor)):
        dag.cursor = event.cursor
    if event.last_due is not None and dag.cursor is not None and dag.cursor > state.now:
        dag.cursor, dag.cursor_ahead = event.last_due, dag.cursor
    elif resumed and dag.cursor is not None and dag.cursor > state.now:  # a person has it go on from now
        dag.cursor, dag.cursor_set = event.dag.schedule.tick_at_or_before(state.now, event.dag.start_date), True
    dag.active_tasks.closed = why_paused(event.dag.dag_id) if event.paused else dag.held
    for limit in (dag.active_tasks, *dag.task_limits.values()):
        state.admission.recheck(limit)
    state.dags_to_check.add(event.dag.dag_id)


def _timetable(dag: DagSpec) -> tuple[object, ...]:
    """What says when a DAG's runs fall due; a plan that is carried on is no other timetable."""
    return replace(dag.schedule, planned=()), dag.start_date, dag.end_date


def add_run(state: State, event: RunAdded) -> None:
    """Add a run: a queued one waits for its DAG's turn, a running one continues from its stored rows."""
    row = event.run
    if row.run in state.runs:
        return
    dag = state.dag(row.dag_id)
    if dag.row is None:
        dag.set_limits(event.dag)
    if row.state is RunState.QUEUED:
        dag.enqueue(row, fresh=not event.tasks)
    run = state.runs[row.run] = LiveRun(row, state.compiled(event.dag, row.version, row.subset))
    dag.dated.add(row)
    if event.tasks:
        _restore(state, run, event)
    if row.state is RunState.RUNNING or run.tries:
        dag.running.add(row.run)
        if dag.backfill is not None and dag.backfill.row.number == row.backfill:
            dag.backfill.runs.add(row.run)
    _go_on(state, run)
    state.dags_to_check.add(row.dag_id)


def _go_on(state: State, run: LiveRun) -> None:
    """Let a run that was taken over go on from where its rows are."""
    if run.row.state is RunState.RUNNING:
        state.limit_run(run)
        if run.row.cancelled_at is not None:
            end_cancelled(state, run)
        for instance in run.instances():
            _resume(state, instance)
        evaluate_all(state, run)
    elif run.row.state.finished:
        state.release(run)


def change_version(state: State, event: RunVersionChanged) -> None:
    """Let a run go on with another version of its DAG: it is taken over anew from the rows that it has."""
    old = state.runs.get(event.run)
    # A try that lives runs the old code and is counted in its nodes; what it answers would fit into no task of the new ones.
    if old is None or old.tries or old.row.version == event.version:
        return
    row, started_s = replace(old.row, version=event.version), old.started_s
    if row.state is RunState.RUNNING and (row.timed_out_at is not None or row.cancelled_at is not None):
        # Only its teardowns were left: the other version's tasks get the whole of its time again.
        row = replace(row, started_at=state.now, timed_out_at=None, cancelled_at=None, reason="")
        started_s = state.monotonic_s
    run = state.runs[row.run] = LiveRun(row, state.compiled(event.dag, event.version, row.subset))
    run.started_s = started_s
    if row.started_at is not None or any(each.state is not TaskState.NONE for each in old.instances()):
        _restore_rows(state, old, run, event)
    else:
        _begin_anew(state, old, run)
    state.store_run(run, row)
    _go_on(state, run)
    if row.state.finished and run.unfinished:
        reopen(state, run, "its version has tasks that have not run")
    elif row.state in (RunState.SUCCESS, RunState.FAILED):
        end_run_by_leaves(state, run)
    let_later_go(state, run, {*old.compiled.index, *run.compiled.index})


def _begin_anew(state: State, old: LiveRun, run: LiveRun) -> None:
    """Put fresh instances in the place of those of a run that has not started, with the rows that a cancel or a clear left."""
    kept = {instance.key for instance in run.instances()}
    for instance in old.instances():
        if instance.state is not TaskState.NONE:
            instance.reset("its run begins anew")
            state.mark_dirty(instance)  # for listeners, who hear of it before the row goes
        state.forget(instance)
        if instance.key not in kept:
            state.delete_row(instance)


def _restore_rows(state: State, old: LiveRun, run: LiveRun, event: RunVersionChanged) -> None:
    """Restore the rows of the old version in the new one, and make those of the tasks that are new."""
    retries = {instance.key: instance.retry_at_s for instance in old.instances()}
    kept: list[TaskInstance] = []
    begun_anew: list[Instance] = []
    anew = _begins_anew(old, run)
    for instance in [*old.instances(), *_taken_up(state, old, run)]:
        state.forget(instance)
        node = run.node(instance.key.task_id)
        if node is None:
            run.dropped[instance.key] = _dropped(state, instance)
        elif bool(node.task.mapped) == bool(instance.node.task.mapped) and node.task.task_id not in anew:
            kept.append(instance.row())
        else:
            _end_former(state, run, instance, _why_anew(instance.node, node))
            state.changes.cleared.append(instance.key)
            state.changes.forgotten.append(instance.key)
            begun_anew.append(instance)
    _restore(state, run, RunAdded(run.row, event.dag, tuple(kept), lengths=event.lengths))
    for gone in begun_anew:
        for instance in run.nodes[run.compiled.index[gone.key.task_id]].instances.values():
            instance.epoch = max(instance.epoch, gone.epoch)
            instance.try_number = max(instance.try_number, gone.try_number)
    for instance in run.instances():
        instance.retry_at_s = retries.get(instance.key)
        if instance.reason == _DROPPED:
            instance.reset("its task is there again")
        state.mark_dirty(instance)
    run.recount()
    for before in old.nodes:
        if (node := run.node(before.task.task_id)) is not None:
            _restore_lengths(node, before, anew=before.task.task_id in anew)


def _end_former(state: State, run: LiveRun, instance: Instance, reason: str) -> None:
    """End an instance whose task begins anew in another version: one of an element is removed, a placeholder makes room."""
    if instance.key.map_index != UNMAPPED:
        state.remove(run, instance, reason)
        return
    instance.reset(reason)
    state.mark_dirty(instance)  # for listeners, who hear of it before the row goes
    state.delete_row(instance)


def _begins_anew(old: LiveRun, run: LiveRun) -> set[str]:
    """Tasks that are mapped in one of two versions alone, and what is mapped over these: its instances were of elements that are gone."""
    anew: set[str] = set()
    for node in run.nodes:  # in topological order
        task_id, before = node.task.task_id, old.node(node.task.task_id)
        sources = (source.task_id for mapping in node.task.mapped for source in mapping.sources())
        changed = before is not None and bool(before.task.mapped) != bool(node.task.mapped)
        if changed or not anew.isdisjoint(sources):
            anew.add(task_id)
    return anew


def _why_anew(before: Node, node: Node) -> str:
    if before.task.mapped and node.task.mapped:
        return "what it is mapped over begins anew"
    return "its task is mapped no more" if before.task.mapped else "its task is mapped now"


def _restore_lengths(node: Node, before: Node, *, anew: bool) -> None:
    """Keep what is known in memory of a task's values: what the store has may have been cleared in this very step."""
    if anew:
        node.lengths, node.left = {}, {}
    else:
        node.lengths = (node.lengths if before.done else {}) | before.lengths
        node.left = (node.left if before.done else {}) | before.left


def _taken_up(state: State, old: LiveRun, run: LiveRun) -> list[Instance]:
    """Instances of the rows that an earlier version left, as far as the new one has their tasks; the others stay rows."""
    found = []
    for row in old.dropped.values():
        if run.node(row.task_id) is None or row.state is TaskState.REMOVED:
            run.dropped[row.key] = row
            continue
        spec = TaskSpec(row.task_id, mapped=() if row.map_index == UNMAPPED else (Mapping("", length=1),))
        alone = LiveRun(run.row, CompiledDag(DagSpec(run.row.dag_id, "", (spec,)), ""))
        instance = Instance(row.key, alone.nodes[0])
        instance.restore(state.take_up(row))
        found.append(instance)
    return found


def _dropped(state: State, instance: Instance) -> TaskInstance:
    """The row that stays of an instance whose task the run's version does not have; what had not ended is skipped."""
    if not instance.state.finished:
        instance.reset("")
        instance.transition(TaskState.SKIPPED, _DROPPED)
        instance.ended_at = state.now
    return state.drop(instance)


def reopen(state: State, run: LiveRun, reason: str) -> None:
    """Queue a run that has ended: like any other, so that reopening many starts no more of them than may be active."""
    state.store_run(
        run, replace(run.row, state=RunState.QUEUED, ended_at=None, reason=reason, timed_out_at=None, cancelled_at=None)
    )
    state.dag(run.row.dag_id).enqueue(run.row, fresh=False)
    state.free_place(run)
    state.dags_to_check.add(run.row.dag_id)


def _restore(state: State, run: LiveRun, event: RunAdded) -> None:
    for task in sorted(event.tasks, key=lambda task: task.map_index):
        _restore_instance(state, run, task)
    for (task_id, index, key), length in event.lengths.items():
        if (node := run.node(task_id)) is not None:
            node.count_value(key, index, length)
    stored = {(attempt.task_id, attempt.map_index): attempt for attempt in event.tries if attempt.outcome is None}
    for instance in run.instances():
        _restore_try(state, instance, stored.get(instance.key[1:]))
    for group in run.groups:
        settle(state, group)
    run.recount()


def _restore_instance(state: State, run: LiveRun, row: TaskInstance) -> None:
    node = run.node(row.task_id)
    if node is None or row.state is TaskState.REMOVED:
        run.dropped[row.key] = row
        return
    if row.map_index != UNMAPPED and not node.expanded:
        node.expanded, node.instances = True, {}
    instance = node.instances.get(row.map_index)
    if instance is None:
        instance = node.instances[row.map_index] = Instance(TaskKey(row.run, row.task_id, row.map_index), node)
    instance.restore(row)
    if node.task.sensor is not None and row.started_at is not None:
        waited = max(0.0, (state.now - row.started_at).total_seconds())
        instance.waiting_since_s = state.monotonic_s - waited


def _restore_try(state: State, instance: Instance, attempt: Try | None) -> None:
    """Restore a live try; one whose instance is not live any more is killed, perhaps again."""
    if attempt is not None and attempt.epoch != instance.epoch:
        attempt = None
    if attempt is None and instance.state.live:
        key, executor = instance.key, state.executor_of(instance.node)
        queued_at = instance.queued_at or state.now
        attempt = Try(key.run, key.task_id, key.map_index, instance.epoch, instance.try_number, executor, queued_at)
    if attempt is None:
        return
    state.restore_try(instance, attempt)
    if not instance.state.live:
        state.kill(instance, instance.reason)


def _resume(state: State, instance: Instance) -> None:
    """Queue a restored instance where it waited: for admission, or for its retry."""
    if instance.state is TaskState.SCHEDULED:
        make_ready(state, instance, instance.reason)
    elif instance.state is TaskState.UP_FOR_RETRY:
        at_s = instance.retry_at_s
        state.retry_after(_pause_left_s(state, instance) if at_s is None else at_s - state.monotonic_s, instance)


def _pause_left_s(state: State, instance: Instance) -> float:
    """Seconds that a restored instance waits for its retry.

    The two stored instants came from one reading of the time of day, so their distance holds; where the present lies between
    them may be wrong, because the time of day may have been set since, and costs a pause at most.
    """
    if instance.due_at is None or instance.ended_at is None:
        return 0.0
    pause, left = instance.due_at - instance.ended_at, instance.due_at - state.now
    return max(0.0, min(pause, left).total_seconds())


def evaluate_all(state: State, run: LiveRun) -> None:
    """Apply the trigger rule of each of a run's tasks, and end the run if nothing of it is left."""
    for node in run.nodes:
        evaluate(state, node)
    end_run_if_done(state, run)


def pinned(state: State, run: LiveRun) -> LiveRun:
    """The run with a version: one that has none is pinned to the newest of its DAG."""
    dag = state.dag(run.row.dag_id).row
    if run.row.version or dag is None:
        return run
    row = replace(run.row, version=dag.version)
    made = state.runs[row.run] = LiveRun(row, state.compiled(dag.dag, dag.version, row.subset))
    _begin_anew(state, run, made)
    return made
