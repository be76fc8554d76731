"""Setups and teardowns as authors write them."""

import pytest

from penstock import DAG, EmptyOperator, FailTask, TaskGroup, setup, task, teardown
from penstock.author.build.build import build_dag
from penstock.errors import AuthoringError
from penstock.testing import run_dag


@setup
def create():
    return "a cluster"


@teardown
def delete():
    pass


@teardown(on_failure_fail_dagrun=True)
@task(retries=0)
def delete_surely():
    raise FailTask("it is still there")


@task
def use(cluster):
    return f"uses {cluster}"


def edges(dag):
    return {each.task_id: each.upstream for each in build_dag(dag).tasks}


def test_functions_are_made_setups_and_teardowns():
    with DAG("d") as dag:
        made = create()
        made >> use(made) >> delete().as_teardown(setups=made)
    plan = {each.task_id: each for each in build_dag(dag).tasks}
    assert (plan["create"].setup, plan["delete"].teardown, plan["delete"].fails_run) == (True, True, False)
    assert run_dag(dag).check().value("use") == "uses a cluster"


@pytest.mark.parametrize(("last", "state"), [(delete_surely, "failed"), (delete, "success")])
def test_a_teardown_fails_the_run_if_it_says_so(last, state):
    with DAG("d") as dag:
        made = create()
        made >> use(made) >> last()
    assert run_dag(dag).state == state


def test_a_block_of_work_runs_between_the_setups_and_the_teardown():
    with DAG("d") as dag:
        before = EmptyOperator(task_id="before")
        other = EmptyOperator(task_id="other").as_setup()
        with delete().as_teardown(setups=[create(), other]):
            with TaskGroup("g"):
                EmptyOperator(task_id="a") >> EmptyOperator(task_id="b")
            EmptyOperator(task_id="c")
        before >> dag.get_task("create") >> EmptyOperator(task_id="after")
    assert edges(dag) == {
        "before": (), "other": (), "create": ("before",), "after": ("create",),
        "g.a": ("create", "other"), "g.b": ("g.a",), "c": ("create", "other"), "delete": ("c", "create", "g.b", "other"),
    }  # fmt: skip


def test_a_block_of_a_setup_ends_with_its_teardowns_and_blocks_stand_in_each_other():
    with DAG("d") as dag:
        made = create()
        made >> delete()
        with made, delete.override(task_id="inner_delete")().as_teardown(setups=create.override(task_id="inner")()):
            EmptyOperator(task_id="work")
    assert edges(dag) == {
        "create": (), "inner": (), "work": ("inner",), "inner_delete": ("inner", "work"), "delete": ("create", "inner_delete"),
    } | {"inner": ("create",)}  # fmt: skip


def test_a_block_of_plain_work_is_a_problem():
    with (
        pytest.raises(AuthoringError, match="task 'a' is no setup and no teardown"),
        DAG("d"),
        EmptyOperator(task_id="a"),
    ):
        pass
