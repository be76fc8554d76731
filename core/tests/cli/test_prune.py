"""A prune that is killed anywhere leaves every run whole or to be gone, and is finished by the next: real processes, real kills."""

import json
import os
import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import func, select

from penstock.cli import root
from penstock.errors import RequestError
from penstock.model.changes import Changes
from penstock.model.request import ClearTasks
from penstock.model.run import NewRun, RunKind, TaskInstance, TaskKey, Try, XCom
from penstock.model.state import Outcome, RunState, TaskState
from penstock.settings import load_settings
from penstock.store import Keyring, Store
from penstock.store.sql.tables import metadata, run_deletion
from penstock.tries.paths import log_path
from penstock_testkit.commands.fork_server import penstock

OLD, YOUNG = (datetime.now(UTC) - timedelta(days=days) for days in (40, 1))
WORDS = ("db", "prune", "--runs-days", "30", "--clock-is-right", "--json")
FAILPOINTS = ("retention.files.before", "retention.runs.before")


@pytest.fixture(params=["sqlite", "postgres"])
def project(request, tmp_path, monkeypatch):
    """A project with 30 old runs and 5 young ones, its store, and the folder of the logs of each run."""
    monkeypatch.chdir(tmp_path)
    assert root.run(["init", "--no-example"], {}) == 0
    if request.param == "postgres":
        monkeypatch.setenv("PENSTOCK_DATABASE__URL", request.getfixturevalue("postgres_tables_url"))
    settings = load_settings(os.environ, tmp_path)
    with Store.open(settings.database_url, Keyring.of_file(settings.key_file)) as store:
        ended = [*[OLD] * 30, *[YOUNG] * 5]
        made = store.apply(
            Changes(new_runs=[NewRun("d", f"r{n}", RunKind.MANUAL, at, at, at) for n, at in enumerate(ended)]), OLD
        )
        runs = [replace(run, state=RunState.SUCCESS, ended_at=at) for run, at in zip(made, ended, strict=True)]
        tasks = [TaskInstance(run.run, "t", -1, TaskState.SUCCESS, epoch=1) for run in made]
        tries = [Try(run.run, "t", -1, 1, 1, "local", OLD, ended_at=OLD, outcome=Outcome.SUCCESS) for run in made]
        xcoms = [XCom(run.run, "t", -1, "k", b"1") for run in made]
        store.apply(Changes(runs=runs, tasks=tasks, tries=tries, xcoms=xcoms), OLD)
        logs = {run.run: log_path(settings.logs_folder, "d", run.run_id, TaskKey(run.run, "t"), 1) for run in made}
        for log in logs.values():
            log.parent.mkdir(parents=True)
            log.write_text("it ran\n")
        yield store, logs


def prune(environ):
    return penstock().run(WORDS, Path.cwd(), environ, seconds=60)


def left(store):
    return {run.run for run in store.runs.page(limit=100)}


def whole(store, logs):
    """Check that no row is an orphan, and each run has its logs unless it is noted that it goes."""
    assert store.check() == []
    runs = left(store)
    with store.database.read() as connection:
        going = set(connection.execute(select(run_deletion.c.run)).scalars())
        for table in metadata.tables.values():
            if "run" in table.c and table.name != "run":
                orphans = select(func.count()).select_from(table).where(table.c.run.not_in(runs))
                assert connection.execute(orphans).scalar_one() == 0, table.name
    assert going <= runs
    assert [run for run in runs - going if not logs[run].exists()] == []
    assert [run for run in logs.keys() - runs if logs[run].parent.parent.exists()] == []


def test_a_prune_that_is_killed_anywhere_is_finished_by_the_next(project, tmp_path):
    store, logs = project
    armed = tmp_path / "armed"
    armed.mkdir()
    environ = {**os.environ, "PENSTOCK_FAILPOINTS": str(armed)}
    for name in FAILPOINTS:
        (armed / name).touch()
        assert prune(environ).code == -signal.SIGKILL, name
        assert len(left(store)) == 35
        whole(store, logs)
    with pytest.raises(
        RequestError, match=r"run 'r0' of DAG 'd' is being deleted: nothing can be asked of it any more\."
    ):
        store.requests.submit(ClearTasks(min(logs)), OLD)
    done = prune(environ)
    assert (done.code, json.loads(done.out)) == (0, {"deleted": True, "runs": 30})
    assert left(store) == set(sorted(logs)[-5:])
    whole(store, logs)


def test_two_prunes_at_once_delete_each_run_once(project):
    store, logs = project
    both = [penstock().start(WORDS, Path.cwd(), os.environ) for _ in range(2)]
    told = [each.stdout.read() for each in both]
    assert [each.wait(60) for each in both] == [0, 0], told
    assert sum(json.loads(out)["runs"] for out in told) == 30
    for each in both:
        each.stdout.close()
    assert left(store) == set(sorted(logs)[-5:])
    whole(store, logs)


def test_what_is_asked_while_a_prune_begins_keeps_its_run_or_is_refused(project):
    """Two threads at once, a run each time: no answer is lost."""
    store, logs = project
    old = sorted(logs)[:30]
    asked, marked = dict[int, bool](), dict[int, bool]()
    together = threading.Barrier(2)

    def ask():
        for run in old:
            together.wait()
            try:
                store.requests.submit(ClearTasks(run), OLD)
            except RequestError:
                asked[run] = False
            else:
                asked[run] = True

    thread = threading.Thread(target=ask)
    thread.start()
    for run in old:
        together.wait()
        marked[run] = run in store.retention.begin_deletion([run])
    thread.join()
    assert [run for run in old if asked[run] is marked[run]] == []
    assert {run.run for run in store.retention.deleting()} == {run for run in old if marked[run]}
