"""A function runs in a container: values of JSON go in and come out, and nothing else."""

from pathlib import Path

import pytest

from penstock import DAG
from penstock.errors import AuthoringError
from penstock.testing import run_dag
from penstock_docker.operators import DockerFunctionOperator, docker_task

OUTSIDE = 1


@docker_task(image="busybox", network_mode="none")
def added(left, right=2, *, run_id="", ds=None):
    print("|adds", run_id, ds)  # noqa: T201 - what is written there is looked for here
    return {"sum": left + right, "run": run_id}


@docker_task(image="busybox")
def doubled(value):
    return value["sum"] * 2


@docker_task(image="busybox", retries=2)
def raises(kind):
    known = {name: type(name, (Exception,), {}) for name in ("SkipTask", "FailTask")}
    raise known.get(kind, KeyError)("there is no shop")


@docker_task(image="busybox")
async def returned(what):
    return {"set": {1}, "nan": float("nan"), "date": __import__("datetime").date(2026, 1, 1), "pid": 7}[what]


@docker_task(image="busybox")
def leaks():
    raise ValueError(__import__("os").environ["TOKEN"] + " is wrong")


@docker_task(image="busybox")
def gone():
    sys = __import__("sys")
    sys.exit(5)


@pytest.fixture
def play(connection, caplog):
    caplog.set_level("INFO")

    def run(make):
        with DAG("shop", schedule=None) as dag:
            make()
        return run_dag(dag, connections={"docker_default": connection})

    return run


def test_functions_pass_their_values_on(play, lines):
    result = play(lambda: doubled(added(1))).check()

    assert result.value("added") == {"sum": 3, "run": result.run.run_id}
    assert result.value("doubled") == 6
    assert lines() == [f"adds {result.run.run_id} None"]


def test_one_is_mapped_and_overridden_as_any_task_function(play):
    result = play(lambda: added.override(task_id="each", retries=1).partial(right=10).expand(left=[1, 2])).check()
    assert [each["sum"] for each in result.value("each")] == [11, 12]


@pytest.mark.parametrize(
    ("kind", "state", "tries", "says"),
    [
        ("KeyError", "failed", 3, "KeyError: 'there is no shop'"),
        ("FailTask", "failed", 1, "FailTask: there is no shop"),
        ("SkipTask", "skipped", 1, "there is no shop"),
    ],
)
def test_what_it_raises_decides_as_here(play, caplog, kind, state, tries, says):
    found = play(lambda: raises(kind)).tasks["raises"]

    assert (found.state, found.tries) == (state, tries)
    assert says in found.reason
    assert "Traceback (most recent call last):" in caplog.messages
    number = 1 + Path(__file__).read_text().split("\n").index('    raise known.get(kind, KeyError)("there is no shop")')
    assert f'  File "{__file__}", line {number}, in raises' in caplog.messages


@pytest.mark.parametrize(
    ("what", "says"), [("set", "set is not JSON"), ("nan", "not JSON compliant"), ("date", "date is not JSON")]
)
def test_what_has_no_json_form_is_refused(play, what, says):
    found = play(lambda: returned(what)).tasks["returned"]
    assert found.tries == 1
    assert "what the function returned cannot be taken back" in found.reason
    assert says in found.reason


def test_what_it_raises_shows_no_secret(play):
    found = play(leaks.override(private_environment={"TOKEN": "pw-of-the-shop"})).tasks["leaks"]
    assert found.reason.endswith("ValueError: *** is wrong")


def test_an_async_function_is_run_to_its_end(play):
    assert play(lambda: returned("pid")).value("returned") == 7


def test_an_argument_that_has_no_json_form_is_refused(play, engine):
    found = play(lambda: added({1})).tasks["added"]
    assert "an argument cannot be passed to a container" in found.reason
    assert engine.containers == {}


def test_a_container_that_takes_no_file_is_told(play, engine):
    found = play(lambda: added.override(host_options={"read_only": True}, retries=2)(1)).tasks["added"]
    assert (found.state, found.tries) == ("failed", 1)
    assert "rootfs is marked read-only" in found.reason


def test_one_that_ends_its_process_has_failed_by_its_exit_code(play):
    assert "exit code 5" in play(gone).tasks["gone"].reason


def test_what_cannot_run_there_is_said_where_it_is_written():
    def uses():
        return OUTSIDE

    def takes(ti):
        return ti

    for function, says in (
        (uses, "uses 'OUTSIDE' from outside"),
        (takes, "takes 'ti' of the context"),
        (lambda: 1, "write a `def`"),
    ):
        with pytest.raises(AuthoringError, match=says):
            DockerFunctionOperator(task_id="t", image="busybox", python_callable=function)
    with pytest.raises(AuthoringError, match="command is the function's own here"):
        DockerFunctionOperator(task_id="t", image="busybox", python_callable=gone.function, command="x")
