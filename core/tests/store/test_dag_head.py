"""The head of a structure is what the whole structure says, whichever way it is read."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from penstock.engine.runs.due import next_due
from penstock.model.dag import DagSpec, TaskSpec, to_json
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.store.views.dag_head import head_from_json, head_of

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
SCHEDULES = (
    Schedule(ScheduleKind.NONE),
    Schedule(ScheduleKind.ONCE),
    Schedule(ScheduleKind.CRON, crons=("0 * * * *",), text="@hourly"),
    Schedule(ScheduleKind.INTERVAL, every_s=600.0),
    Schedule(ScheduleKind.DATES, dates=(NOW - timedelta(days=1), NOW + timedelta(days=1))),
)
INSTANTS = st.none() | st.integers(-40, 40).map(lambda days: NOW + timedelta(days=days))
DAGS = st.builds(
    DagSpec,
    st.just("d"),
    st.just("d.py"),
    st.integers(0, 5).map(lambda count: tuple(TaskSpec(f"t{number}", doc="tasks" * number) for number in range(count))),
    schedule=st.sampled_from(SCHEDULES),
    start_date=INSTANTS,
    end_date=INSTANTS,
    catchup=st.booleans(),
    catchup_window_s=st.none() | st.floats(0, 1e7),
    tags=st.lists(st.text(), max_size=2).map(tuple),
    owners=st.lists(st.text(), max_size=2).map(tuple),
)


@given(DAGS, INSTANTS)
def test_a_head_is_read_as_the_whole_structure_is_and_falls_due_alike(dag, cursor):
    found = head_from_json(to_json(dag))
    assert found == head_of(dag)
    assert found.tasks == len(dag.tasks)
    assert next_due(found, cursor, NOW) == next_due(dag, cursor, NOW)


def test_what_json_leaves_out_is_the_same_in_a_head():
    dag = DagSpec("d", "d.py")
    assert head_from_json(b"{}") == head_of(dag)
