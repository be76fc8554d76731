"""The clickstream pipeline does by each executor what it does on one machine, on workers that reach its services and the server alone."""

import json
import re
import socket
import subprocess
import sys

import pytest
from far_stage import FarStage
from rehearsal import hour

from penstock_testkit.nightly import at_night, nightly_but

CUSTOMERS = {"celery": "AA", "kubernetes": "UA", "dask": "B6", "ecs": "DL", "batch": "WN", "commands": "MQ"}
PLAYED = at_night(CUSTOMERS, {"kubernetes": CUSTOMERS["kubernetes"]})
TRACKED = {customer: ["scheduled", *(["diverted"] if name == "celery" else [])] for name, customer in PLAYED.items()}
pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("clickstream_executors")]


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """An hour of each customer, loaded by the local executor; from now on each has the queue of its executor."""
    with FarStage(tmp_path_factory.mktemp("far") / "stage", TRACKED, {"celery": "", **PLAYED}) as made:
        made.produce([*TRACKED, "US"], hour(12), hour(13))
        made.schedule(hour(12), hour(12))
        made.up()
        made.wait_until(lambda: all(ended(made, each) == ["success"] for each in TRACKED), "an hour of each customer")
        made.wait_until(made.is_listening, "the server")
        made.start_celery_worker()
        before = versions(made)
        queues = {"customers": "celery"} | {customer: name for name, customer in PLAYED.items()}
        made.set_variable("clickstream_queues", queues)
        made.wait_until(lambda: not versions(made) & before, "the DAGs' new queues")
        yield made


def versions(stage):
    return set(stage.rows("SELECT dag_id, version FROM dag"))


def ended(stage, customer):
    return [state for (state,) in stage.rows(f"SELECT state FROM run WHERE dag_id = 'clickstream_{customer}'")]


def results(stage, customer):
    """All that is kept of the customer's newest tries; instants and what else differs from try to try are left out."""
    of = f"JOIN run USING (run) WHERE dag_id = 'clickstream_{customer}'"
    newest = (
        f"{of} AND epoch = (SELECT max(epoch) FROM try other WHERE other.run = t.run AND other.task_id = t.task_id)"
    )
    return {
        "tasks": stage.rows(f"SELECT task_id, t.state FROM task_instance t {of} ORDER BY 1"),
        "tries": stage.rows(f"SELECT task_id, outcome, error FROM try t {newest} ORDER BY 1"),
        "values": stage.rows(f"SELECT task_id, key, CAST(value AS TEXT) FROM xcom {of} ORDER BY 1, 2"),
        "rendered": stage.rows(f"SELECT task_id, CAST(fields AS TEXT) FROM rendered t {newest} ORDER BY 1"),
    }


def logs(stage, customer):
    """The logs of the customer's newest tries by task, without their instants."""
    found = {}
    for task in (stage.project / ".penstock" / "logs" / f"clickstream_{customer}").glob("*/*"):
        newest = max(task.glob("*.log"), key=lambda path: int(path.stem))
        found[task.name] = re.sub(r"(?m)^\S+Z (?=[A-Z]+ )", "", newest.read_text())
    return found


def executors(stage, customer):
    """By which executor each task's newest try ran."""
    sql = (
        f"SELECT task_id, executor FROM try JOIN run USING (run) WHERE dag_id = 'clickstream_{customer}' ORDER BY epoch"
    )
    return dict(stage.rows(sql))


# With each change Celery's worker takes the pipeline's own DAG, in the test below.
@pytest.mark.parametrize("name", nightly_but(["kubernetes"], CUSTOMERS))
def test_an_hour_is_loaded_by_each_executor_as_it_is_here(stage, name):
    customer = CUSTOMERS[name]
    here = results(stage, customer), logs(stage, customer)
    assert set(executors(stage, customer).values()) <= {"local", "waiter"}
    stage.forget(customer, TRACKED[customer])
    assert stage.problems({customer: TRACKED[customer]}, hour(12), hour(12)) != []

    stage.penstock("runs", "clear", f"clickstream_{customer}", f"scheduled__{hour(12).isoformat()}")
    stage.wait_until(lambda: executors(stage, customer).get("mirror_scheduled") == name, "its tries")
    stage.wait_until(lambda: ended(stage, customer) == ["success"], "the hour")

    ran = executors(stage, customer)
    assert {ran[f"{what}_{event}"] for what in ("load", "mirror") for event in TRACKED[customer]} == {name}
    assert (results(stage, customer), logs(stage, customer)) == here
    assert stage.problems({customer: TRACKED[customer]}, hour(12), hour(12)) == []


def test_a_new_customer_is_published_by_a_worker_that_asks_the_server_for_all_it_needs(stage):
    stage.ask("PUT", "/customers/US", {"events": ["scheduled"]})
    stage.wait_until(lambda: ended(stage, "US") == ["success"], "the new customer's hour")

    sql = "SELECT DISTINCT task_id FROM try JOIN run USING (run) WHERE dag_id = 'customers' AND executor = 'celery' AND outcome = 'success'"
    assert {task for (task,) in stage.rows(sql)} == {"ask", "has_news", "make_tables", "publish"}
    assert stage.problems({"US": ["scheduled"]}, hour(12), hour(12)) == []


LOOK = """
import json, pathlib, socket, sys
found = {"project": [str(each) for each in pathlib.Path(sys.argv[1]).iterdir()]}
for port in sys.argv[2:]:
    try:
        socket.create_connection(("127.0.0.1", int(port)), 5.0).close()
        found[port] = "reached"
    except OSError as error:
        found[port] = type(error).__name__
print(json.dumps(found))
"""


def test_where_the_workers_run_there_is_neither_the_project_nor_a_port_but_those_of_services(stage):
    with socket.create_server(("127.0.0.1", 0)) as other:
        ports = [str(stage.port), str(other.getsockname()[1])]
        words = [sys.executable, "-c", LOOK, str(stage.project), *ports]
        command = stage.way.command(words, hidden=[stage.project])
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert found == {"project": [], ports[0]: "reached", ports[1]: "ConnectionRefusedError"}
