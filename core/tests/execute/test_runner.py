"""Tries of stored plans in real processes: the class of a provider, no DAG file."""

import pytest

from penstock import operator
from penstock.author.build.build import build_dag
from penstock.author.dag import DAG
from penstock.author.operators.taskflow import task
from penstock.author.parse_session import ParseSession, current_session
from penstock.model.dag import SensorPolicy
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.model.values.value import decode, encode
from penstock.spec.executor import PlanCode, SensorWait
from penstock.tries.inputs import Inputs
from penstock_manifest.format import Capability, Parameter
from penstock_testkit.installations import Site

MANIFEST = """
schema = 1
id = "acme"
name = "Acme"
doc = "A provider."
spec = ">=1,<2"
imports = ["penstock_acme"]

[[operators]]
id = "acme.copy"
object = "penstock_acme.things:Copy"
doc = "Copy something."
parameters = [
  { name = "source", type = "str", required = true, doc = "From where." },
  { name = "target", type = "str", doc = "Whereto." },
]

[[sensors]]
id = "acme.exists"
object = "penstock_acme.things:Exists"
doc = "Wait for a file."
parameters = [{ name = "path", type = "str", required = true, doc = "Which." }]
"""
THINGS = """
import os
from penstock import Operator, PokeResult, Sensor

class Copy(Operator):
    template_fields = ("source", "target")
    def __init__(self, *, source, target="", **kwargs):
        super().__init__(**kwargs)
        self.source, self.target = source, target
    def execute(self, context):
        return [self.source, self.target, context["run_id"]]

class Exists(Sensor):
    template_fields = ("path",)
    def __init__(self, *, path, **kwargs):
        super().__init__(**kwargs)
        self.path = path
    def poke(self, context):
        return PokeResult(os.path.exists(self.path), self.path)
"""


@pytest.fixture(autouse=True)
def acme(tmp_path, monkeypatch):
    """The provider, installed where the servers look; requested before they start."""
    site = Site(tmp_path / "site")
    site.provider("acme", manifest=MANIFEST, modules={"things": THINGS})
    monkeypatch.setenv("PYTHONPATH", str(site.folder))


class OneValue:
    """A store in which each task has left this value."""

    def __init__(self, value):
        self.value = value

    def one(self, _run, _ref, _map_index):
        return self.value


@pytest.fixture
def submitted(bench):
    """Submit instances of a task as the scheduler would, given what the task `some` left; waits for their ends."""

    def submit(dag, task_id, some, count, **given):
        spec = build_dag(dag)
        planned = spec.task(task_id)
        inputs = Inputs(OneValue(encode(some)))
        requests = [
            bench.request(
                task_id,
                map_index=index,
                code=PlanCode(planned.capability, planned.plan),
                inputs=inputs.of(spec, planned, TaskKey(1, task_id, index)),
                **given,
            )
            for index in range(count)
        ]
        bench.executor.submit(requests)
        return requests

    return submit


@pytest.mark.parametrize("isolation", ["fork", "reuse"])
def test_a_mapped_task_runs_by_capability_over_what_its_author_wrote_and_what_a_task_left(bench, submitted, isolation):
    with DAG("d") as dag:

        @task
        def some():
            return None

        operator.partial("acme.copy", task_id="copy").expand(source=["{{ run_id }}", "b"], target=some())
    tries = bench.wait(*submitted(dag, "copy", ["{{ 1 }}", "z"], 4, isolation=isolation))
    assert [decode(each.xcoms["return_value"].json) for each in tries] == [
        ["r", "{{ 1 }}", "r"],
        ["r", "z", "r"],
        ["b", "{{ 1 }}", "r"],
        ["b", "z", "r"],
    ]


def test_an_instance_whose_arguments_do_not_fit_fails_for_good_and_says_why(bench, submitted):
    with DAG("d") as dag:

        @task
        def some():
            return None

        operator.partial("acme.copy", task_id="copy").expand_kwargs(some())
    good, bad = bench.wait(*submitted(dag, "copy", [{"source": "a"}, {"sauce": "b"}], 2))
    assert (good.outcome, bad.outcome, bad.retryable) == (Outcome.SUCCESS, Outcome.FAILED, False)
    assert "takes no argument 'sauce'. Did you mean 'source'?" in bad.error


def test_mapped_sensors_wait_by_capability(bench, submitted, tmp_path):
    declared = Capability("sensors", "acme.exists", "m:E", "", parameters=(Parameter("path", required=True),))
    token = current_session.set(ParseSession(capabilities=lambda _: declared))
    with DAG("d") as dag:

        @task
        def some():
            return None

        waits = operator.partial("acme.exists", task_id="wait", poke_interval=0.05, soft_fail=True, timeout=0.2)
        waits.expand(path=[f"{tmp_path}/{name}" for name in ("{{ run_id }}", "never")])
    current_session.reset(token)
    wait = SensorWait(SensorPolicy(poke_interval_s=0.05, timeout_s=0.2, soft_fail=True))
    (tmp_path / "r").touch()
    requests = submitted(dag, "wait", None, 2, wait=wait)
    found, never = bench.wait(*requests)
    assert (found.outcome, decode(found.xcoms["return_value"].json)) == (Outcome.SUCCESS, f"{tmp_path}/r")
    assert never.outcome is Outcome.SKIPPED
    assert "gave up" in never.error
