"""What a task keeps for its later tries."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from penstock import DAG, NEVER_EXPIRE, task
from penstock.author.run.context import Context
from penstock.errors import RequestError
from penstock.model.attempt import TryFacts, TryInputs
from penstock.model.values.not_serialisable import NotSerialisableError
from penstock.testing import run_dag
from penstock.testing.fake_runtime import FakeRuntime


@pytest.fixture
def checkpoints():
    return Context(TryFacts("d", "r", "t"), TryInputs(), FakeRuntime())["checkpoints"]


def test_values_come_back_as_they_were(checkpoints):
    value = {"since": datetime(2026, 1, 1, tzinfo=UTC), "seen": {1, 2}, "at": (1, "x")}
    checkpoints.set("cursor", value)
    assert (checkpoints.get("cursor"), checkpoints.get("other", 5)) == (value, 5)
    checkpoints.delete("cursor")
    assert checkpoints.get("cursor") is None


def test_async_functions_and_airflow_s_retention_are_served(checkpoints):
    asyncio.run(checkpoints.aset("cursor", 1, retention=NEVER_EXPIRE))
    assert asyncio.run(checkpoints.aget("cursor")) == 1
    asyncio.run(checkpoints.adelete("cursor"))
    assert asyncio.run(checkpoints.aget("cursor", 5)) == 5
    with pytest.raises(RequestError, match="a checkpoint lives as long as its run"):
        checkpoints.set("cursor", 1, retention=timedelta(days=1))


def test_what_cannot_be_kept_is_refused(checkpoints):
    with pytest.raises(NotSerialisableError):
        checkpoints.set("cursor", object())
    with pytest.raises(RequestError, match=r"keys that begin with 'penstock\.' are Penstock's own"):
        checkpoints.set("penstock.job", 1)


def test_each_instance_finds_in_its_later_tries_what_it_kept_by_either_name():
    with DAG("d") as dag:

        @task(retries=2, retry_delay=1)
        def counts(start, checkpoints, task_state_store):
            number = checkpoints.get("number", start) + 1
            task_state_store.set("number", number)
            if number < start + 3:
                raise ValueError(number)
            return number

        counts.expand(start=[0, 10])
    assert run_dag(dag).check().value("counts") == [3, 13]
