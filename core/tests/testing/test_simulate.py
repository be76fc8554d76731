from datetime import timedelta

import pytest

from penstock import DAG, EmptyOperator, task
from penstock.testing import SimulationFailedError, simulate


def make(pool="default_pool", pool_slots=1):
    with DAG("made") as dag:

        @task(pool=pool, pool_slots=pool_slots, retries=1, retry_delay=timedelta(days=1))
        def first():
            """Do nothing."""

        first() >> EmptyOperator(task_id="last")
    return dag


def test_runs_end_in_every_world_and_are_shown_to_the_check():
    shown = []
    found = simulate(make(), seeds=[3, 4], check=shown.append)
    assert shown == found.runs
    assert {run.dag_id for run in found.runs} == {"made"}
    assert {run.state for run in found.runs} <= {"success", "failed", "cancelled"}
    assert "success" in {run.state for run in found.runs}
    assert {name for run in found.runs for name in run.tasks} == {"first", "last"}


def _refuse(run):
    raise AssertionError(f"{run.run_id} should not be")


@pytest.mark.parametrize(
    ("dag", "given", "told"),
    [
        pytest.param(make(), {"check": _refuse}, "should not be", id="a check that finds something"),
        pytest.param(make("small", 2), {"pools": {"small": 1}}, "stuck", id="a task that needs more than there is"),
    ],
)
def test_what_does_not_hold_is_told_with_its_seed_and_what_happened(dag, given, told):
    with pytest.raises(SimulationFailedError, match=told) as raised:
        simulate(dag, seeds=[3], **given)
    assert str(raised.value).startswith("seed 3: ")
    assert "seeds=[3]" in str(raised.value)
    assert raised.value.log
