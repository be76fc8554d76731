"""People are told of what happens in a real installation; where nobody is to be told, nothing runs for it."""

import json

from .conftest import processes_running

NOTIFIER = """
from pathlib import Path
from penstock.spec.plugin import Capability, Parameter, hookimpl

class Pager:
    def __init__(self, file):
        self.file = Path(file)

    def send(self, message):
        with self.file.open("a") as file:
            took = message.duration_s is not None and 0 < message.duration_s < 120
            file.write(f"{message.title}|{message.reason}|{message.log.splitlines()[:1]}|{message.link}|{took}\\n")

@hookimpl
def penstock_notifiers():
    about = Parameter("file", "str", "Where to.", required=True)
    return [Capability("notifiers", "our_pager.pager", Pager, "Writes into a file.", parameters=(about,))]
"""
SETTINGS = """
[plugins]
modules = ["our_pager"]

[notifiers.ops]
type = "our_pager.pager"
file = "paged.txt"

[alerts]
window_s = 0.5
base_url = "https://penstock.example/"
"""
QUIET = """
with DAG("quiet", schedule=None):
    @task
    def fails():
        raise ValueError("nobody is told")
    fails()
"""
LOUD = """
from pathlib import Path

def called(context):
    from penstock import Variable
    with Path("called.txt").open("a") as file:
        file.write(f"{context['event']} {context['ti'].task_id} {context['exception']} {Variable.get('who')}\\n")

def hangs(context):
    raise KeyError("a callback of ours")

with DAG("loud", schedule=None, on_failure_callback=called, alerts=[Alert("run_failed", to="ops")]):
    @task(on_failure_callback=[hangs, called])
    def fails():
        print("looking for the box")
        raise ValueError("no box")
    fails()
"""


def lines(project, name):
    file = project.folder / name
    return sorted(file.read_text().splitlines()) if file.exists() else []


def test_a_dag_that_asks_for_it_is_told_of_and_no_other_costs_anything(project):
    project.folder.joinpath("our_pager.py").write_text(NOTIFIER)
    with project.folder.joinpath("penstock.toml").open("a") as file:
        file.write(SETTINGS)
    project.environ["PENSTOCK_VAR_WHO"] = "Ann"
    project.write("quiet.py", QUIET)
    project.up()
    project.wait_for_dags("quiet")
    project.trigger("quiet", "one")
    assert project.wait_for_run("quiet", "one") == "failed"
    assert processes_running(project, "penstock.app.notifier") == []
    assert project.look(lambda store: store.outbox.notices(0, 10)) == []

    project.write("loud.py", LOUD)
    project.wait_for_dags("loud")
    project.trigger("loud", "one")
    assert project.wait_for_run("loud", "one") == "failed"
    project.until(lambda: lines(project, "paged.txt"), "the page")
    project.until(lambda: len(lines(project, "called.txt")) == 2, "the callbacks")
    link = "https://penstock.example/dags/loud/runs/one"
    assert lines(project, "paged.txt") == [
        f"Run one of DAG loud failed|1 instance of its last tasks failed|['looking for the box']|{link}|True"
    ]
    assert lines(project, "called.txt") == [
        "run_failed fails 1 instance of its last tasks failed Ann",
        "task_failed fails ValueError: no box Ann",
    ]
    project.until(lambda: "hangs() raised KeyError: 'a callback of ours'" in project.told())
    found = json.loads(project.call("alerts", "list", "--json", code=None))
    assert [(rule["level"], rule["subject"], rule["to"]) for rule in found["rules"]] == [
        ("DAG", "loud", ["loud.called()"]), ("DAG", "loud", ["ops"]), ("task", "loud.fails", ["loud.hangs()", "loud.called()"]),
    ]  # fmt: skip
    assert [channel["name"] for channel in found["channels"]] == ["ops"]
    assert [(given["state"], given["channel"]) for given in found["given_up"]] == [
        ("refused", "loud.hangs(), loud.called() of DAG loud")
    ]
    project.call("alerts", "test", "ops")
    assert "A test from Penstock" in lines(project, "paged.txt")[0]
    assert "no channel 'opps'" in project.call("alerts", "test", "opps", code=4)
    assert project.down() == 0
    assert project.processes() == []
