"""What code may ask that nobody runs, or that runs where little is offered."""

import inspect

import pytest

from penstock.author.build.imports import ImportRuntime
from penstock.author.runtime import BaseRuntime, Runtime
from penstock.errors import RequestError

ASKS = [
    pytest.param(lambda runtime: runtime.connection("db"), "the connection 'db'", id="connection"),
    pytest.param(lambda runtime: runtime.variable("city"), "the Variable 'city'", id="variable"),
    pytest.param(lambda runtime: runtime.set_variable("city", None), "the Variable 'city'", id="set_variable"),
    pytest.param(lambda runtime: runtime.xcom("t", "key", None), "the value 'key' of task 't'", id="xcom"),
    pytest.param(lambda runtime: runtime.xcom_page("t", "key", 0), "the values 'key' of task 't'", id="xcom_page"),
    pytest.param(lambda runtime: runtime.checkpoint("page"), "the checkpoint 'page'", id="checkpoint"),
    pytest.param(lambda runtime: runtime.set_checkpoint("page", 1), "the checkpoint 'page'", id="set_checkpoint"),
    pytest.param(lambda runtime: runtime.kept_state("", "page"), "the state 'page'", id="kept_state"),
    pytest.param(lambda runtime: runtime.set_kept_state("", "page", 1, None), "the state 'page'", id="set_kept_state"),
    pytest.param(lambda runtime: runtime.trigger_dag("d", "r", {}, ""), "a run of DAG 'd'", id="trigger_dag"),
    pytest.param(lambda runtime: runtime.clear_run("d", "r"), "run 'r' of DAG 'd'", id="clear_run"),
    pytest.param(lambda runtime: runtime.run_state("d", "r"), "the state of run 'r' of DAG 'd'", id="run_state"),
    pytest.param(
        lambda runtime: runtime.asset_events("s3://a", 0, 9), "the events of asset 's3://a'", id="asset_events"
    ),
    pytest.param(
        lambda runtime: runtime.external_states("d", ["t"], "", []), "the state of DAG 'd'", id="external_states"
    ),
    pytest.param(lambda runtime: runtime.object_store("s3://b"), "the object store of s3://b", id="object_store"),
]


@pytest.mark.parametrize(("ask", "thing"), ASKS)
def test_a_base_runtime_refuses_and_names_the_thing_and_the_place(ask, thing):
    with pytest.raises(RequestError, match=r"outside of a running task.*: run the code with") as caught:
        ask(BaseRuntime())
    assert thing in str(caught.value)
    with pytest.raises(RequestError, match=r"is not to be had while a DAG file is imported: do it inside a task\."):
        ask(ImportRuntime())


def test_the_base_runtime_has_every_method_of_the_protocol_with_its_signature():
    asked = {name: method for name, method in vars(Runtime).items() if inspect.isfunction(method) and name[0] != "_"}
    assert {each.id for each in ASKS} == set(asked)
    for name, method in asked.items():
        assert inspect.signature(vars(BaseRuntime)[name]) == inspect.signature(method)
