"""A provider that nobody here has written is installed from its wheel, and each kind of thing that it offers is used."""

import json
import os
import re
import signal
import sqlite3
import time
import tomllib
from contextlib import closing
from pathlib import Path

import pytest
from fleet import WORKSPACE, install

from penstock_manifest.kinds import ARRAYS
from penstock_testkit.beside import WITHOUT_SERVER
from penstock_testkit.commands.fork_server import penstock

PACKAGE = WORKSPACE / "examples" / "third_party"
MANIFEST = tomllib.loads((PACKAGE / "src" / "penstock_parcels" / "provider.toml").read_text())
PATIENCE_S = 90.0
SETTINGS = """
[executors.threads]
type = "parcels.threads"
slots = 3

[queues]
far = "threads"

[notifiers.ops]
type = "parcels.bell"
parcel = "bell"

[alerts]
window_s = 0.5

[[alerts.rules]]
on = "run_succeeded"
to = "ops"
dags = ["parcels"]

[xcom]
threshold_bytes = 100
store = "depot://values/"

[logs]
store = "depot-logs://logs"
chunk_s = 0.2

[secrets.safe]
type = "parcels.safe"
folder = "{folder}/safe"

[services.door]
type = "parcels.doorkeeper"
every_s = 0.2

[metrics]
interval_s = 0.5
tally = "parcels.tally"
"""
DAGS = """
from penstock import DAG, Variable, operator, task, timetable

with DAG("parcels"):
    waits = operator("parcels.arrived", task_id="waits", parcel="letter", poke_interval=0.2)
    sends = operator("parcels.send", task_id="sends", parcel="answer", content="{{ run_id }}", queue="far")

    @task(queue="far")
    def long():
        print("from a thread")
        return "x" * 1000

    @task
    def short(text):
        print(Variable.get("greeting"))
        return len(text)

    waits >> sends
    short(long())

with DAG("rounds", schedule=timetable("parcels.rounds", seconds=2)):
    operator("parcels.send", task_id="sends", parcel="round", content="{{ data_interval_end }}")
"""

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("third party")]


class Project:
    """A project whose environment has the provider, and the processes that work on it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.depot, self.log = folder, folder / "depot", folder / "up.log"
        install(folder / "site", PACKAGE)
        self.depot.mkdir()
        outside = {key: value for key, value in os.environ.items() if not key.startswith(("PENSTOCK_", "PYTHONPATH"))}
        given = {"PYTHONPATH": str(folder / "site"), "PENSTOCK_EXECUTOR__PARALLELISM": "2"}
        self.environ = {**outside, **given, **WITHOUT_SERVER}
        (folder / "safe").mkdir()
        connection = {"conn_type": "parcels", "password": "wax-and-ring", "extra": {"folder": str(self.depot)}}
        (folder / "safe" / "parcels_default.conn").write_text(json.dumps(connection))
        (folder / "safe" / "greeting.var").write_text("good day")
        self.penstock("init", "--no-example")
        with (folder / "penstock.toml").open("a") as file:
            file.write(SETTINGS.format(folder=folder))
        (folder / "dags" / "parcels.py").write_text(DAGS)
        with self.log.open("wb") as log:
            self.up = penstock().start(["up"], folder, self.environ, output=log)

    def penstock(self, *words: str, environ: dict[str, str] | None = None) -> str:
        done = penstock().run(words, self.folder, environ or self.environ, seconds=PATIENCE_S)
        assert done.code == 0, f"{words}: {done.code}\n{done.out}{done.err}"
        return done.out

    def json(self, *words: str):
        return json.loads(self.penstock(*words, "--json"))

    def until(self, found, what: str):
        end = time.monotonic() + PATIENCE_S
        while not (value := found()):
            assert self.up.poll() is None, f"penstock up ended\n{self.log.read_text()}"
            assert time.monotonic() < end, f"{what}: not in {PATIENCE_S:g} s\n{self.log.read_text()}"
            time.sleep(0.1)  # real processes are waited for, from outside
        return value

    def parcel(self, name: str) -> str:
        """What is in a parcel, once it has come."""
        path = self.depot / name
        return self.until(lambda: path.is_file() and path.read_text(), name)

    def close(self) -> None:
        self.up.send_signal(signal.SIGINT)
        self.up.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = Project(tmp_path_factory.mktemp("third"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def run(project):
    """The id of a run of the DAG that uses tasks, executor and object store, at its end."""
    project.until(lambda: "parcels.py: 2 DAGs" in project.log.read_text(), "the DAG file")
    project.penstock("dags", "trigger", "parcels", "--run-id", "first")
    (project.depot / "letter").write_text("dear")
    ended = re.compile(r"run first of DAG parcels: (\w+)")
    return project.until(lambda: ended.search(project.log.read_text()), "the end of the run")


def test_the_package_offers_one_object_of_each_kind():
    assert {each for each in ARRAYS if len(MANIFEST.get(each, ())) == 1} == set(ARRAYS)


def test_it_is_listed_with_all_that_it_offers_and_nothing_of_it_is_wrong(project):
    shown = project.json("providers", "show", "parcels")
    assert (shown["active"], shown["problems"], shown["notes"]) == (True, [], [])
    assert project.json("connections", "test", "parcels_default")["ok"]


def test_a_dag_waits_by_its_sensor_and_sends_by_its_operator_on_its_executor(project, run):
    assert run[1] == "success", project.log.read_text()
    assert project.parcel("answer") == "firstwax-and-ring"
    with closing(sqlite3.connect(project.folder / ".penstock" / "penstock.db")) as database:
        executors = dict(
            database.execute("SELECT task_id, executor FROM try JOIN run USING (run) WHERE run_id = 'first'")
        )
    assert executors == {"waits": "waiter", "sends": "threads", "long": "threads", "short": "local"}
    assert "from a thread" in project.penstock("tasks", "logs", "parcels", "long", "--run", "first")


def test_large_values_lie_in_its_object_store(project, run):
    (value,) = (path for path in (project.depot / "objects" / "values").rglob("*") if path.is_file())
    assert value.read_text() == f'"{"x" * 1000}"'


def test_connections_and_variables_come_from_its_secrets_backend(project, run):
    (connection,) = project.json("connections", "list")
    assert (connection["conn_id"], connection["source"]) == ("parcels_default", "safe")
    assert "good day" in project.penstock("tasks", "logs", "parcels", "short", "--run", "first")


def test_logs_are_read_from_its_log_store_where_their_files_are_not(project, run):
    elsewhere = {**project.environ, "PENSTOCK_CORE__LOGS_FOLDER": str(project.folder / "elsewhere")}
    told = project.penstock("tasks", "logs", "parcels", "long", "--run", "first", "-f", environ=elsewhere)
    assert "from a thread" in told
    assert "from a thread" in "".join(
        path.read_text() for path in (project.depot / "logs").rglob("*") if path.is_file()
    )


def test_what_is_measured_is_counted_by_its_tally(project, run):
    tally = project.depot / "tally"
    assert project.parcel("tally/runs.finished.parcels.success") == "1.0"
    project.until((tally / "tries.finished.threads.success").is_file, "the tally of tries")


def test_runs_fall_due_by_its_timetable(project):
    first = project.parcel("round")
    project.until(lambda: project.parcel("round") != first, "another round")
    planned = project.json("dags", "next", "rounds")
    assert len({each["run_after"] for each in planned}) == 5


def test_its_command_lists_what_is_there(project, run):
    assert {"answer", "letter"} <= {*project.penstock("parcels", "inventory").split()}
    assert project.penstock("parcels", "inventory", "--prefix", "let").split() == ["letter"]


def test_its_service_is_kept_alive_and_says_how_it_fares(project):
    assert project.parcel("notes/door").endswith("wax-and-ring")
    (service,) = project.json("services", "list")
    assert (service["name"], service["type"], service["state"]) == ("door", "parcels.doorkeeper", "running")
    assert service["detail"].endswith(" parcels")


def test_its_plug_in_is_told_what_happened(project, run):
    assert project.parcel("notes/parcels.first.short") == "successwax-and-ring"


def test_its_notifier_sends_an_alert(project, run):
    assert project.parcel("bell") == "Run first of DAG parcels succeededwax-and-ring"
