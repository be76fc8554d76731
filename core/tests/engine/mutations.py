"""The protections of engine, shell and store, each with the change of the real code that takes it away.

A mutation is a function that is handed pytest's ``monkeypatch``; the seams that it patches are names of the shipped code.
"""

from collections import Counter

import scenarios
from msgspec.structs import replace

from penstock.engine import engine, flow, live, tries
from penstock.engine.assets.asset_queue import AssetQueue
from penstock.engine.backfills import progress
from penstock.engine.graph import trigger_rules
from penstock.engine.graph.live_group import LiveGroup
from penstock.engine.graph.trigger_rules import Tally, Verdict
from penstock.engine.limits.admission import Admission
from penstock.engine.limits.pool import PoolSlots
from penstock.engine.limits.resource import Resource
from penstock.engine.live import Instance
from penstock.engine.live_dag import LiveDag
from penstock.engine.messages import DagHeld
from penstock.engine.requests import live_runs, marks
from penstock.engine.runs import creation, starts, taken_over
from penstock.engine.state import State
from penstock.errors import StoreUnavailableError
from penstock.model.schedule import Overlap
from penstock.model.state import TriggerRule
from penstock.scheduler.turns import Turn, Turns
from penstock.store import transaction
from penstock.store.checkpoints.checkpoints import Checkpoints
from penstock.store.sql import tables
from penstock.store.sql.assets.asset_writes import AssetStatements
from penstock.store.sql.feed.feed_writes import deltas_of
from penstock.store.transaction import Transaction
from penstock.testing.simulation.database import WatchedStore


def unfenced(patch):
    """Every answer counts as the current try's, whatever its epoch."""
    finish = tries.finish_try

    def taken(state, event, **more):
        instance = state.instance(event.key)
        finish(state, event if instance is None else replace(event, epoch=instance.epoch), **more)

    patch.setattr(tries, "finish_try", taken)
    patch.setitem(engine._HANDLERS, tries.TryFinished, taken)


def unleased(patch):
    """A lease that ends is of no matter."""
    take_expired = State.take_expired
    patch.setattr(State, "take_expired", lambda state: take_expired(state)[:0])


def spinning(patch):
    """A lease that has ended stays in the way: the engine wants to be stepped again at once, and again."""
    patch.setattr(State, "take_expired", lambda _: [])


def renewed_by_anybody(patch):
    """A heartbeat for an earlier try renews the present one."""

    def renew(state, key, _epoch):
        instance = state.instance(key)
        if instance is not None and instance.attempt is not None:
            state.renew_lease(instance)

    patch.setattr(tries, "_renew", renew)


def dispatched_before_the_commit(patch):
    """What could not be stored is carried out all the same."""
    committed = Turns._committed

    def done(turns, arrivals, *, offering):
        kept, stepped = [], turns._stepped
        patch.setattr(turns, "_stepped", lambda *given: kept.append(stepped(*given)) or kept[-1], raising=False)
        try:
            return committed(turns, arrivals, offering=offering)
        except StoreUnavailableError:
            return Turn(turns._clock.read(), tuple(kept), tuple({} for _ in kept))

    patch.setattr(Turns, "_committed", done)


def unlimited(label):
    """One kind of limit that admits everything."""

    def mutation(patch):
        has_room = Resource.has_room
        patch.setattr(Resource, "has_room", lambda self, amount: self.label.startswith(label) or has_room(self, amount))

    return mutation


def unlimited_per_run(patch):
    """Any number of instances of a task run at once."""
    has_room = Resource.has_room
    patch.setattr(Resource, "has_room", lambda self, amount: "of this run" in self.label or has_room(self, amount))


def unlimited_per_dag(patch):
    """Any number of instances of a task run at once, over all runs."""
    has_room = Resource.has_room
    patch.setattr(Resource, "has_room", lambda self, amount: "per_dag)" in self.label or has_room(self, amount))


def unrated(patch):
    """A pool's rate lets everything start."""
    patch.setattr(PoolSlots, "_may_start", lambda _: True)


def any_number_of_runs(patch):
    """``max_active_runs`` is not counted."""
    patch.setattr(LiveDag, "max_active_runs", property(lambda _: 10**9, lambda *_: None), raising=False)


def counted_short(patch):
    """A task does not wait for the last of its upstream."""
    patch.setattr(Tally, "done", property(lambda tally: tally.pending <= 1))


def skips_not_passed_on(patch):
    """What is downstream of a skipped task runs."""
    patch.setitem(
        trigger_rules._RULES,
        TriggerRule.ALL_SUCCESS,
        lambda t: Verdict.UPSTREAM_FAILED if t.broken else trigger_rules._when_done(t),
    )


def requests_kept(patch):
    """A request that was carried out stays in the inbox."""
    stepped = Turns._stepped

    def kept(turns, arrivals, now):
        step = stepped(turns, arrivals, now)
        step.changes.handled.clear()
        return step

    patch.setattr(Turns, "_stepped", kept)


def setups_ignored(patch):
    """Work does not wait for setups that are not directly upstream."""
    patch.setattr(live, "guarded", lambda decision, _: decision)


def collapsed_under_tries(patch):
    """What is mapped and cleared is collapsed while tries of it live."""
    patch.setattr(LiveGroup, "tries", property(lambda _: 0))


def checkpoints_unfenced(patch):
    """A try that is over keeps checkpoints."""
    put = Checkpoints.put

    def kept(checkpoints, key, _epoch, name, value):
        c = tables.task_instance.c
        mine = (c.run == key.run) & (c.task_id == key.task_id) & (c.map_index == key.map_index)
        with checkpoints._database.read() as connection:
            current = connection.execute(tables.task_instance.select().with_only_columns(c.epoch).where(mine)).scalar()
        put(checkpoints, key, current, name, value)

    patch.setattr(Checkpoints, "put", kept)


def retried_at_once(patch):
    """A retry does not wait for its pause."""
    retry_after = State.retry_after
    patch.setattr(State, "retry_after", lambda state, _, instance: retry_after(state, 0.0, instance))


def overlaps_queued(patch):
    """A run that falls due while one is active waits, whatever the policy says."""
    patch.setattr(starts, "_KEPT", dict.fromkeys(Overlap, 99))


def never_timed_out(patch):
    """No run is ended after the time that it may take."""
    patch.setattr(State, "limit_run", lambda *_: None)


def not_held_back(patch):
    """What waits below a cleared task goes on."""
    patch.setattr(live_runs, "_hold_back", lambda *_: None)


def tries_forgotten(patch):
    """A scheduler that starts knows nothing of the tries that are out."""
    patch.setattr(taken_over, "_restore_try", lambda *_: None)


def left_standing(patch):
    """A cancel ends teardowns with all the rest."""
    cancel = live_runs.cancel_run
    patch.setattr(live_runs, "cancel_run", lambda state, run, reason: [cancel(state, run, reason) for _ in range(2)])


def made_while_taken_down(patch):
    """A setup goes out while its teardown of before is at work."""
    patch.setattr(flow, "_old_teardown", lambda _: None)


def lost_for_ever(patch):
    """However often its worker is lost, a try is repeated."""
    patch.setattr(tries, "MAX_LOST", 10**9)


def commit_assumed(patch):
    """A commit whose fate is not known counts as done."""
    patch.setattr(WatchedStore, "committed", lambda *_: True)


def unnoticed(patch):
    """Listeners do not hear of task instances."""
    patch.setattr(State, "_notify_task", lambda *_: None)


def hidden(patch):
    """Nothing that waits for a limit is looked at again when there is room."""
    patch.setattr(Admission, "recheck", lambda *_: None)


def cursors_stay(patch):
    """A schedule does not move on with the run that it made."""
    apply = Transaction.apply

    def stayed(tx, changes, now):
        changes.cursors.clear()
        return apply(tx, changes, now)

    patch.setattr(Transaction, "apply", stayed)


def slots_leak(patch):
    """A try that has ended keeps what it held."""
    patch.setattr(Resource, "free", lambda *_: None)


def late_answers_dropped(patch):
    """An answer of a try that was given up leaves no trace."""
    patch.setattr(State, "record_late", lambda *_: None)


def cancelled_goes_out(patch):
    """A cleared instance goes out again while its cancelled try lives."""
    ready = tries.make_ready

    def made(state, instance: Instance, reason):
        cancelling, instance.cancelling = instance.cancelling, False
        ready(state, instance, reason)
        instance.cancelling = cancelling

    for module in (flow, tries, live_runs):
        if hasattr(module, "make_ready"):
            patch.setattr(module, "make_ready", made)


def no_event(patch):
    """A success is no event of its outlets."""
    patch.setattr(tries, "emit_events", lambda *_: None)


def two_events(patch):
    """A success is two events of each outlet."""
    emit = tries.emit_events
    patch.setattr(tries, "emit_events", lambda *given: (emit(*given), emit(*given)))


def events_taken_again(patch):
    """A run for events leaves them to the next run as well."""
    patch.setattr(AssetQueue, "take", lambda *_: None)


def last_event_left_out(patch):
    """The events of a run end one short."""
    come = AssetQueue.come
    patch.setattr(AssetQueue, "come", lambda queue, asset, number: come(queue, asset, number - 1))


def asset_cursors_not_stored(patch):
    """What a run has taken is in memory alone."""
    patch.setattr(AssetStatements, "move_cursors", lambda *_: None)


def past_ignored(patch):
    """No task waits for its past."""
    patch.setattr(flow, "is_held", lambda *_: False)


def later_runs_not_looked_at(patch):
    """What waits for a task of the run before is not told of its end."""
    patch.setattr(flow, "let_later_go", lambda *_: None)


def pasts_kept(patch):
    """What was found of the run before holds for ever."""
    patch.setattr(State, "forget_past", lambda *_: None)


def places_kept(patch):
    """A run that waits for its past keeps its place."""
    patch.setattr(starts, "give_way", lambda *_: None)


def marks_let_nothing_go(patch):
    """What failed for a task that is marked stays as it is."""
    patch.setattr(marks, "let_go", lambda *_: [])


def due_runs_put_off(patch):
    """A run that is due is left to the next turn, and by that to the one after it; each is to follow at once."""
    create, turns = creation._create, Counter()

    def put_off(state, dag_id, *given):
        turns[dag_id] += 1
        if turns[dag_id] % 4:
            state.dags_awaiting_runs.add(dag_id)
        else:
            create(state, dag_id, *given)

    patch.setattr(creation, "_create", put_off)


def backfills_unlimited(patch):
    """A backfill makes as many runs at once as it has dates."""
    patch.setattr(progress, "_room", lambda *_: 10**6)


def alias_left_out(patch):
    """An event through an alias is one of its asset alone."""
    emit = tries.emit_events

    def emitted(state, *given):
        emit(state, *given)
        state.changes.asset_events = [each for each in state.changes.asset_events if not each.resolved]

    patch.setattr(tries, "emit_events", emitted)


def not_held(patch):
    """A DAG that is to have another owner goes on as before."""
    patch.setitem(engine._HANDLERS, DagHeld, lambda *_: None)


def places_taken(patch):
    """What another machine may still run takes places here."""
    patch.setattr(Admission, "release_one", lambda *_: None)


def instances_vanish(patch):
    """An instance that a mapped task has no more goes without a trace."""
    patch.setattr(State, "remove", lambda state, _run, instance, _reason: state.delete_row(instance))


def removed_begin_anew(patch):
    """An instance that is there again has forgotten its tries."""
    patch.setattr(State, "bring_back", lambda *_: None)


def tasks_untold(patch):
    """The change feed tells of runs alone."""
    patch.setattr(transaction, "deltas_of", lambda changes, created: deltas_of(replace(changes, tasks=[]), created))


MUTATIONS = {
    "fence of answers by epoch": (unfenced, 27),
    "fence of heartbeats by epoch": (renewed_by_anybody, scenarios.an_earlier_try_alone_is_renewed),
    "fence of checkpoints by epoch": (checkpoints_unfenced, scenarios.a_try_that_is_over_keeps_a_checkpoint),
    "lease": (unleased, 12),
    "timers that are taken": (spinning, 12),
    "dispatch after the commit": (dispatched_before_the_commit, 1),
    "commit of unknown fate asked for": (commit_assumed, 1),
    "pool": (unlimited("pool"), 33),
    "active tasks of a DAG": (unlimited("DAG"), 12),
    "active tasks of a tenant": (unlimited("tenant"), scenarios.a_tenant_wants_more_than_it_may),
    "active tasks of a queue": (unlimited("queue"), 1),
    "slots of an executor": (unlimited("executor"), 34),
    "instances of a task in a run": (unlimited_per_run, 31),
    "instances of a task in a DAG": (unlimited_per_dag, 18),
    "rate": (unrated, 12),
    "active runs": (any_number_of_runs, 1),
    "slots come back": (slots_leak, 12),
    "what waits is looked at again": (hidden, 12),
    "in-degree": (counted_short, 12),
    "skips passed on": (skips_not_passed_on, 1),
    "setups guard": (setups_ignored, 108),
    "teardown after a cancel": (left_standing, scenarios.a_run_is_cancelled_while_its_work_runs),
    "setup after its old teardown": (made_while_taken_down, scenarios.a_setup_is_cleared_while_its_teardown_runs),
    "collapse after tries": (
        collapsed_under_tries,
        scenarios.a_source_is_cleared_while_what_is_mapped_over_it_runs,
    ),
    "rows of removed instances": (instances_vanish, 69),
    "epochs of removed instances": (removed_begin_anew, scenarios.an_instance_is_removed_and_comes_back),
    "held back below a clear": (not_held_back, scenarios.a_task_is_ready_when_its_upstream_is_cleared),
    "one live try": (cancelled_goes_out, scenarios.a_task_is_cleared_while_it_runs),
    "requests carried out once": (requests_kept, 12),
    "due runs made at once": (due_runs_put_off, 1),
    "cursor moves with its run": (cursors_stay, 12),
    "overlap policy": (overlaps_queued, 163),
    "run timeout": (never_timed_out, 33),
    "active runs of a backfill": (backfills_unlimited, scenarios.a_backfill_of_four_days_may_run_one_at_once),
    "past": (past_ignored, scenarios.the_run_before_has_not_ended),
    "past that has ended lets go": (later_runs_not_looked_at, scenarios.the_run_before_ends_well),
    "past that was deleted lets go": (pasts_kept, scenarios.a_failed_run_before_is_deleted),
    "places for what others wait for": (places_kept, scenarios.a_failed_run_is_cleared_that_holds_all_others),
    "what a mark lets go": (marks_let_nothing_go, scenarios.a_failed_task_is_marked_in_a_run_that_has_ended),
    "pause before a retry": (retried_at_once, 1),
    "losses counted": (lost_for_ever, scenarios.a_worker_is_lost_again_and_again),
    "late answers kept": (late_answers_dropped, scenarios.an_answer_comes_after_its_try_was_given_up),
    "open tries known at start": (tries_forgotten, 12),
    "notices of task instances": (unnoticed, 12),
    "event of a success": (no_event, 1),
    "changes told": (tasks_untold, 1),
    "one event of a success": (two_events, 1),
    "event of an alias": (alias_left_out, scenarios.a_task_names_an_asset_through_an_alias),
    "DAGs that are to have another owner": (not_held, scenarios.a_dag_is_to_have_another_owner),
    "places of tries elsewhere": (places_taken, scenarios.another_machine_may_still_run_all_that_an_executor_holds),
    "events taken once": (events_taken_again, 1),
    "all events taken": (last_event_left_out, 1),
    "cursors of assets stored": (asset_cursors_not_stored, 12),
}
"""Each protection with its mutation, and what catches it: a seed of the simulator, or a scenario."""
