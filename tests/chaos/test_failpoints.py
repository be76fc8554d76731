"""At each named instant a real process is killed, once; what is left is repaired by what replaces it, and nothing is lost or done twice."""

import os
import signal
import subprocess
import sys

import pytest
from fire.installation import Fire

from penstock.model.state import Outcome
from penstock.processes.failpoint import FOLDER, failpoint
from penstock.store import upgrade
from penstock.store.sql import schema, tables
from penstock.store.sql.database import Database
from penstock_testkit.commands.fork_server import penstock
from penstock_testkit.nightly import nightly_but

COMMITS = ["scheduler.commit.before", "scheduler.commit.after", "scheduler.dispatch.before"]
KEPT = ["scheduler.dispatch.after", "notifier.delivery.after"]
"""With the kills of the other tests, one of each kind with each change of the code; all of them at night."""

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("failpoints")]


@pytest.fixture(scope="module")
def fire(tmp_path_factory):
    """An installation whose processes look for armed failpoints."""
    made = Fire(tmp_path_factory.mktemp("fail"))
    (made.folder / "armed").mkdir()
    made.environ[FOLDER] = str(made.folder / "armed")
    made.up()
    yield made
    made.end_all()


def arm(fire, name):
    """Have the next process that comes by be killed; returns what tells whether one was."""
    file = fire.folder / "armed" / name
    file.touch()
    return lambda: not file.exists()


def tries(fire, run_id):
    """How the tries of each task ended."""
    with fire.looking() as found:
        run = found.store.runs.find("other", run_id)
        return {
            task: [each.attempt.outcome for each in found.store.runs.tries(run.run, task)]
            for task in ("first", "second")
        }


@pytest.mark.parametrize("name", nightly_but(KEPT, [*KEPT, *COMMITS, "scheduler.answers.after"]))
def test_a_run_in_which_a_process_is_killed_there_succeeds_and_each_task_once(fire, name):
    reached = arm(fire, name)
    fire.trigger("other", name)
    assert fire.end_of("other", name) == "success"
    fire.wait_for(reached, f"the kill at {name}", 60)
    ended = tries(fire, name)
    assert all(outcomes.count(Outcome.SUCCESS) == 1 for outcomes in ended.values()), ended
    assert all({*outcomes} <= {Outcome.SUCCESS, Outcome.LOST} for outcomes in ended.values()), ended


def carried_out(fire, word):
    """Lines with a word among those that tasks have noted of their work."""
    file = fire.folder / "carried-out"
    return [line for line in file.read_text().splitlines() if word in line] if file.exists() else []


@pytest.mark.parametrize(
    "name",
    nightly_but(["scheduler.ask.after"], ["scheduler.ask.after", "scheduler.commit.after", "scheduler.dispatch.after"]),
)
def test_an_asset_has_one_event_and_a_step_is_done_once_whatever_is_killed_there(fire, name):
    fire.trigger("maker", f"{name}.zero")
    assert fire.end_of("maker", f"{name}.zero") == "success"
    fire.wait_for(lambda: carried_out(fire, f"taken from {name}.zero"), "the run for the first event")
    reached = arm(fire, name)
    fire.trigger("maker", name)
    assert fire.end_of("maker", name) == "success"
    fire.wait_for(reached, f"the kill at {name}", 60)
    fire.wait_for(lambda: f"taken from {name}" in carried_out(fire, "taken from"), "the run for the second event")
    assert carried_out(fire, "taken from").count(f"taken from {name}") == 1
    assert carried_out(fire, f"{name} part") == [f"{name} part 0", f"{name} part 1"]


@pytest.mark.parametrize("name", nightly_but(["scheduler.commit.after"], COMMITS))
def test_a_backfill_in_which_a_process_is_killed_there_runs_each_date_once(fire, name):
    day = 1 + COMMITS.index(name) * 4
    reached = arm(fire, name)
    dates = ["--from-date", f"2025-03-{day:02}", "--to-date", f"2025-03-{day + 3:02}", "--max-active-runs", "2"]
    made = penstock().run(("backfills", "create", "dated", *dates), fire.folder, fire.environ, seconds=60)
    assert made.code == 0, made
    wanted = {f"backfill__2025-03-{day + n:02}T00:00:00+00:00" for n in range(4)}
    assert {fire.end_of("dated", run_id) for run_id in wanted} == {"success"}
    fire.wait_for(reached, f"the kill at {name}", 60)
    done = [line for line in carried_out(fire, "backfill__") if line in wanted]
    assert set(done) == wanted
    with fire.looking() as look:
        runs = [look.store.runs.find("dated", run_id) for run_id in sorted(wanted)]
        ended = [[each.attempt.outcome for each in look.store.runs.tries(run.run, "once")] for run in runs]
    assert all(outcomes.count(Outcome.SUCCESS) == 1 for outcomes in ended), ended


@pytest.mark.parametrize("name", ["loader.dags.before", "loader.dags.after"])
def test_a_file_whose_loader_is_killed_there_is_known_all_the_same(fire, name):
    reached, dag_id = arm(fire, name), name.replace(".", "_")
    (fire.folder / "dags" / f"{dag_id}.py").write_text(
        f"from penstock import DAG, EmptyOperator\nwith DAG({dag_id!r}):\n    EmptyOperator(task_id='nothing')\n"
    )

    def known():
        with fire.looking() as found:
            return dag_id in found.store.dags.ids()

    fire.wait_for(known, f"DAG {dag_id}")
    fire.wait_for(reached, f"the kill at {name}", 60)
    fire.trigger(dag_id, "one")
    assert fire.end_of(dag_id, "one") == "success"


def test_runs_whose_deletion_is_killed_are_deleted_by_the_next(fire):
    fire.trigger("other", "old")
    assert fire.end_of("other", "old") == "success"
    arm(fire, "retention.runs.before")

    def delete():
        return penstock().run(("runs", "delete", "other", "old"), fire.folder, fire.environ, seconds=60).code

    assert delete() == -signal.SIGKILL
    assert fire.state("other", "old") == "success"
    assert delete() == 0
    assert fire.state("other", "old") == "None"


UPGRADE = "import sys; from penstock.store import upgrade; upgrade(sys.argv[1])"


@pytest.mark.parametrize(
    ("name", "left"),
    [("store.migration.before", tables.REVISIONS[-2]), ("store.migration.after", schema.HEAD)],
)
def test_a_migration_that_is_killed_is_whole_or_has_not_begun(tmp_path, name, left):
    url = f"sqlite:///{tmp_path}/penstock.db"
    database = Database(url)
    with database.write() as connection:
        schema.migrate(connection, tables.REVISIONS[-2])
    (tmp_path / name).touch()
    environ = {**os.environ, FOLDER: str(tmp_path)}
    killed = subprocess.run([sys.executable, "-c", UPGRADE, url], env=environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    with database.read() as connection:
        assert schema.found_version(connection) == left
    database.close()
    assert upgrade(url) == (left, schema.HEAD)


def test_a_failpoint_that_is_not_armed_does_nothing(tmp_path, monkeypatch):
    failpoint("scheduler.commit.before")
    monkeypatch.setenv(FOLDER, str(tmp_path))
    failpoint("scheduler.commit.before")
    (tmp_path / "scheduler.commit.after").touch()
    failpoint("scheduler.commit.before")
    assert (tmp_path / "scheduler.commit.after").exists()
