"""Moves backfills on: asks for their next dates, makes the runs of these, and ends them.

A backfill makes a run only where it may start: as many as the limits of the backfill and of its DAG allow, and after what else
waits there. How far it has come is stored in the transaction that creates the run, so that no crash makes a date twice or leaves
one out, and nothing of a date is held or stored before its turn.
"""

from itertools import islice

from msgspec.structs import replace

from penstock.engine.backfills.rerun import rerun
from penstock.engine.graph.live_backfill import LiveBackfill
from penstock.engine.live_dag import LiveDag
from penstock.engine.messages import BackfillAdded, DateFound, WantedDate
from penstock.engine.runs.cancel import cancel_run
from penstock.engine.runs.waiting_runs import may_give_way
from penstock.engine.state import State
from penstock.model.backfills.backfill import BackfillAction, BackfillItem, BackfillState, run_id_of
from penstock.model.request import SetBackfill
from penstock.model.run import NewRun, Run, RunKind

MOST_WANTED = 100
"""Dates of a backfill that one step asks for at most."""


def take_up_backfill(state: State, event: BackfillAdded) -> None:
    """Take up a backfill, unless it lives already."""
    row = event.backfill
    if not row.state.final and row.number not in state.backfills:
        state.backfills[row.number] = state.dag(row.spec.dag_id).backfill = LiveBackfill(row)
        state.dags_to_check.add(row.spec.dag_id)


def found_date(state: State, event: DateFound) -> None:
    """Note what there is of a date; what it means is decided once all events of the step have come."""
    backfill = state.backfills.get(event.backfill)
    if backfill is not None and event.ordinal in backfill.wanted:
        backfill.found[event.ordinal] = event
        state.dags_to_check.add(backfill.row.spec.dag_id)


def set_backfill(state: State, request: SetBackfill) -> None:
    """Pause, resume or cancel a backfill, as far as its state allows."""
    backfill = state.backfills.get(request.backfill)
    if backfill is None or not backfill.going:
        return
    by = f" by {request.by}" if request.by else ""
    match request.state:
        case BackfillState.RUNNING:
            row = replace(backfill.row, state=BackfillState.RUNNING, reason="")
        case BackfillState.PAUSED:
            row = replace(backfill.row, state=BackfillState.PAUSED, reason=f"paused{by}")
        case BackfillState.CANCELLED:
            row = replace(backfill.row, state=BackfillState.CANCELLING, reason=f"cancelled{by}")
        case _:
            return
    backfill.forget_dates()
    state.store_backfill(backfill, row)
    state.dags_to_check.add(row.spec.dag_id)
    if row.state is BackfillState.CANCELLING:
        for run in [state.runs[number] for number in sorted(backfill.runs) if number in state.runs]:
            if not run.row.state.finished and run.row.cancelled_at is None:
                cancel_run(state, run, f"backfill {row.number} was cancelled{by}")


def advance_backfills(state: State) -> None:
    """Move on the backfills of all DAGs to check; this ends the check."""
    for dag_id in sorted(state.dags_to_check):
        dag = state.dag(dag_id)
        if dag.backfill is None:
            continue
        if dag_id not in state.dags_awaiting_runs:
            _advance(state, dag, dag.backfill)
        elif not dag.backfill.asking:
            # Runs that were created in this step come back in the next. They go first, and may be of these very dates.
            dag.backfill.forget_dates()
    state.dags_to_check, state.dags_awaiting_runs = state.dags_awaiting_runs, set()


def _advance(state: State, dag: LiveDag, backfill: LiveBackfill) -> None:
    backfill.runs = {number for number in backfill.runs if _lives(state, number)}
    if backfill.row.state is BackfillState.CANCELLING and not backfill.runs:
        _end(state, dag, backfill, BackfillState.CANCELLED)
    if backfill.row.state is not BackfillState.RUNNING or backfill.asking:
        return
    if backfill.wanted and not _decide_dates(state, dag, backfill):
        return
    if backfill.row.spec.after(backfill.row.cursor) is not None:
        _ask(state, dag, backfill)
    elif not backfill.runs:
        _end(state, dag, backfill, BackfillState.FINISHED)


def _lives(state: State, number: int) -> bool:
    run = state.runs.get(number)
    return run is not None and (not run.row.state.finished or run.tries > 0)


def _room(state: State, dag: LiveDag, backfill: LiveBackfill) -> int:
    """How many more of its runs may be active."""
    of_dag = dag.max_active_runs - len(dag.running) - len(dag.queued) - len(backfill.queued)
    if of_dag <= 0 and not backfill.queued and may_give_way(state, dag):
        of_dag = 1
    return min(backfill.row.spec.max_active_runs - len(backfill.runs), of_dag)


def _ask(state: State, dag: LiveDag, backfill: LiveBackfill) -> None:
    """Ask for as many of its next dates as there is room for; for more if those before were skipped, which takes no room."""
    room, row = _room(state, dag, backfill), backfill.row
    closed = dag.row is None or dag.row.paused or not dag.row.active
    if closed or room <= 0 or _lives(state, backfill.waits_for):
        return
    if backfill.waits_for:
        backfill.waits_for = 0
        state.store_backfill(backfill, replace(row, reason=""))
    following = islice(row.spec.intervals(row.cursor), min(max(room, backfill.ahead), MOST_WANTED))
    backfill.wanted = {
        ordinal: WantedDate(row.number, ordinal, interval, row.spec)
        for ordinal, interval in enumerate(following, row.done + 1)
    }


def _decide_dates(state: State, dag: LiveDag, backfill: LiveBackfill) -> bool:
    """Decide what becomes of the dates that were found, as far as there is room; whether to ask for the next at once."""
    wanted, found, room = backfill.wanted, backfill.found, _room(state, dag, backfill)
    backfill.forget_dates()
    begun = 0
    for ordinal, date in wanted.items():
        event, row = found[ordinal], backfill.row
        run = event.run
        live = None if run is None else state.runs.get(run.run)
        if run is not None and live is not None and live.row.state is not run.state:
            begun += 1  # what was read is older than this step
            break
        action, reason = row.spec.action(run)
        if run is not None and action is BackfillAction.RERUN and _lives(state, run.run):
            action, reason = BackfillAction.WAIT, f"a try of run {run.run_id} of this date has not ended"
        if run is not None and action is BackfillAction.WAIT:
            backfill.waits_for = run.run
            state.store_backfill(backfill, replace(row, reason=f"waits: {reason}"))
            break
        if action is not BackfillAction.SKIP and begun >= room:
            break
        if action is BackfillAction.RERUN and (refused := rerun(state, backfill, event)):
            action, reason = BackfillAction.SKIP, refused
        if action is BackfillAction.RUN:
            state.changes.new_runs.append(_new_run(dag, backfill, date))
        begun += action is not BackfillAction.SKIP
        _note(state, backfill, BackfillItem(row.number, ordinal, date.interval.start, action, _name(date, run), reason))
    goes_on = not begun and not backfill.waits_for
    backfill.ahead = 2 * len(wanted) if goes_on else 0
    if begun:
        state.dags_awaiting_runs.add(backfill.row.spec.dag_id)
    return goes_on


def _name(date: WantedDate, run: Run | None) -> str:
    return run_id_of(date.interval.start) if run is None else run.run_id


def _note(state: State, backfill: LiveBackfill, item: BackfillItem) -> None:
    """Store that a date has had its turn."""
    state.changes.backfill_items.append(item)
    state.store_backfill(backfill, replace(backfill.row, done=item.ordinal, cursor=item.logical_date))


def _new_run(dag: LiveDag, backfill: LiveBackfill, date: WantedDate) -> NewRun:
    start, end = date.interval
    row, version = backfill.row, "" if dag.row is None else dag.row.version
    return NewRun(
        row.spec.dag_id, run_id_of(start), RunKind.BACKFILL, start, start, end,
        conf=row.spec.conf, version=version, backfill=row.number, subset=row.spec.tasks,
    )  # fmt: skip


def _end(state: State, dag: LiveDag, backfill: LiveBackfill, final: BackfillState) -> None:
    state.store_backfill(backfill, replace(backfill.row, state=final, ended_at=state.now))
    del state.backfills[backfill.row.number]
    dag.backfill = None
