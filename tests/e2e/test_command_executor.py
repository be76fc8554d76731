"""The example of a remote executor: its workers are processes that know a server and one ticket, and nothing else."""

import contextlib
import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest
from fleet import WORKSPACE, install

from penstock_testkit.processes import has_ended
from penstock_testkit.remote.gates import GATED, Gates
from penstock_testkit.remote.remote_installation import RemoteInstallation

SETTINGS = f"""
[executors.commands]
type = "command.executor"
server = "{{url}}"
command = ["{sys.executable}", "-m", "penstock", "worker", "--ticket"]
slots = 3
environ = ["GATES", "HOME", "PATH", "PYTHONPATH", "TMPDIR"]
doorbell_s = 2.0
worker_lease_s = 6.0

[queues]
far = "commands"
"""
DAG = """
import os, time
from pathlib import Path
from penstock import DAG, Variable, task

with DAG("far"):

    @task(queue="far")
    def first():
        print("the first one speaks")
        return {"numbers": list(range(5))}

    @task(queue="far")
    def second(found):
        print("asked", Variable.get("greeting"), "of", sum(found["numbers"]))
        secrets = [name for name in os.environ if name in ("PENSTOCK_TICKET", "PENSTOCK_SECRET_KEY", "PENSTOCK_TOKEN")]
        return {"parent": os.getppid(), "secrets": secrets}

    second(first())

"""
pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("command executor")]  # one installation for all of it


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("commands")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    install(folder, WORKSPACE / "examples" / "command_executor")
    return folder


@pytest.fixture
def gates(folder):
    """Gates at which nobody has been yet."""
    shutil.rmtree(folder / "gates", ignore_errors=True)
    return Gates(folder / "gates")


@pytest.fixture(scope="module")
def made(folder, site):
    environ = {
        "PYTHONPATH": str(site),
        "GATES": str(folder / "gates"),
        "PENSTOCK_VAR_GREETING": "hello",
        "TMPDIR": str(folder),
    }
    with RemoteInstallation(folder / "project", SETTINGS, {"far.py": DAG, "gated.py": GATED}, environ) as made:
        made.up()
        yield made


def workers_of(made):
    """Ids of the processes that are workers of this project."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command, environ = ((each / name).read_bytes().split(b"\0") for name in ("cmdline", "environ"))
            if b"worker" in command and f"PENSTOCK_SERVER={made.url}".encode() in environ:
                found.append(int(each.name))
    return found


def test_tries_run_by_tickets_alone_and_tell_what_tries_here_tell(made):
    made.trigger("far", "one")
    assert made.ended("far", "one") == "success"
    assert "the first one speaks" in made.log("far", "one", "first")
    assert "asked hello of 10" in made.log("far", "one", "second")
    assert re.search(r"secrets\W+\[\]", made.run("tasks", "xcoms", "far", "second", "--run", "one", "--json"))
    made.wait(lambda: not workers_of(made), "every worker has left")


def test_a_log_is_there_while_its_task_runs_and_whole_at_its_end(made, gates):
    made.trigger("gated", "logged")
    made.wait(gates.begun, "the task runs")
    made.wait(lambda: "it waits" in made.log("gated", "logged", "wait"), "its log is there")
    gates.open()
    assert made.ended("gated", "logged") == "success"
    assert re.findall("it (?:waits|goes on)", made.log("gated", "logged", "wait")) == ["it waits", "it goes on"]


def test_a_killed_worker_loses_its_try_which_runs_again_and_spends_no_retry(made, gates):
    made.trigger("gated", "killed")
    made.wait(gates.begun, "the task runs")
    [first] = gates.begun()
    assert workers_of(made)
    for pid in workers_of(made):
        names = {each.partition(b"=")[0] for each in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")}
        assert b"PENSTOCK_VAR_GREETING" not in names, "it has what nobody named"
        os.kill(pid, signal.SIGKILL)
    made.wait(lambda: gates.begun() - {first}, "it runs again")
    assert has_ended(first)
    gates.open()
    assert made.ended("gated", "killed") == "success"


def test_a_cancelled_run_ends_its_try_far_away(made, gates):
    made.trigger("gated", "cancelled")
    made.wait(gates.begun, "the task runs")
    [pid] = gates.begun()
    made.run("runs", "cancel", "gated", "cancelled")
    assert made.ended("gated", "cancelled") == "cancelled"
    made.wait(lambda: has_ended(pid), "its process has ended")


def test_tries_outlive_a_scheduler_that_is_killed_and_are_taken_up_by_the_next(made, gates):
    made.trigger("gated", "outlives")
    made.wait(gates.begun, "the task runs")
    [pid] = gates.begun()
    [scheduler] = json.loads(made.run("schedulers", "list", "--json"))
    os.kill(scheduler["pid"], signal.SIGKILL)
    gates.open()
    assert made.ended("gated", "outlives") == "success"
    assert gates.begun() == {pid}
