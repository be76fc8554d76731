"""Jobs elsewhere and steps under a whole installation: each is done once, whoever is killed, until its task is cleared."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.model.request import CancelRun, ClearTasks
from penstock_testkit.nightly import thinned

from .conftest import Project

HELPER = Path(__file__).with_name("jobs_on_disk.py")
DAG = """
from jobs_on_disk import *
with DAG("NAME", schedule="@once", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    CLASS(task_id="job", folder="FOLDER", dies="DIES")
"""
STEPS = """
import os, signal
from datetime import datetime, timezone
from penstock import DAG, step, task
def note(text):
    with open("FOLDER/journal", "a") as journal: journal.write("did " + text + "\\n")
    return text
with DAG("steps", schedule="@once", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    @task(retries=1, retry_delay=0.1)
    def job():
        done = [step("first", note, "first")]
        if not os.path.exists("FOLDER/died"):
            open("FOLDER/died", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return [*done, step("second", note, "second")]
    job()
"""
KILLS = [(of, dies) for of in ("DiskJob", "FoundDiskJob") for dies in ("before", "after", "look")]


def define(project, name, of="DiskJob", dies=""):
    """Write a DAG with a service of its own, which runs once."""
    folder = project.folder / name
    folder.mkdir()
    if dies:
        (folder / "gate").touch()
    text = DAG.replace("NAME", name).replace("CLASS", of).replace("FOLDER", str(folder)).replace("DIES", dies)
    project.write(f"{name}.py", text)


def said(project, name, what=""):
    """The jobs in the journal of a DAG's service, those alone that were started or cancelled."""
    journal = project.folder / name / "journal"
    lines = journal.read_text().splitlines() if journal.exists() else []
    return [line.split()[1] for line in lines if line.startswith(what)]


def the_run(project, name):
    return project.look(lambda store: store.runs.page(dag_id=name, limit=1))[0]


def ask(project, request):
    project.look(lambda store: store.requests.submit(request, datetime.now(UTC)))


def wait_for(project, name, state):
    project.until(lambda: project.runs(name) == [state], f"the end of {name}")
    return project.tasks(name, the_run(project, name).run_id)["job"]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """One installation whose DAGs run at once, each in a file and with a waiter of its own."""
    project = Project(tmp_path_factory.mktemp("jobs"))
    shutil.copy(HELPER, project.folder / "dags")
    for of, dies in KILLS:
        define(project, f"{of}-{dies}", of, dies)
    for name in ("cancelled", "outlives"):
        define(project, name)
    define(project, "cleared", "StoppableDiskJob")
    (project.folder / "steps").mkdir()
    project.write("steps.py", STEPS.replace("FOLDER", str(project.folder / "steps")))
    project.up()
    yield project
    project.clean_up()


@pytest.mark.parametrize(("of", "dies"), thinned([pytest.param(*each) for each in KILLS], 2))
@pytest.mark.timeout(180)
def test_a_job_is_started_once_whenever_the_process_that_waits_for_it_is_killed(house, of, dies):
    name = f"{of}-{dies}"
    task = wait_for(house, name, "success")
    assert (house.folder / name / "died").exists()
    assert (len(said(house, name, "started")), task.epoch, task.try_number) == (1, 2, 1)


def test_a_cancelled_run_cancels_its_job(house):
    house.until(lambda: said(house, "cancelled", "started"), "the job")
    ask(house, CancelRun(the_run(house, "cancelled").run))
    wait_for(house, "cancelled", "cancelled")
    house.until(lambda: said(house, "cancelled", "cancelled") == said(house, "cancelled", "started"), "the cancel")


def test_a_cleared_task_ends_its_job_and_starts_another(house):
    house.until(lambda: said(house, "cleared", "started"), "the job")
    ask(house, ClearTasks(the_run(house, "cleared").run))
    house.until(lambda: len(said(house, "cleared", "started")) == 2, "the second job")
    first, second = said(house, "cleared", "started")
    assert set(said(house, "cleared", "cancelled")) == {first}
    (house.folder / "cleared" / "gate").touch()
    wait_for(house, "cleared", "success")
    assert said(house, "cleared", "started") == [first, second]


@pytest.mark.timeout(180)
def test_a_step_is_not_done_again_after_a_kill_or_a_clear_that_keeps_it(house):
    task = wait_for(house, "steps", "success")
    assert (said(house, "steps"), task.epoch) == (["first", "second"], 2)
    for keeps, epoch, done in ((True, 3, 2), (False, 4, 4)):
        run = the_run(house, "steps")
        ask(house, ClearTasks(run.run, keep_steps=keeps))
        house.until(
            lambda run_id=run.run_id, epoch=epoch: house.tasks("steps", run_id)["job"].epoch == epoch, "a new try"
        )
        wait_for(house, "steps", "success")
        assert len(said(house, "steps")) == done
    left = house.look(lambda store: store.xcoms.values(run.run, [("job", "return_value")]))
    assert list(left.values()) == [b'["first","second"]']


@pytest.mark.timeout(180)
def test_a_job_outlives_the_installation_and_is_gone_on_with(house):
    house.until(lambda: said(house, "outlives", "started"), "the job")
    house.down()  # hands back every try that runs, and so this test comes after those that count the tries of others
    house.up()
    run_id = the_run(house, "outlives").run_id
    house.until(lambda: house.tasks("outlives", run_id)["job"].epoch == 2, "the next try")
    (house.folder / "outlives" / "gate").touch()
    wait_for(house, "outlives", "success")
    assert (len(said(house, "outlives", "started")), said(house, "outlives", "cancelled")) == (1, [])
