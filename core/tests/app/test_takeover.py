"""Two installations on one PostgreSQL, as on two machines: the second takes over, and no task has two tries at once."""

import os
import signal

import psycopg
import pytest

from .conftest import Project, processes_running

GATED = """
import fcntl
with DAG("gated"):
    @task
    def waits():
        file = open("FOLDER/lock", "a")
        try: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError: open("FOLDER/overlap", "a").close()
        subprocess.Popen(["sleep", "600"], pass_fds=[file.fileno()], start_new_session=True)
        open("FOLDER/begun", "a").write(f"{os.getpid()}\\n")
        while not os.path.exists("FOLDER/gate"): time.sleep(0.02)
    waits()
with DAG("other"):
    EmptyOperator(task_id="e")
"""


@pytest.fixture
def machines(tmp_path, postgres_url):
    """Two projects with the same DAGs."""
    made = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        project = Project(tmp_path / name, postgres_url)
        project.environ["PENSTOCK_SCHEDULER__TAKEOVER_S"] = "2"
        project.write("gated.py", GATED.replace("FOLDER", str(tmp_path)))
        made.append(project)
    yield made
    for each in made:
        each.clean_up()


@pytest.mark.timeout(240)
def test_what_a_frozen_scheduler_ran_has_ended_before_another_machine_repeats_it(machines, tmp_path, postgres_server):
    first, second = machines
    first.up()
    first.wait_for_dags("gated", "other")
    first.trigger("gated", "one")
    begun = lambda: (tmp_path / "begun").exists() and (tmp_path / "begun").read_text().split()  # noqa: E731
    first.until(begun)
    (scheduler,) = processes_running(first, "penstock.app.scheduler")
    os.kill(scheduler, signal.SIGSTOP)
    with psycopg.connect(postgres_server.url, autocommit=True) as session:
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'penstock penstock up%'"
        )

    second.up()
    second.trigger("other", "one")
    second.wait_for_run("other", "one")
    assert len(begun()) == 1, "what has nothing to do with the first machine does not wait"
    second.until(lambda: len(begun()) == 2)
    assert not (tmp_path / "overlap").exists()
    (tmp_path / "gate").touch()
    assert second.wait_for_run("gated", "one") == "success"
    assert "What it ran is repeated in 7 s" in second.told()
    assert second.tasks("gated", "one")["waits"].try_number == 1

    os.kill(scheduler, signal.SIGCONT)
    assert first.process.wait(60) == 4
    assert "already works on it" in first.told()
    assert first.processes() == []
    assert second.down() == 0
