"""``task_state`` and ``asset_state``, as tasks use them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from penstock import DAG, Asset, task
from penstock.author.run.context import Context
from penstock.errors import RequestError
from penstock.model.attempt import TryFacts, TryInputs
from penstock.model.values.not_serialisable import NotSerialisableError
from penstock.testing import FakeRuntime, run_dag

LAKE = Asset("s3://lake")
UNTIL = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def fake():
    return FakeRuntime()


@pytest.fixture
def context(fake):
    return Context(TryFacts("d", "r", "t"), TryInputs(), fake)


def test_tasks_of_a_run_that_is_played_find_what_others_kept_of_an_asset_and_each_its_own():
    with DAG("d") as dag:

        @task
        def write(task_state=None, asset_state=None):
            task_state.set("page", 7)
            asset_state[LAKE].set("until", UNTIL)
            return task_state.update("page", lambda page: page + 1)

        @task
        def read(task_state=None, asset_state=None):
            assert task_state.get("page") is None
            return asset_state["s3://lake"].get("until")

        write() >> read()

    done = run_dag(dag).check()
    assert (done.value("write"), done.value("read")) == (8, UNTIL)


def test_values_keep_their_types_and_none_deletes(context):
    state = context["task_state"]
    state.set("sum", Decimal("1.10"))
    assert state.get("sum") == Decimal("1.10")
    state.set("sum", None)
    assert (state.get("sum"), state.get("sum", 0)) == (None, 0)
    state.delete("sum")
    with pytest.raises(NotSerialisableError):
        state.set("sum", object())


def test_an_update_is_made_again_of_what_another_one_has_set_meanwhile(context):
    state, seen = context["task_state"], []

    def add(present):
        seen.append(present)
        if len(seen) == 1:
            state.set("count", 10)
        return present + 1

    assert state.update("count", add, default=0) == 11
    assert (seen, state.get("count")) == ([0, 10], 11)


def test_an_update_that_others_never_let_through_ends(context):
    state = context["task_state"]

    def compete(present):
        state.set("count", present)
        return present

    with pytest.raises(RequestError, match="changed by others 100 times"):
        state.update("count", compete, default=1)


@pytest.mark.parametrize("asset", [7, "", None])
def test_what_is_no_asset_has_no_state(context, asset):
    with pytest.raises(RequestError, match="it is no asset"):
        context["asset_state"][asset]


def test_the_name_of_airflow_is_known(context):
    context["asset_state"][LAKE].set("until", 1)
    assert context["asset_state_store"][LAKE].get("until") == 1


def test_a_test_refuses_what_a_real_run_would(context, fake):
    for key, value, says in [("k", "x" * 70_000, "at most 65,536 are kept"), (" k", 1, "no space at either end")]:
        with pytest.raises(RequestError, match=says):
            context["task_state"].set(key, value)
    with pytest.raises(RequestError, match="checkpoint"):
        fake.set_checkpoint("", 1)
    assert (fake.state, fake.checkpoints) == ({}, {})
