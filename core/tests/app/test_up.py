"""A whole installation from outside: files in, command line in, states, logs and exit codes out."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import PATIENCE_S, processes_running

PIPELINE = """
with DAG("pipeline", schedule=None, params={"n": 3}):
    @task
    def numbers(n): return list(range(int(n)))
    @task
    def square(x): return x * x
    @task
    def total(values): print("total is", sum(values)); return sum(values)
    @task.branch
    def choose(value): return "big" if value > 100 else "small"
    @task_group
    def pair(both):
        return square.override(task_id="again")(first(both))
    @task
    def first(both): return both[0]
    squares = square.expand(x=numbers("{{ params.n }}"))
    total_of = total(squares)
    total.override(task_id="pairs")(pair.expand(both=squares.zip(squares)))
    choose(total_of) >> [EmptyOperator(task_id="big"), BashOperator(task_id="small", bash_command="echo run {{ run_id }}")]
"""

SLOW = """
with DAG("NAME", schedule=None, max_active_runs=2):
    @task
    def sleeps():
        while not os.path.exists("GATE"): time.sleep(0.02)
    @task
    def after(): ...
    sleeps() >> after()
"""


def slow(project, name="slow"):
    """The DAG whose first task waits until `open_gate`."""
    return SLOW.replace("NAME", name).replace("GATE", str(project.folder / f"gate-{name}"))


def open_gate(project, name="slow"):
    (project.folder / f"gate-{name}").touch()


FLAKY = """
with DAG("flaky", schedule=None):
    @task(retries=2, retry_delay=timedelta(seconds=0.1))
    def third_time(ti=None):
        if ti.try_number < 3: raise ValueError(f"not at try {ti.try_number}")
    third_time()
"""


@pytest.mark.parametrize("any_project", ["sqlite", "postgresql"], indirect=True)
def test_a_dag_with_mapping_branch_templates_and_bash_runs_on_both_databases(any_project):
    project = any_project
    project.write("pipeline.py", PIPELINE)
    project.up()
    project.wait_for_dags("pipeline")
    project.trigger("pipeline", "one", "--conf", '{"n": 4}')
    assert project.wait_for_run("pipeline", "one") == "success"
    states = project.states("pipeline", "one")
    assert states.pop("big") == "skipped"
    assert set(states.values()) == {"success"}
    assert {f"{name}[{i}]" for name in ("square", "pair.first", "pair.again") for i in range(4)} <= set(states)
    assert "total is 14" in project.call("tasks", "logs", "pipeline", "total", "--run", "one")
    assert "total is 98" in project.call("tasks", "logs", "pipeline", "pairs", "--run", "one")
    assert "run one" in project.call("tasks", "logs", "pipeline", "small", "--run", "one")
    assert "square[2] is success" in project.call("tasks", "why", "pipeline", "square[2]", "--run", "one")
    assert "run one of DAG pipeline: success after" in project.told()
    assert project.down() == 0
    assert project.processes() == []


@pytest.mark.xdist_group("running")
def test_retries_are_counted_and_their_logs_kept(running):
    running.write("flaky.py", FLAKY)
    running.wait_for_dags("flaky")
    running.trigger("flaky", "one")
    assert running.wait_for_run("flaky", "one") == "success"
    assert running.tasks("flaky", "one")["third_time"].try_number == 3


@pytest.mark.xdist_group("running")
def test_a_schedule_starts_the_newest_run_and_no_older_one(running):
    running.write(
        "yearly.py",
        'with DAG("yearly", schedule="@yearly", start_date=datetime(2020, 1, 1, tzinfo=timezone.utc)):\n'
        '    EmptyOperator(task_id="e")\n',
    )
    running.wait_for_dags("yearly")
    running.until(lambda: running.runs("yearly") == ["success"])


@pytest.mark.xdist_group("running")
def test_catchup_runs_every_interval_once(running):
    running.write(
        "daily.py",
        'with DAG("daily", schedule="@daily", catchup=True, max_active_runs=3,\n'
        "         start_date=datetime(2024, 1, 1, tzinfo=timezone.utc), end_date=datetime(2024, 1, 20, tzinfo=timezone.utc)):\n"
        '    EmptyOperator(task_id="e")\n',
    )
    running.wait_for_dags("daily")
    running.until(lambda: running.runs("daily") == ["success"] * 20)


@pytest.mark.xdist_group("running")
def test_cancelling_a_run_kills_its_tries_and_clearing_runs_it_again(running):
    running.write("cancelled.py", slow(running, "cancelled"))
    running.wait_for_dags("cancelled")
    running.trigger("cancelled", "one")
    running.until(lambda: running.states("cancelled", "one").get("sleeps") == "running")
    before = set(running.processes())
    running.call("runs", "cancel", "cancelled", "one")
    assert running.wait_for_run("cancelled", "one") == "cancelled"
    assert set(running.states("cancelled", "one").values()) == {"cancelled"}
    running.until(lambda: len(before - set(running.processes())) >= 1)
    running.write("cancelled.py", slow(running, "cancelled").replace("while not", "while False and not"))
    running.call("runs", "clear", "cancelled", "one", "--code", "same")
    running.until(lambda: running.states("cancelled", "one").get("sleeps") == "running", "the same code runs again")
    open_gate(running, "cancelled")
    assert running.wait_for_run("cancelled", "one") == "success"


def test_a_killed_scheduler_is_restarted_and_nothing_outlives_a_killed_supervisor(project):
    project.write("slow.py", slow(project))
    project.write("slower.py", slow(project, "slower"))
    project.up()
    project.wait_for_dags("slow", "slower")
    project.trigger("slow", "one")
    project.until(lambda: project.states("slow", "one").get("sleeps") == "running")
    scheduler = next(
        p for p in project.processes() if b"penstock.app.scheduler" in Path(f"/proc/{p}/cmdline").read_bytes()
    )
    os.kill(scheduler, signal.SIGKILL)
    project.until(lambda: project.tasks("slow", "one")["sleeps"].epoch == 2)
    open_gate(project)
    assert project.wait_for_run("slow", "one") == "success"
    assert project.tasks("slow", "one")["sleeps"].try_number == 1

    project.trigger("slower", "one")
    project.until(lambda: project.states("slower", "one").get("sleeps") == "running")
    project.process.kill()
    project.process.wait()
    project.process = None
    project.until(lambda: not project.processes(), "the end of every process")


@pytest.mark.xdist_group("running")
def test_a_second_up_on_the_same_database_is_refused_with_the_holder_named(running):
    running.write("held.py", 'with DAG("held"):\n    EmptyOperator(task_id="e")\n')
    running.wait_for_dags("held")
    running.trigger("held", "one")
    assert running.wait_for_run("held", "one") == "success"  # so that the first one is at work
    refused = running.call("up", code=4)
    assert "penstock up" in refused
    assert "process" in refused


@pytest.mark.xdist_group("running")
def test_a_broken_file_shows_its_errors_and_keeps_its_last_good_version(running):
    good = PIPELINE.replace('"pipeline"', '"broken"')
    running.write("broken.py", good)
    running.wait_for_dags("broken")
    running.write("broken.py", good.replace("EmptyOperator(task_id", "EmptyOperator(tsak_id"))
    errors = running.until(lambda: (e := running.call("dags", "errors", code=None)) and "task_id" in e and e)
    assert "broken.py" in errors
    running.trigger("broken", "one")
    assert running.wait_for_run("broken", "one") == "success"


@pytest.mark.xdist_group("running")
def test_dags_made_from_a_variable_follow_it(running):
    running.call("variables", "set", "customers", '["acme"]')
    running.write(
        "customers.py",
        "for name in Variable.get('customers', deserialize_json=True):\n"
        "    with DAG(f'customer_{name}', schedule=None):\n        EmptyOperator(task_id='e')\n",
    )
    running.wait_for_dags("customer_acme")
    running.call("variables", "set", "customers", '["acme", "zeta"]')
    running.wait_for_dags("customer_acme", "customer_zeta")


@pytest.mark.xdist_group("running")
def test_secrets_never_reach_a_log(running):
    running.call("connections", "set", "svc", "http://user:very-secret-word@host/")
    running.call("variables", "set", "crm_token", "another-secret-word")
    running.call("variables", "set", "early", '{"token": "third-secret-word"}')
    running.write(
        "leak.py",
        'early = Variable.get("early", deserialize_json=True)["token"]\n'
        'with DAG("leak", schedule=None):\n'
        "    @task\n    def leak():\n        print('password is', Connection.get('svc').password)\n"
        "        print('token is', Variable.get('crm_token'))\n        print('early is', early)\n    leak()\n"
        '    BashOperator(task_id="bash", bash_command="echo {{ conn.svc.password }}")\n',
    )
    running.wait_for_dags("leak")
    running.trigger("leak", "one")
    assert running.wait_for_run("leak", "one") == "success"
    logs = running.call("tasks", "logs", "leak", "leak", "--run", "one") + running.call(
        "tasks", "logs", "leak", "bash", "--run", "one"
    )
    assert "secret-word" not in logs
    assert logs.count("***") == 4


@pytest.mark.xdist_group("running")
def test_a_dag_triggers_another_and_waits_for_it(running):
    running.write(
        "two.py",
        'with DAG("child", schedule=None):\n    BashOperator(task_id="e", bash_command="echo {{ ds }}")\n'
        'with DAG("parent", schedule=None):\n'
        '    TriggerDagRunOperator(task_id="t", trigger_dag_id="child", wait_for_completion=True, poke_interval=0.2)\n',
    )
    running.wait_for_dags("parent", "child")
    running.trigger("parent", "one")
    assert running.wait_for_run("parent", "one") == "success"
    assert running.runs("child") == ["success"]


@pytest.mark.xdist_group("running")
def test_why_names_the_limit_that_holds_a_task_back(running):
    running.write("limited.py", slow(running, "limited"))
    running.wait_for_dags("limited")
    for run in ("one", "two", "three"):
        running.trigger("limited", run)
    running.until(lambda: running.states("limited", "two").get("sleeps") == "running")
    assert "max_active_runs" in running.call("tasks", "why", "limited", "sleeps", "--run", "three")
    assert "upstream" in running.call("tasks", "why", "limited", "after", "--run", "two")
    open_gate(running, "limited")
    assert running.wait_for_run("limited", "three") == "success"


def test_ctrl_c_stops_cleanly_and_tries_are_repeated_at_the_next_start(project):
    project.write("slow.py", slow(project))
    project.up()
    project.wait_for_dags("slow")
    project.trigger("slow", "one")
    project.until(lambda: project.states("slow", "one").get("sleeps") == "running")
    before = time.monotonic()
    assert project.down() == 0
    assert time.monotonic() - before < 30
    assert project.processes() == []
    assert "Ctrl-C again to force" in project.told()
    project.up()
    open_gate(project)
    assert project.wait_for_run("slow", "one") == "success"


def test_a_drain_ends_up_with_0_when_its_time_is_over_and_when_the_scheduler_is_killed_amid_it(project):
    project.write("slow.py", slow(project))
    for run_id in ("one", "two"):
        project.up()
        project.wait_for_dags("slow")
        project.trigger("slow", run_id)
        project.until(lambda run_id=run_id: project.states("slow", run_id).get("sleeps") == "running")
        if run_id == "one":
            assert "stopped: tries that ran were ended" in project.call("drain", "--timeout", "0.3", code=1)
        else:
            command = [sys.executable, "-m", "penstock", "drain"]
            drain = subprocess.Popen(command, cwd=project.folder, env=project.environ, stderr=subprocess.PIPE)
            assert b"those that run are waited for: 2" in drain.stderr.readline()
            (scheduler,) = processes_running(project, "penstock.app.scheduler")
            os.kill(scheduler, signal.SIGKILL)
            open_gate(project)
            assert drain.wait(PATIENCE_S) == 0
            drain.stderr.close()
        assert project.process.wait(PATIENCE_S) == 0
        assert project.processes() == []


def test_an_installation_that_cannot_work_ends_at_the_start_with_the_reason(project):
    (project.folder / ".penstock" / "penstock.db").write_bytes(b"no database, whatever its name says" * 100)
    assert "is no SQLite database" in project.call("up", code=5)


RINGS = """
import os
from penstock.spec.plugin import Capability, hookimpl
from penstock.spec.remote import RemoteExecutor

class Rings(RemoteExecutor):
    secret_environ = ("RINGS_URL",)

    def __init__(self, context):
        super().__init__(context)
        assert os.environ["RINGS_URL"]

    def ring(self, tickets):
        return ()

@hookimpl
def penstock_executors():
    return [Capability("executors", "ours.rings", Rings, "Rings.")]
"""
CURIOUS = """
assert "RINGS_URL" not in os.environ

with DAG("curious", schedule=None):
    @task
    def look(): assert "RINGS_URL" not in os.environ
    look()
"""


@pytest.mark.parametrize("options", ["", "doorbell_s = 0"])
def test_what_lets_in_at_an_engine_is_seen_by_no_dag_file_and_no_task_even_if_its_executor_cannot_be_made(
    project, options
):
    (project.folder / "ours.py").write_text(RINGS)
    with (project.folder / "penstock.toml").open("a") as file:
        file.write(f"\n[plugins]\nmodules = ['ours']\n[executors.far]\ntype = 'ours.rings'\n{options}\n")
    project.environ["RINGS_URL"] = "rings://user:secret@engine"
    project.write("curious.py", CURIOUS)
    project.up()
    project.wait_for_dags("curious")
    project.trigger("curious", "one")
    assert project.wait_for_run("curious", "one") == "success"
