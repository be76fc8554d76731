"""Two installations on one PostgreSQL, as on two machines: both work, one takes over, and no task has two tries at once."""

import os
import signal
from datetime import timedelta

import psycopg
import pytest

from penstock.processes.failpoint import FOLDER
from penstock.scheduler.sharing.ownership import owner_of

from .conftest import Project, processes_running


def named(name, number):
    """The first DAG id of this name that the scheduler of this number is to own, of the first two."""
    return next(dag_id for dag_id in (f"{name}_{i}" for i in range(100)) if owner_of(dag_id, (1, 2)) == number)


GATED, HIS, HERS = named("gated", 1), named("other", 1), named("other", 2)
FILE = f"""
import fcntl
with DAG("{GATED}"):
    @task
    def waits():
        file = open("FOLDER/lock", "a")
        try: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError: open("FOLDER/overlap", "a").close()
        subprocess.Popen(["sleep", "600"], pass_fds=[file.fileno()], start_new_session=True)
        open("FOLDER/begun", "a").write(f"{{os.getpid()}}\\n")
        while not os.path.exists("FOLDER/gate"): time.sleep(0.02)
    waits()
with DAG("{HIS}"):
    EmptyOperator(task_id="e")
with DAG("{HERS}"):
    EmptyOperator(task_id="e")
"""
LATEST = timedelta(seconds=2)
STEPS = 10
"""Of a takeover, each of which a busy machine may have wait."""


@pytest.fixture
def machines(tmp_path, postgres_url):
    """Two projects with the same DAGs, which they have shared out."""
    made = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        project = Project(tmp_path / name, postgres_url)
        project.environ["PENSTOCK_SCHEDULER__TAKEOVER_S"] = "2"
        project.write("gated.py", FILE.replace("FOLDER", str(tmp_path)))
        made.append(project)
    first, second = made
    first.up()
    first.wait_for_dags(GATED, HIS, HERS)
    first.until(lambda: owned(first) == [3])
    second.up()
    second.until(lambda: owned(second) == [2, 1])
    yield made
    for each in made:
        each.clean_up()


def fenced(url):
    """Of each scheduler from which another took over: how long after the end of its lease that was."""
    with psycopg.connect(url) as session:
        return [
            row[0]
            for row in session.execute("SELECT fenced_at - expires_at FROM scheduler WHERE fenced_at IS NOT NULL")
        ]


def owned(project):
    """How many DAGs each scheduler owns."""
    return project.look(lambda store: [number for _, number in store.role.owners()])


@pytest.mark.nightly
@pytest.mark.timeout(300)
def test_what_a_frozen_scheduler_ran_has_ended_before_another_machine_repeats_it(machines, tmp_path, postgres_url):
    first, second = machines
    for dag_id in (HIS, HERS):
        first.trigger(dag_id, "zero")
        assert first.wait_for_run(dag_id, "zero") == "success"
    assert (f"DAG {HIS}: success" in first.told(), f"DAG {HERS}: success" in second.told()) == (True, True)

    first.trigger(GATED, "one")
    begun = lambda: (tmp_path / "begun").exists() and (tmp_path / "begun").read_text().split()  # noqa: E731
    first.until(begun)
    (scheduler,) = processes_running(first, "penstock.app.scheduler")
    os.kill(scheduler, signal.SIGSTOP)
    second.trigger(HIS, "one")
    second.wait_for_run(HIS, "one")
    (late,) = fenced(postgres_url)
    assert late <= LATEST + STEPS * timedelta(seconds=second.late_s)
    assert len(begun()) == 1, "what has nothing to do with the first machine does not wait"
    second.until(lambda: len(begun()) == 2)
    assert not (tmp_path / "overlap").exists()
    (tmp_path / "gate").touch()
    assert second.wait_for_run(GATED, "one") == "success"
    assert "What it ran is repeated in" in second.told()
    assert second.tasks(GATED, "one")["waits"].try_number == 1

    os.kill(scheduler, signal.SIGCONT)
    first.until(lambda: "another scheduler has taken over from scheduler 1" in first.told())
    first.until(lambda: len(owned(first)) == 2)
    doctor = first.call("doctor", code=None)
    assert (doctor.count("scheduler process"), doctor.count(", with ")) == (2, 2)

    assert second.down() == 0
    for dag_id in (HIS, HERS):
        first.trigger(dag_id, "two")
        assert first.wait_for_run(dag_id, "two") == "success", "who leaves hands over at once"
    assert first.down() == 0


@pytest.mark.timeout(240)
def test_a_machine_that_is_lost_is_taken_over_from_within_two_seconds_of_the_end_of_its_lease(machines, postgres_url):
    first, second = machines
    for process in first.processes():
        os.kill(process, signal.SIGKILL)
    first.process.wait()
    for dag_id in (HIS, HERS):
        second.trigger(dag_id, "one")
        assert second.wait_for_run(dag_id, "one") == "success"
    (late,) = fenced(postgres_url)
    assert late <= LATEST + STEPS * timedelta(seconds=second.late_s)
    assert second.down() == 0


@pytest.mark.nightly
@pytest.mark.timeout(240)
def test_who_dies_right_after_it_has_taken_over_is_taken_over_from_in_turn(machines, tmp_path):
    first, second = machines
    for process in second.processes():  # what is restarted looks for failpoints
        os.kill(process, signal.SIGKILL)
    second.process.wait()
    armed = tmp_path / "scheduler.takeover.after"
    second.environ[FOLDER] = str(tmp_path)
    second.up()
    second.until(lambda: owned(second) == [2, 1])
    armed.touch()
    for process in first.processes():
        os.kill(process, signal.SIGKILL)
    first.process.wait()
    second.until(lambda: not armed.exists())
    for dag_id in (HIS, HERS):
        second.trigger(dag_id, "one")
        assert second.wait_for_run(dag_id, "one") == "success"
    assert owned(second) == [3]
    assert second.down() == 0
