"""Operators and sensors that ask for the present, for a file or a command."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from penstock.model.run import RunKind

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday
DAY = {"interval_start": NOON - timedelta(days=1), "interval_end": NOON, "logical_date": NOON - timedelta(days=1)}


def chosen(ending):
    assert ending.outcome == "success", ending.error
    return ending.follow


@pytest.mark.parametrize(
    ("schedule", "kind", "now", "goes_on"),
    [
        ("'0 12 * * *'", "scheduled", NOON + timedelta(hours=1), True),
        ("'0 12 * * *'", "scheduled", NOON + timedelta(hours=25), False),
        ("'0 12 * * *'", "manual", NOON + timedelta(hours=25), True),
        ("CronTrigger('0 12 * * *')", "scheduled", NOON - timedelta(hours=1), True),
        ("CronTrigger('0 12 * * *')", "scheduled", NOON + timedelta(hours=1), False),
        ("None", "scheduled", NOON, True),
    ],
)
def test_only_the_newest_run_of_a_schedule_goes_on(dag_of, tried, schedule, kind, now, goes_on):
    dag = dag_of(f"""
        with DAG("d", schedule={schedule}, start_date=START):
            LatestOnlyOperator(task_id="latest") >> [EmptyOperator(task_id="a"), EmptyOperator(task_id="b")]
        """)
    with time_machine.travel(now, tick=False):
        ending = tried(dag, "latest", run_kind=RunKind(kind), **DAY)
    assert chosen(ending) == (("a", "b") if goes_on else ())


@pytest.mark.parametrize(
    ("made", "yes"),
    [
        ("BranchDayOfWeekOperator(week_day='Wednesday', {})", True),
        ("BranchDayOfWeekOperator(week_day={{WeekDay.MONDAY, WeekDay.TUESDAY}}, {})", False),
        ("BranchDayOfWeekOperator(week_day='tuesday', use_task_logical_date=True, {})", True),
        ("BranchDateTimeOperator(target_lower=time(11), target_upper=time(13), {})", True),
        ("BranchDateTimeOperator(target_lower=time(13), target_upper=time(11), {})", False),
        ("BranchDateTimeOperator(target_upper=datetime(2026, 3, 4, 11, tzinfo=UTC), {})", False),
        ("BranchDateTimeOperator(target_lower=datetime(2026, 3, 4), {})", True),
    ],
)
def test_a_branch_by_the_present(dag_of, tried, made, yes):
    call = made.format("task_id='pick', follow_task_ids_if_true='a', follow_task_ids_if_false=['b']")
    dag = dag_of(f"""
        from datetime import time
        with DAG("d"):
            {call} >> [EmptyOperator(task_id="a"), EmptyOperator(task_id="b")]
        """)
    with time_machine.travel(NOON, tick=False):
        assert chosen(tried(dag, "pick", **DAY)) == (("a",) if yes else ("b",))


@pytest.mark.parametrize(
    ("made", "done"),
    [
        ("TimeSensor(target_time=time(11))", True),
        ("TimeSensor(target_time=time(13))", False),
        ("TimeDeltaSensor(delta=timedelta(0))", True),
        ("TimeDeltaSensor(delta=timedelta(minutes=1))", False),
        ("DayOfWeekSensor(week_day=WeekDay.WEDNESDAY)", True),
        ("DayOfWeekSensor(week_day='Sunday')", False),
        ("FileSensor(filepath=HERE + '/*.py')", True),
        ("FileSensor(filepath=HERE)", True),
        ("FileSensor(filepath=HERE + '/nothing')", False),
        ("BashSensor(bash_command='exit 0')", True),
        ("BashSensor(bash_command='exit 3')", False),
        ("BashSensor(bash_command='exit 3', retry_exit_code=3)", False),
        ("BashSensor(bash_command='exit 4', retry_exit_code=3)", None),
    ],
)
def test_a_sensor_looks_once(dag_of, tried, made, done):
    dag = dag_of(f"""
        from datetime import time
        from pathlib import Path
        HERE = str(Path(__file__).parent)
        with DAG("d"):
            {made.replace("(", "(task_id='wait', ", 1)}
        """)
    with time_machine.travel(NOON, tick=False):
        ending = tried(dag, "wait", run_started_at=NOON, **DAY)
    if done is None:
        assert "the command ended with exit code 4" in ending.error
    else:
        assert (ending.outcome == "success") is done
        assert done or "gave up" in ending.error


def test_what_cannot_be_meant_is_refused(complained):
    complained(
        """
        with DAG("d"):
            BranchDateTimeOperator(task_id="a", follow_task_ids_if_true="x", follow_task_ids_if_false="y")
            DayOfWeekSensor(task_id="b", week_day="Wensday")
        """,
        {2: ["it needs target_lower or target_upper."], 3: ["week_day is 'Wensday'; write one of MONDAY"]},
    )


def test_a_label_passes_the_order_on(spec):
    dag = spec("""
        with DAG("d"):
            a, b, c, d, e = (EmptyOperator(task_id=name) for name in "abcde")
            a >> Label("x") >> [b, c] >> Label("y") >> d
            e << Label("z") << d
        """)
    assert {task.task_id: task.upstream for task in dag.tasks} == {
        "a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ("d",),
    }  # fmt: skip
