import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from penstock.engine.limits.fairness import TenantRule
from penstock.engine.waits import LimitHolder, Wait
from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant, Principal
from penstock.model.changes import Changes
from penstock.model.connection import Connection
from penstock.model.history.audit import AskedBy, AuditAction
from penstock.model.history.quarantine import Quarantined, QuarantineKind
from penstock.model.names import STEP, map_key_of
from penstock.model.request import CancelRun, DagChanged, MarkRun, MarkTask, RunRequested, encode
from penstock.model.run import Rendered, TaskInstance, TaskKey, Try
from penstock.model.state import Outcome, RunState, TaskState
from penstock.scheduler.capacity_file import CapacityFile
from penstock.service import dags, logs, runs, tasks
from penstock.service.asked.asked import asked_state
from penstock.service.choices.executors import ExecutorUsage, list_executors
from penstock.service.choices.tenants import TenantUsage, list_tenants
from penstock.service.clear import Code, clear_tasks, preview_clear
from penstock.service.config import connections, pools, variables
from penstock.service.history import audit
from penstock.service.names import index_of
from penstock.service.values.rendered import list_rendered
from penstock.settings import ExecutorChoice
from penstock.store import Pool
from penstock.tries.paths import log_path


def test_a_trigger_creates_the_run_with_its_request(installation, store, now, asked):
    done = dags.trigger(installation, "sales", conf={"customer": "x"})
    assert (done.created, done.paused, done.run.state) == (True, False, RunState.QUEUED)
    assert (done.run.run_id, done.run.logical_date) == (f"manual__{now.isoformat()}", now)
    assert done.run.version == store.dags.state("sales").version
    assert done.run.interval_start == now.replace(hour=11, minute=0)
    assert done.run.interval_end == now.replace(hour=12, minute=0)
    assert asked() == [RunRequested(done.run.run)]


def test_a_trigger_of_a_dag_without_schedule_has_an_empty_interval(installation):
    run = dags.trigger(installation, "stock", logical_date=datetime(2026, 1, 1, tzinfo=UTC)).run
    assert run.logical_date == run.interval_start == run.interval_end == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_second_trigger_under_one_name_makes_no_second_run(clock, installation, asked):
    first = dags.trigger(installation, "sales", run_id="mine", conf={"customer": "a"})
    clock.advance(timedelta(1))
    again = dags.trigger(installation, "sales", run_id="mine", conf={"customer": "b"})
    assert (again.created, again.run) == (False, first.run)
    assert asked() == [RunRequested(first.run.run)]


@pytest.mark.parametrize(
    ("dag_id", "more", "kind", "sentence"),
    [
        ("saless", {}, NotFoundError, r"no DAG is named 'saless'. Did you mean 'sales'\?"),
        ("sales", {"conf": {"custmer": 1}}, NotFoundError, r"no param of DAG 'sales' is named 'custmer'.*'customer'\?"),
        ("sales", {"conf": {"x": 1, "y": 2}}, RequestError, r"(?s)is named 'x'\. It takes: customer\..*is named 'y'\. It takes: customer"),
        ("sales", {"run_id": "a\nb"}, RequestError, r"a name has 1 to 250 printable characters"),
        ("sales", {"logical_date": datetime(2026, 1, 1)}, RequestError, "has no time zone"),  # noqa: DTZ001 - the case
    ],
)  # fmt: skip
def test_a_trigger_that_cannot_be_done_says_why_and_does_nothing(
    installation, store, asked, dag_id, more, kind, sentence
):
    with pytest.raises(kind, match=sentence):
        dags.trigger(installation, dag_id, **more)
    assert asked() == []
    assert store.runs.page() == []


def test_a_dag_without_params_takes_any_conf(installation):
    assert dags.trigger(installation, "stock", conf={"anything": [1]}).run.conf == {"anything": [1]}


def test_a_retired_dag_is_not_triggered(installation, store, save):
    save(store, [])
    with pytest.raises(RequestError, match="DAG 'sales' is retired"):
        dags.trigger(installation, "sales")
    assert dags.list_dags(installation).items == []
    assert [d.active for d in dags.list_dags(installation, retired=True).items] == [False, False]


def test_dags_are_listed_with_their_next_run(installation, now):
    sales, stock = dags.list_dags(installation).items
    assert (sales.schedule, sales.next_run_at) == ("@hourly", now.replace(hour=12, minute=0))
    assert (stock.schedule, stock.next_run_at) == ("none", None)
    assert [d.dag_id for d in dags.list_dags(installation, tag="daily").items] == ["sales"]
    assert dags.show_dag(installation, "sales").summary == sales


def test_the_next_runs_follow_the_schedule(installation):
    found = dags.next_runs(installation, "sales", 3)
    assert [due.interval_start.hour for due in found] == [11, 12, 13]
    assert dags.next_runs(installation, "stock") == []


@pytest.mark.parametrize("count", [-1, 0, 1_001, 2**60])
def test_no_more_runs_are_foreseen_than_an_answer_can_wait_for(installation, count):
    with pytest.raises(RequestError, match=f"{count} runs cannot be foreseen at once. Choose 1 to 1,000"):
        dags.next_runs(installation, "sales", count)


def test_pausing_twice_changes_something_once(installation, asked):
    assert dags.pause(installation, "sales", paused=True)
    assert not dags.pause(installation, "sales", paused=True)
    assert asked() == [DagChanged("sales")]
    assert dags.list_dags(installation).items[0].next_run_at is None
    with pytest.raises(NotFoundError):
        dags.pause(installation, "nope", paused=True)


def test_runs_are_paged(installation):
    for i in range(5):
        dags.trigger(installation, "sales", run_id=f"r{i}")
    first = runs.list_runs(installation, dag_id="sales", limit=3)
    second = runs.list_runs(installation, dag_id="sales", limit=3, after=first.next)
    assert [r.run_id for r in (*first.items, *second.items)] == ["r4", "r3", "r2", "r1", "r0"]
    assert second.next == ""
    with pytest.raises(NotFoundError):
        runs.list_runs(installation, dag_id="nope")


def test_a_run_is_shown_with_its_tasks_by_state(installation, run):
    assert runs.show_run(installation, "sales").tasks == {TaskState.RUNNING: 1, TaskState.NONE: 1}
    with pytest.raises(NotFoundError, match="Did you mean 'one'"):
        runs.show_run(installation, "sales", "onee")
    with pytest.raises(RequestError, match="has no run yet"):
        runs.show_run(installation, "stock")


def test_cancel_is_asked_of_a_live_run_and_refused_for_an_ended_one(installation, store, now, run, asked):
    runs.cancel_run(installation, "sales", "one", by=AskedBy("me", "why"))
    assert asked() == [CancelRun(run.run, "me")]
    store.apply(Changes(runs=[msgspec.structs.replace(run, state=RunState.SUCCESS)]), now)
    with pytest.raises(RequestError, match="already ended as success"):
        runs.cancel_run(installation, "sales", "one")
    assert asked() == []


def test_who_asks_for_something_is_kept_with_what_was_asked_for_and_why(installation, run, store, now):
    by = AskedBy("ann", "a late file")
    runs.cancel_run(installation, "sales", "one", by=by)
    clear_tasks(installation, preview_clear(installation, "sales", "one", tasks=["extract"], code=Code.SAME), by=by)
    marked = tasks.mark_task(installation, "sales", "load", "skipped", by=by)
    assert [(each.task, each.after) for each in marked.changes] == [("load", "skipped")]
    dags.pause_all(installation, ["stock"], paused=True, by=by)
    dags.pause(installation, "stock", paused=True, by=by)
    dags.pause(installation, "stock", paused=False)
    dags.trigger(installation, "sales", run_id="two", by=by)
    dags.trigger(installation, "sales", run_id="two", by=by)
    found = audit.list_audit(installation).items
    assert [(e.action, e.dag_id, e.run_id, e.subject, e.person) for e in reversed(found)] == [
        ("trigger", "sales", "one", "", ""),
        ("cancel", "sales", "one", "", "ann"),
        ("clear", "sales", "one", "extract, load", "ann"),
        ("mark", "sales", "one", "skipped: load", "ann"),
        ("pause", "stock", "", "", "ann"),
        ("unpause", "stock", "", "", ""),
        ("trigger", "sales", "two", "", "ann"),
    ], "what changes nothing is not kept"
    assert {(e.at, e.why) for e in found if e.person} == {(now, "a late file")}
    assert [e.action for e in audit.list_audit(installation, dag_id="sales", run_id="two").items] == ["trigger"]
    for kept, filters in [
        (["trigger", "pause", "mark", "clear", "cancel"], {"person": "ann"}),
        ([], {"person": "an"}),
        (["pause"], {"action": AuditAction.PAUSE}),
        (["trigger"], {"person": "ann", "dag_id": "sales", "action": AuditAction.TRIGGER}),
        ([e.action for e in found], {"since": now, "until": now + timedelta(seconds=1)}),
        ([], {"until": now}),
        ([], {"since": now + timedelta(microseconds=1)}),
    ]:
        assert [e.action for e in audit.list_audit(installation, **filters).items] == kept, filters
    first = audit.list_audit(installation, limit=3)
    assert audit.list_audit(installation, after=first.next).items == found[3:]
    with pytest.raises(NotFoundError, match="no DAG is named 'nope'"):
        audit.list_audit(installation, dag_id="nope")


def test_a_run_that_has_started_can_be_marked(installation, run, asked):
    foreseen = runs.mark_run(installation, "sales", "one", "failed", dry_run=True)
    assert (foreseen.asked, [each.task for each in foreseen.changes]) == (None, ["extract", "load"])
    runs.mark_run(installation, "sales", "one", "failed", by=AskedBy("ann"))
    assert asked() == [MarkRun(run.run, "failed")]
    with pytest.raises(RequestError, match="cannot be marked 'running'"):
        runs.mark_run(installation, "sales", "one", "running")
    dags.trigger(installation, "sales", run_id="two")
    with pytest.raises(RequestError, match=r"has not started.*penstock runs cancel sales two"):
        runs.mark_run(installation, "sales", "two", "success")
    assert [(e.action, e.run_id, e.subject) for e in audit.list_audit(installation).items][1:2] == [
        ("mark", "one", "failed")
    ]


def test_what_became_of_a_request_is_told(installation, run, store, now, asked):
    done = runs.cancel_run(installation, "sales", "one", by=AskedBy("ann"))
    found = asked_state(installation, done.number)
    assert (found.handled, found.set_aside, found.scheduled) == (False, "", False)
    again = runs.cancel_run(installation, "sales", "one", by=AskedBy("ann"))
    (_, first), (number, second) = store.requests.pending()
    assert first == second == CancelRun(run.run, "ann")
    store.quarantine.add(Quarantined(QuarantineKind.REQUEST, "r", "it broke", now, body=encode(second)), number)
    asked()
    found = asked_state(installation, done.number)
    assert (found.handled, found.set_aside) == (True, "")
    assert asked_state(installation, again.number).set_aside == "it broke"
    [aside] = store.quarantine.all()
    store.quarantine.retry(aside.number, now)
    assert not asked_state(installation, again.number).handled


def test_what_became_of_a_request_is_told_to_whoever_has_asked_and_to_nobody_else(installation, run):
    ann, eve, bob = (
        installation.seen_by(Principal(name, (Grant(Role.ADMIN, dags),)))
        for name, dags in (("ann", ("sales",)), ("eve", ("sales",)), ("bob", ("stock",)))
    )
    number = runs.cancel_run(ann, "sales", "one").number
    assert not asked_state(ann, number).handled
    assert not asked_state(installation, number).handled
    for asks, asked_for in ((eve, number), (bob, number), (ann, number + 1), (ann, 0), (ann, -1), (ann, 2**63 - 1)):
        with pytest.raises(NotFoundError, match=f"no request is named '{asked_for}'"):
            asked_state(asks, asked_for)


def test_a_run_that_was_skipped_says_so_and_can_be_cleared(installation, store, now):
    run = dags.trigger(installation, "stock", run_id="late").run
    store.apply(Changes(runs=[msgspec.structs.replace(run, state=RunState.SKIPPED, reason="others ran.")]), now)
    (count,) = tasks.why(installation, "stock", "count")
    assert (count.task.state, count.reason) == (TaskState.NONE, "its run was skipped: others ran.")
    with pytest.raises(RequestError, match="has not started"):
        tasks.mark_task(installation, "stock", "count", "success")
    assert preview_clear(installation, "stock", "late").tasks == ["count"]


def test_a_task_that_waits_for_its_past_says_which_run_holds_it(installation, store, now, save):
    spec = store.dags.row("stock").spec
    save(
        store,
        [
            msgspec.structs.replace(
                spec, tasks=tuple(msgspec.structs.replace(t, depends_on_past=True) for t in spec.tasks)
            )
        ],
    )
    first, second = (
        dags.trigger(installation, "stock", run_id=f"day {day}", logical_date=now - timedelta(days=9 - day)).run
        for day in (1, 2)
    )
    failed = TaskInstance(first.run, "count", -1, TaskState.FAILED, 1, 1, "no.")
    version = store.dags.state("stock").version
    runs_now = [
        msgspec.structs.replace(first, state=RunState.FAILED, started_at=now, ended_at=now, version=version),
        msgspec.structs.replace(second, state=RunState.RUNNING, started_at=now, version=version),
    ]
    store.apply(Changes(runs=runs_now, tasks=[failed, TaskInstance(second.run, "count", -1, TaskState.NONE)]), now)
    (count,) = tasks.why(installation, "stock", "count", run_id="day 2")
    assert "task count of run day 1, the one before, is failed" in count.reason


def test_mark_checks_state_and_task(installation, run, asked):
    foreseen = tasks.mark_task(installation, "sales", "load", "success", dry_run=True)
    assert (foreseen.asked, [str(each.after) for each in foreseen.changes], asked()) == (None, ["success"], [])
    tasks.mark_task(installation, "sales", "load", "success")
    assert asked() == [MarkTask(run.run, "load", -1, "success")]
    with pytest.raises(RequestError, match="cannot be marked 'running'"):
        tasks.mark_task(installation, "sales", "load", "running")
    with pytest.raises(NotFoundError, match="'load'"):
        tasks.mark_task(installation, "sales", "loads", "success")
    with pytest.raises(NotFoundError, match=r"no index of task 'load' .* is named '3'\. It is not mapped"):
        tasks.mark_task(installation, "sales", "load", "success", map_index=3)


def test_a_mark_says_what_it_lets_go_in_a_run_that_has_ended(installation, run, store, now):
    ended = msgspec.structs.replace(run, state=RunState.FAILED, ended_at=now)
    states = {"extract": TaskState.FAILED, "load": TaskState.UPSTREAM_FAILED}
    rows = [TaskInstance(run.run, name, -1, state, 1, 1) for name, state in states.items()]
    store.apply(Changes(runs=[ended], tasks=rows), now)
    foreseen = tasks.mark_task(installation, "sales", "extract", "success", dry_run=True)
    assert {each.task: str(each.after) for each in foreseen.changes} == {"extract": "success", "load": "none"}


KEYS = {
    "a key": ("ann", 0),
    "an index": ("1", 1),
    "an index for sure": (2, 2),
    "the index of one and the key of another": (
        "2", "'2' is the index of load[2] (bob) and the key of load[7] (2) in run 'one'. Say which: --index 2 or --index 7."
    ),
    "a number that is a key alone": ("2026", 1),
    "a key that was cut": ("x" * 300, 8),
    "a key that only a removed instance has": ("old", 3),
    "a key that a removed instance has, too": ("bob", 2),
    "nothing": (None, None),
    "an index that nobody has": ("9", 9),
    "a key that nobody has": ("anna", "no instance of task 'load' of run 'one' is named 'anna'. Did you mean 'ann'?"),
    "a key of two": (
        "dup", "two instances of run 'one' have the key 'dup': load[5] and load[6]. Name one by --index."
    ),
}  # fmt: skip


@pytest.mark.parametrize(("named", "found"), KEYS.values(), ids=KEYS)
def test_an_instance_is_named_by_its_index_or_its_key(installation, run, store, now, named, found):
    removed = {3: "old", 4: "bob"}
    rows = [
        TaskInstance(run.run, "load", index, TaskState.REMOVED if index in removed else TaskState.SUCCESS, map_key=key)
        for index, key in enumerate(["ann", "2026", "bob", "old", "bob", "dup", "dup", "2", map_key_of("x" * 300)])
    ]
    store.apply(Changes(tasks=rows, removed=[TaskKey(run.run, "load")]), now)
    if isinstance(found, str):
        with pytest.raises((NotFoundError, RequestError), match=re.escape(found)):
            index_of(installation, "sales", "load", named)
    else:
        assert index_of(installation, "sales", "load", named) == found
    assert [task.label for task in store.runs.tasks(run.run, "load")][:2] == ["load[0] (ann)", "load[1] (2026)"]


def test_a_key_of_a_task_without_keys_or_of_a_run_that_has_not_started_is_told(installation, run):
    with pytest.raises(NotFoundError, match=r"is named 'ann'\. No instance of it has a key: name it by its index\."):
        index_of(installation, "sales", "load", "ann")
    dags.trigger(installation, "sales", run_id="two")
    with pytest.raises(RequestError, match="run 'two' has not started"):
        index_of(installation, "sales", "load", "ann", run_id="two")


def test_a_removed_instance_is_shown_and_neither_marked_nor_cleared(installation, run, store, now, asked):
    reason = "what it is mapped over has 1 element now"
    states = (TaskState.SUCCESS, TaskState.REMOVED)
    rows = [TaskInstance(run.run, "load", index, state, 1, 1, reason) for index, state in enumerate(states)]
    store.apply(Changes(tasks=rows, removed=[TaskKey(run.run, "load")]), now)
    assert tasks.why(installation, "sales", "load", map_index=1)[0].reason == reason
    tasks.mark_task(installation, "sales", "load", "failed")
    assert asked() == [MarkTask(run.run, "load", 0, "failed")]
    said = rf"load\[1\] of run 'one' was removed: {reason}\. Name one that is there, or the whole task"
    with pytest.raises(RequestError, match=said):
        tasks.mark_task(installation, "sales", "load", "success", map_index=1)
    with pytest.raises(RequestError, match=said):
        preview_clear(installation, "sales", "one", tasks=["load"], map_index=1)
    assert runs.show_run(installation, "sales").tasks[TaskState.REMOVED] == 1


def test_why_gives_the_engines_reason_or_what_is_waited_for(installation, run):
    (extract,) = tasks.why(installation, "sales", "extract")
    assert extract.reason.startswith("its try 2 runs. No scheduler is running: what became of it is found out")
    assert [t.attempt.outcome for t in extract.tries] == [Outcome.FAILED, None]
    (load,) = tasks.why(installation, "sales", "load")
    assert load.reason == (
        "waits for its upstream: trigger rule all_success: 1 upstream task is not finished. "
        "No scheduler is running: nothing happens until `penstock up` is"
    )
    assert load.upstream == {"extract": [TaskState.RUNNING]}
    dags.pause(installation, "sales", paused=True)
    assert "is paused" in tasks.why(installation, "sales", "load")[0].reason


def test_why_tells_how_many_steps_are_done(installation, store, run):
    for name in ("a", "b:1"):
        store.checkpoints.put(TaskKey(run.run, "extract", -1), 2, f"{STEP}{name}", b"1")
    [extract], [load] = (tasks.why(installation, "sales", task_id) for task_id in ("extract", "load"))
    assert (extract.steps, load.steps) == (2, 0)


def test_why_tells_of_a_ready_task_what_holds_it_now(installation, store, now, run):
    store.config.put_pool(Pool("narrow", 1), now)
    other = dags.trigger(installation, "sales", run_id="two").run
    stale = "DAG 'sales' is full: 16 of 16 (max_active_tasks)"
    rows = [
        TaskInstance(run.run, "extract", -1, TaskState.SUCCESS, 2, 2),
        TaskInstance(run.run, "load", -1, TaskState.RUNNING, 1, 1),
        TaskInstance(other.run, "extract", -1, TaskState.SUCCESS, 1, 1),
        TaskInstance(other.run, "load", -1, TaskState.SCHEDULED, reason=stale),
    ]
    live = Try(run.run, "load", -1, 1, 1, "local", now)
    done = Try(run.run, "extract", -1, 2, 2, "local", now, outcome=Outcome.SUCCESS)
    started = msgspec.structs.replace(other, state=RunState.RUNNING, started_at=now)
    store.apply(Changes(runs=[started], tasks=rows, tries=[live, done]), now)

    def reason(places):
        settings = installation.settings
        executor = msgspec.structs.replace(settings.executor, parallelism=places)
        installation._settings = msgspec.structs.replace(settings, executor=executor)
        (load,) = tasks.why(installation, "sales", "load", run_id="two")
        return load.reason

    assert reason(2).startswith(
        "pool 'narrow' is full: 1 of 1; it is held by load (run one of DAG sales). No scheduler"
    )
    (load,) = tasks.why(installation, "sales", "load", run_id="two")
    assert load.wait == Wait("pool 'narrow'", 1, 1, 1, (LimitHolder("sales", "one", "load", 1),), 1, 1, 1, None, None)
    store.config.put_pool(Pool("narrow", 5), now)
    assert reason(1).startswith("executor 'local' is full: 1 of 1; it is held by load")
    assert reason(2).endswith("is `penstock up` running?")
    assert store.runs.tasks(other.run, "load")[0].reason == stale


def test_what_templates_had_become_is_that_of_the_newest_try_or_of_one(installation, store, now, run):
    rows = [Rendered(run.run, "extract", -1, epoch, {"sql": f"select {epoch}"}) for epoch in (1, 2)]
    store.apply(Changes(rendered=rows), now)
    assert list_rendered(installation, "sales", "extract") == rows[1:]
    assert list_rendered(installation, "sales", "extract", dispatch=1) == rows[:1]
    assert list_rendered(installation, "sales", "load") == []
    with pytest.raises(NotFoundError):
        list_rendered(installation, "sales", "lod")


def test_logs_are_found_by_dispatch(installation, run):
    found = logs.task_logs(installation, "sales", "extract")
    assert [(log.epoch, log.live) for log in found] == [(1, False), (2, True)]
    assert found[0].path == log_path(installation.settings.logs_folder, "sales", "one", found[0].task.key, 1)


def test_executors_tell_what_they_hold_and_what_waits_for_them(installation, store, run, now):
    installation.settings.state_folder.mkdir()
    (installation.settings.state_folder / "penstock.db").touch()
    store.apply(Changes(tasks=[TaskInstance(run.run, "load", -1, TaskState.SCHEDULED)]), now)
    held = list_executors(installation)
    assert [(each.name, each.type, each.capacity, each.held, each.waiting) for each in held] == [
        ("local", "local", 2, 1, 1)
    ]
    choices = {
        **installation.settings.executors,
        "far": ExecutorChoice("acme.far"),
        "big": ExecutorChoice(options={"parallelism": 9}),
    }
    queues = {"default": "far", "heavy": "big"}
    installation._settings = msgspec.structs.replace(installation.settings, executors=choices, queues=queues)
    capacity = CapacityFile(installation.settings.state_folder, "far")
    assert [(each.capacity, each.waiting, each.queues) for each in list_executors(installation)] == [
        (2, 0, ()),
        (None, 1, ("default",)),
        (9, 0, ("heavy",)),
    ]
    capacity.write(4)
    assert list_executors(installation)[1].capacity == 4
    del choices["local"]
    assert list_executors(installation)[-1] == ExecutorUsage("local", "", None, 1)


def test_tenants_of_the_settings_and_of_dags_tell_what_they_use(installation, store, run, now, save):
    installation.settings.state_folder.mkdir()
    (installation.settings.state_folder / "penstock.db").touch()
    assert list_tenants(installation) == [TenantUsage("", 1.0, None, active=1, dags=2)]
    tenants = {"": TenantRule(2.0, 5), "ours": TenantRule(0.5)}
    installation._settings = msgspec.structs.replace(installation.settings, tenants=tenants)
    save(store, [msgspec.structs.replace(store.dags.row("sales").spec, tenant="theirs")])
    assert list_tenants(installation) == [
        TenantUsage("", 2.0, 5, active=1),
        TenantUsage("ours", 0.5, None),
        TenantUsage("theirs", 1.0, None, dags=1),
    ]


def test_connections_of_the_environment_come_first_and_secrets_stay_hidden(installation, environ_connections):
    extra = {"role": "r", "private_key": "kkk", "key": {"token": "ttt", "list": ["lll"]}}
    assert not connections.set_connection(installation, "db", Connection("db", "postgres", password="ppp", extra=extra))
    stored = connections.show_connection(installation, "db")
    environ_connections["db"] = Connection("db", "mysql", password="eee")
    first, second = connections.list_connections(installation).items
    assert (first.source, second.source, second.shadowed) == ("environment", "database", True)
    shown = msgspec.json.encode([first, second, stored]).decode()
    assert not any(secret in shown for secret in ("ppp", "kkk", "ttt", "eee"))
    assert "lll" in shown
    unused = connections.set_connection(installation, "db", Connection("db", "postgres"))
    assert unused == "PENSTOCK_CONN_DB is set and comes first: the stored one is not used"
    with pytest.raises(RequestError, match="an id has letters"):
        connections.set_connection(installation, "a b", Connection("a b", "x"))


def test_variables_of_the_environment_come_first(installation, environ_variables):
    assert not variables.set_variable(installation, "key", "stored")
    assert variables.get_variable(installation, "key") == "stored"
    environ_variables["key"] = "outside"
    assert variables.get_variable(installation, "key") == "outside"
    assert [v.shadowed for v in variables.list_variables(installation).items] == [False, True]
    assert "PENSTOCK_VAR_KEY is set" in variables.set_variable(installation, "key", "again")
    with pytest.raises(NotFoundError, match="Did you mean 'key'"):
        variables.get_variable(installation, "keys")
    with pytest.raises(RequestError):
        variables.set_variable(installation, " key", "x")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("default_pool", "it stays"), ("narrow", "is used by DAG sales"), ("nope", "no pool is named 'nope'")],
)  # fmt: skip
def test_a_pool_that_is_needed_is_not_deleted(installation, name, sentence):
    pools.set_pool(installation, "narrow", 1)
    pools.set_pool(installation, "free", 0)
    with pytest.raises(RequestError, match=sentence):
        pools.delete_pool(installation, name)
    pools.delete_pool(installation, "free")
    assert [pool.name for pool in pools.list_pools(installation).items] == ["default_pool", "narrow"]


def test_what_waits_for_a_pool_that_cannot_hold_it_is_counted(installation, store, now, run):
    ended = TaskInstance(run.run, "extract", -1, TaskState.SUCCESS, 2, 2)
    rows = [TaskInstance(run.run, "load", index, TaskState.SCHEDULED, reason="ready") for index in range(3)]
    done = Try(run.run, "extract", -1, 2, 2, "local", now, outcome=Outcome.SUCCESS)
    store.apply(Changes(tasks=[ended, *rows], tries=[done]), now)

    def findings():
        return {pool.name: pool.problem for pool in pools.list_pools(installation).items if pool.problem}

    assert findings() == {
        "narrow": "it does not exist, and 3 task instances wait for it. Make it with: penstock pools set narrow SLOTS"
    }
    pools.set_pool(installation, "narrow", 0)
    assert "is closed, with 0 slots, and 3 task instances wait" in findings()["narrow"]
    pools.set_pool(installation, "narrow", 2)
    assert findings() == {}
    live = [msgspec.structs.replace(rows[0], state=TaskState.RUNNING, epoch=1)]
    store.apply(Changes(tasks=live, tries=[Try(run.run, "load", 0, 1, 1, "local", now)]), now)
    narrow = pools.list_pools(installation).items[-1]
    assert (narrow.name, narrow.slots, narrow.used, narrow.waiting) == ("narrow", 2, 1, 2)


@pytest.mark.parametrize("pool", [("p", -1), ("p", 2**31), ("", 1), ("x" * 300, 1)])
def test_a_pool_that_cannot_be_is_refused(installation, pool):
    with pytest.raises(RequestError):
        pools.set_pool(installation, *pool)
