"""A deletion of a DAG that is killed anywhere is finished by the next one: real processes, real kills."""

import os
import signal
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from penstock.cli import root
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.run import NewRun, RunKind, TaskInstance
from penstock.model.source import ParsedFile
from penstock.model.state import RunState, TaskState
from penstock.settings import load_settings
from penstock.store import Keyring, LoaderCatalog, Store
from penstock_testkit.commands.fork_server import penstock

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FAILPOINTS = ("retention.runs.before", "deletion.runs.after", "deletion.versions.before", "deletion.dag.before")


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """The store of a project with a DAG that no file defines any more, and 30 runs of it."""
    monkeypatch.chdir(tmp_path)
    assert root.run(["init", "--no-example"], {}) == 0
    settings = load_settings({}, tmp_path)
    with Store.open(settings.database_url, Keyring.of_file(settings.key_file)) as store:
        catalog = LoaderCatalog(store, store.config.variable_values, lambda: NOW)
        for tag in ("old", "new"):
            dag = DagSpec("sales", "sales.py", (TaskSpec("a"),), tags=(tag,))
            catalog.save(ParsedFile("sales.py", "s", {}, {}, None, NOW, 0.1, (dag,)))
        catalog.retire("sales.py")
        catalog.close()
        made = store.apply(
            Changes(new_runs=[NewRun("sales", f"r{n}", RunKind.MANUAL, NOW, NOW, NOW) for n in range(30)]), NOW
        )
        ended = [replace(run, state=RunState.SUCCESS, ended_at=NOW) for run in made]
        store.apply(Changes(runs=ended, tasks=[TaskInstance(run.run, "a", -1, TaskState.SUCCESS) for run in made]), NOW)
        yield store


def test_a_deletion_that_is_killed_anywhere_is_finished_by_the_next(opened, tmp_path):
    armed = tmp_path / "armed"
    armed.mkdir()
    environ = {**os.environ, "PENSTOCK_FAILPOINTS": str(armed)}

    def delete():
        return penstock().run(("dags", "delete", "sales", "--yes"), tmp_path, environ, seconds=60)

    left = []
    for name in FAILPOINTS:
        (armed / name).touch()
        assert delete().code == -signal.SIGKILL, name
        assert opened.check() == [], name
        left.append((len(opened.runs.page()), len(opened.versions.of("sales")), opened.dags.row("sales") is not None))
    assert left == [(30, 2, True), (5, 2, True), (0, 2, True), (0, 1, True)]
    done = delete()
    assert (done.code, done.out) == (0, "deleted sales: 0 runs, 0 backfills, 1 version, 0 events\n")
    assert (opened.dags.row("sales"), opened.versions.of("sales"), opened.check()) == (None, [], [])
    assert len(opened.audit.page(dag_id="sales")) == 5, "each of the five that asked"
