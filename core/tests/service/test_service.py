from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from penstock.errors import NotFoundError, RequestError
from penstock.model.changes import Changes
from penstock.model.connection import Connection
from penstock.model.request import CancelRun, ClearTasks, DagChanged, MarkTask, RunRequested
from penstock.model.run import TaskInstance, Try
from penstock.model.state import Outcome, RunState, TaskState
from penstock.service import config, dags, runs, tasks
from penstock.store import Pool
from penstock.tries.paths import log_path
from penstock.tries.vault import EnvironmentSource, StoreSource, Vault


@pytest.fixture
def asked(store, now):
    """Requests since the last call."""

    def take():
        found = store.requests.pending()
        store.apply(Changes(handled=[number for number, _ in found]), now)
        return [request for _, request in found]

    take()
    return take


@pytest.fixture
def run(store, now, asked):
    """A run whose first task has failed once and is tried again."""
    run = dags.trigger(store, "sales", now, run_id="one").run
    asked()
    rows = [
        TaskInstance(run.run, "extract", -1, TaskState.RUNNING, 2, 2, "try 2 of 3"),
        TaskInstance(run.run, "load", -1, TaskState.NONE),
    ]
    tries = [
        Try(run.run, "extract", -1, 1, 1, "local", now, outcome=Outcome.FAILED, error="ValueError: no\ntrace"),
        Try(run.run, "extract", -1, 2, 2, "local", now),
    ]
    running = msgspec.structs.replace(run, state=RunState.RUNNING, started_at=now)
    store.apply(Changes(runs=[running], tasks=rows, tries=tries), now)
    return running


def test_a_trigger_creates_the_run_with_its_request(store, now, asked):
    done = dags.trigger(store, "sales", now, conf={"customer": "x"})
    assert (done.created, done.paused, done.run.state) == (True, False, RunState.QUEUED)
    assert (done.run.run_id, done.run.logical_date) == (f"manual__{now.isoformat()}", now)
    assert done.run.version == store.dags.state("sales").version
    assert done.run.interval_start == now.replace(hour=11, minute=0)
    assert done.run.interval_end == now.replace(hour=12, minute=0)
    assert asked() == [RunRequested(done.run.run)]


def test_a_trigger_of_a_dag_without_schedule_has_an_empty_interval(store, now):
    run = dags.trigger(store, "stock", now, logical_date=datetime(2026, 1, 1, tzinfo=UTC)).run
    assert run.logical_date == run.interval_start == run.interval_end == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_second_trigger_under_one_name_makes_no_second_run(store, now, asked):
    first = dags.trigger(store, "sales", now, run_id="mine", conf={"customer": "a"})
    again = dags.trigger(store, "sales", now + timedelta(1), run_id="mine", conf={"customer": "b"})
    assert (again.created, again.run) == (False, first.run)
    assert asked() == [RunRequested(first.run.run)]


@pytest.mark.parametrize(
    ("dag_id", "more", "kind", "sentence"),
    [
        ("saless", {}, NotFoundError, r"no DAG is named 'saless'. Did you mean 'sales'\?"),
        ("sales", {"conf": {"custmer": 1}}, NotFoundError, r"no param of DAG 'sales' is named 'custmer'.*'customer'\?"),
        ("sales", {"run_id": "a\nb"}, RequestError, r"a name has 1 to 250 printable characters"),
        ("sales", {"logical_date": datetime(2026, 1, 1)}, RequestError, "has no time zone"),  # noqa: DTZ001 - the case
    ],
)  # fmt: skip
def test_a_trigger_that_cannot_be_done_says_why_and_does_nothing(store, now, asked, dag_id, more, kind, sentence):
    with pytest.raises(kind, match=sentence):
        dags.trigger(store, dag_id, now, **more)
    assert asked() == []
    assert store.runs.page() == []


def test_a_dag_without_params_takes_any_conf(store, now):
    assert dags.trigger(store, "stock", now, conf={"anything": [1]}).run.conf == {"anything": [1]}


def test_a_retired_dag_is_not_triggered(store, now, save):
    save(store, [])
    with pytest.raises(RequestError, match="DAG 'sales' is retired"):
        dags.trigger(store, "sales", now)
    assert dags.list_dags(store, now) == []
    assert [d.active for d in dags.list_dags(store, now, retired=True)] == [False, False]


def test_dags_are_listed_with_their_next_run(store, now):
    sales, stock = dags.list_dags(store, now)
    assert (sales.schedule, sales.next_run_at) == ("@hourly", now.replace(hour=12, minute=0))
    assert (stock.schedule, stock.next_run_at) == ("none", None)
    assert [d.dag_id for d in dags.list_dags(store, now, tag="daily")] == ["sales"]
    assert dags.show_dag(store, "sales", now).summary == sales


def test_the_next_runs_follow_the_schedule(store, now):
    found = dags.next_runs(store, "sales", now, 3)
    assert [interval.start.hour for interval in found] == [11, 12, 13]
    assert dags.next_runs(store, "stock", now) == []


def test_pausing_twice_changes_something_once(store, now, asked):
    assert dags.pause(store, "sales", now, paused=True)
    assert not dags.pause(store, "sales", now, paused=True)
    assert asked() == [DagChanged("sales")]
    assert dags.list_dags(store, now)[0].next_run_at is None
    with pytest.raises(NotFoundError):
        dags.pause(store, "nope", now, paused=True)


def test_runs_are_paged(store, now):
    for i in range(5):
        dags.trigger(store, "sales", now, run_id=f"r{i}")
    first = runs.list_runs(store, dag_id="sales", limit=3)
    second = runs.list_runs(store, dag_id="sales", limit=3, before=first.before)
    assert [r.run_id for r in (*first.runs, *second.runs)] == ["r4", "r3", "r2", "r1", "r0"]
    assert second.before is None
    with pytest.raises(NotFoundError):
        runs.list_runs(store, dag_id="nope")


def test_a_run_is_shown_with_its_tasks_by_state(store, run):
    assert runs.show_run(store, "sales").tasks == {TaskState.RUNNING: 1, TaskState.NONE: 1}
    with pytest.raises(NotFoundError, match="Did you mean 'one'"):
        runs.show_run(store, "sales", "onee")
    with pytest.raises(RequestError, match="has no run yet"):
        runs.show_run(store, "stock")


def test_cancel_is_asked_of_a_live_run_and_refused_for_an_ended_one(store, now, run, asked):
    runs.cancel_run(store, "sales", "one", now, by="me")
    assert asked() == [CancelRun(run.run, "me")]
    store.apply(Changes(runs=[msgspec.structs.replace(run, state=RunState.SUCCESS)]), now)
    with pytest.raises(RequestError, match="already ended as success"):
        runs.cancel_run(store, "sales", "one", now)
    assert asked() == []


def test_clear_checks_each_task(store, now, run, asked):
    runs.clear_tasks(store, "sales", "one", now, tasks=["load"], downstream=False, only_failed=True)
    assert asked() == [ClearTasks(run.run, ("load",), downstream=False, only_failed=True)]
    with pytest.raises(NotFoundError, match=r"no task of DAG 'sales' is named 'laod'\. Did you mean 'load'"):
        runs.clear_tasks(store, "sales", "one", now, tasks=["load", "laod"])
    assert asked() == []


def test_mark_checks_state_and_task(store, now, run, asked):
    tasks.mark_task(store, "sales", "load", "success", now)
    assert asked() == [MarkTask(run.run, "load", -1, "success")]
    with pytest.raises(RequestError, match="cannot be marked 'running'"):
        tasks.mark_task(store, "sales", "load", "running", now)
    with pytest.raises(NotFoundError, match="'load'"):
        tasks.mark_task(store, "sales", "loads", "success", now)
    with pytest.raises(RequestError, match="has no index 3"):
        tasks.mark_task(store, "sales", "load", "success", now, map_index=3)


def test_why_gives_the_engines_reason_or_what_is_waited_for(store, now, run):
    (extract,) = tasks.why(store, "sales", "extract", now, {"local": 2})
    assert (extract.reason, [t.attempt.outcome for t in extract.tries]) == ("try 2 of 3", [Outcome.FAILED, None])
    (load,) = tasks.why(store, "sales", "load", now, {"local": 2})
    assert (load.reason, load.upstream) == ("it waits for extract", {"extract": [TaskState.RUNNING]})
    dags.pause(store, "sales", now, paused=True)
    assert "is paused" in tasks.why(store, "sales", "load", now, {"local": 2})[0].reason


def test_why_tells_of_a_ready_task_what_holds_it_now(store, now, run):
    store.config.put_pool(Pool("narrow", 1), now)
    other = dags.trigger(store, "sales", now, run_id="two").run
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
        (load,) = tasks.why(store, "sales", "load", now, {"local": places}, run_id="two")
        return load.reason

    assert reason(2) == "pool 'narrow' is full: 1 of 1"
    store.config.put_pool(Pool("narrow", 5), now)
    assert reason(1) == "executor 'local' is full: 1 of 1"
    assert "nothing holds it back" in reason(2)
    assert store.runs.tasks(other.run, "load")[0].reason == stale


def test_logs_are_found_by_dispatch(store, run, tmp_path):
    found = tasks.task_logs(store, tmp_path, "sales", "extract")
    assert [(log.epoch, log.live) for log in found] == [(1, False), (2, True)]
    assert found[0].path == log_path(tmp_path, "sales", "one", found[0].task.key, 1)


def test_connections_of_the_environment_come_first_and_secrets_stay_hidden(store, now):
    extra = {"role": "r", "private_key": "kkk", "key": {"token": "ttt", "list": ["lll"]}}
    config.set_connection(store, Connection("db", "postgres", password="ppp", extra=extra), now)
    vault = Vault([EnvironmentSource({"db": Connection("db", "mysql", password="eee")}, {}), StoreSource(store)])
    first, second = config.list_connections(vault)
    assert (first.source, second.source, second.shadowed) == ("environment", "database", True)
    stored = config.show_connection(Vault([StoreSource(store)]), "db")
    shown = msgspec.json.encode([first, second, stored]).decode()
    assert not any(secret in shown for secret in ("ppp", "kkk", "ttt", "eee"))
    assert "lll" in shown
    with pytest.raises(RequestError, match="an id has letters"):
        config.set_connection(store, Connection("a b", "x"), now)


def test_variables_of_the_environment_come_first(store, now):
    config.set_variable(store, "key", "stored", now)
    vault = Vault([EnvironmentSource({}, {"key": "outside"}), StoreSource(store)])
    assert config.get_variable(vault, "key") == "outside"
    assert [v.shadowed for v in config.list_variables(store, vault)] == [False, True]
    with pytest.raises(NotFoundError, match="Did you mean 'key'"):
        config.get_variable(vault, "keys")
    with pytest.raises(RequestError):
        config.set_variable(store, " key", "x", now)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("default_pool", "it stays"), ("narrow", "is used by DAG sales"), ("nope", "no pool is named 'nope'")],
)  # fmt: skip
def test_a_pool_that_is_needed_is_not_deleted(store, now, name, sentence):
    config.set_pool(store, Pool("narrow", 1), now)
    config.set_pool(store, Pool("free", 0), now)
    with pytest.raises(RequestError, match=sentence):
        config.delete_pool(store, name, now)
    config.delete_pool(store, "free", now)
    assert [pool.name for pool in config.list_pools(store)] == ["default_pool", "narrow"]


@pytest.mark.parametrize("pool", [Pool("p", -1), Pool("p", 2**31), Pool("", 1), Pool("x" * 300, 1)])
def test_a_pool_that_cannot_be_is_refused(store, now, pool):
    with pytest.raises(RequestError):
        config.set_pool(store, pool, now)
