"""The figures of an installation come from its database, and not more often than they change."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

from penstock.errors import RequestError
from penstock.model.changes import Changes
from penstock.model.run import NewRun, RunKind, TaskInstance, Try
from penstock.model.state import RunState, TaskState
from penstock.scheduler.heartbeat_file import SILENT_S, HeartbeatFile
from penstock.service.figures.bottlenecks import bottlenecks
from penstock.service.figures.figures import FRESH_S, FigureReader, SchedulerHealth, list_queues, scheduler_health


@pytest.fixture
def busy(installation, now):
    """A run of sales that has ended, and one of which a task runs and another has waited for a minute."""
    store = installation.store
    made = store.apply(
        Changes(new_runs=[NewRun("sales", each, RunKind.MANUAL, None, None, None) for each in "ab"]), now
    )
    version = store.dags.state("sales").version
    ended, live = (replace(run, version=version) for run in made)
    runs = [replace(ended, state=RunState.SUCCESS, ended_at=now), replace(live, state=RunState.RUNNING)]
    minute = timedelta(minutes=1)
    tasks = [
        TaskInstance(live.run, "extract", -1, TaskState.RUNNING, epoch=1, due_at=now - 2 * minute),
        TaskInstance(live.run, "load", -1, TaskState.SCHEDULED, due_at=now - minute),
        TaskInstance(ended.run, "load", -1, TaskState.SUCCESS, due_at=now - minute),
    ]
    store.apply(Changes(runs=runs, tasks=tasks, tries=[Try(live.run, "extract", -1, 1, 1, "local", now)]), now)
    return installation


def shown(text):
    return {
        (each.name, *each.labels.values()): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def test_what_lives_is_shown(busy, now):
    found = shown(FigureReader(busy, 500).text())
    assert found["penstock_database_up",] == 1
    assert found["penstock_scheduler_up",] == 0
    assert found["penstock_runs_live", "running"] == 1
    assert found["penstock_queue_waiting", "default"] == 1
    assert found["penstock_queue_held", "default"] == 1
    assert found["penstock_queue_oldest_seconds", "default"] == 60
    assert found["penstock_pool_used", "default_pool"] == 1
    assert found["penstock_executor_held", "local"] == 1
    assert found["penstock_dag_last_success_timestamp_seconds", "sales"] == now.timestamp()
    assert found["penstock_file_import_seconds", "sales.py"] == 0.1


def test_figures_are_read_once_in_ten_seconds(busy, clock):
    reader, asked = FigureReader(busy, 500), []
    event.listen(busy.store.database.engine, "before_cursor_execute", lambda *_: asked.append(1))
    reader.text()
    often = len(asked)
    reader.text(openmetrics=True)
    assert len(asked) == often
    clock.advance(FRESH_S)
    reader.text()
    assert len(asked) > often


def test_dags_beyond_the_bound_are_one_that_is_as_late_as_the_latest(busy, store, now):
    early = now - timedelta(days=3)
    [run] = store.apply(Changes(new_runs=[NewRun("stock", "a", RunKind.MANUAL, None, None, None)]), now)
    store.apply(Changes(runs=[replace(run, state=RunState.SUCCESS, ended_at=early)]), now)
    found = shown(FigureReader(busy, 1).text())
    name = "penstock_dag_last_success_timestamp_seconds"
    assert {key: value for key, value in found.items() if key[0] == name} == {
        (name, "sales"): now.timestamp(),
        (name, "other"): early.timestamp(),
    }


def test_a_database_that_does_not_answer_is_a_figure(installation, store):
    store.database.path.unlink()
    assert shown(FigureReader(installation, 500).text()) == {("penstock_database_up",): 0}


def test_the_workers_of_a_queue_are_asked_for_by_what_each_holds(busy, store, now):
    store.config.put_pool(replace(store.config.pools()[0], name="narrow", slots=1), now)
    [queue] = list_queues(busy, tries_per_worker=2)
    assert (queue.name, queue.waiting, queue.held, queue.wanted, queue.workers) == ("default", 1, 1, 2, 1)
    with pytest.raises(RequestError, match="0 tries a worker"):
        list_queues(busy, tries_per_worker=0)


def test_a_scheduler_whose_loop_stands_still_does_not_count(installation, store, now, clock):
    assert scheduler_health(installation).problem == "No scheduler is running. Start it with `penstock up`."
    store.role.acquire("penstock up", now)
    state = installation.settings.state_folder
    state.mkdir(exist_ok=True)
    assert "has not come round since the machine started" in scheduler_health(installation).problem
    HeartbeatFile(state).write(clock.read().monotonic_s)
    assert scheduler_health(installation) == SchedulerHealth(1, 0.0, "")
    clock.advance(SILENT_S + 1)
    found = scheduler_health(installation)
    assert found.schedulers == 0
    assert "has not come round for 26 s. It is stopped" in found.problem


def test_a_beat_from_before_the_machine_started_is_none(tmp_path):
    HeartbeatFile(tmp_path).write(5000.0)
    assert HeartbeatFile(tmp_path).silent_s(5001.0) == 1.0
    assert HeartbeatFile(tmp_path).silent_s(10.0) is None
    (tmp_path / "scheduler.heartbeat").write_text("nonsense")
    assert HeartbeatFile(tmp_path).silent_s(10.0) is None


def test_nothing_that_has_finished_is_read_to_the_end(busy):
    asked = []
    event.listen(busy.store.database.engine, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
    FigureReader(busy, 500).text()
    bottlenecks(busy)
    queries = [(sql, values) for sql, values in asked if sql.startswith("SELECT")]
    assert len(queries) > 6
    with busy.store.database.read() as connection:
        plans = [
            line[-1]
            for sql, values in queries
            for line in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
        ]
    # The newest runs are read by the primary key, from the end, and no further than the limit.
    found = {
        line
        for line in plans
        if line.startswith("SCAN") and line.split()[1] in ("run", "task_instance", "try", "notice")
    }
    assert found <= {"SCAN run", "SCAN try USING INDEX try_open", "SCAN try USING COVERING INDEX try_open"}
