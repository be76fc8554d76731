"""The operators in runs of one task, against the stand-in of the service."""

import pytest
from penstock import DAG
from penstock.testing import OperatorSuite, run_dag

from penstock_sample.operators import SampleWriteOperator


class TestSampleWriteOperator(OperatorSuite):
    operator = SampleWriteOperator

    @pytest.fixture
    def arguments(self):
        return {"item": "a", "content": "one"}

    @pytest.fixture
    def connections(self, connection):
        return {"sample_default": connection}


def test_what_it_writes_is_there(connection, service):
    with DAG("d", schedule=None, params={"item": ""}) as dag:
        SampleWriteOperator(task_id="write", item="{{ params.item }}", content="one")

    run_dag(dag, conf={"item": "a"}, connections={"sample_default": connection}).check()

    assert service.items == {"a": b"one"}
