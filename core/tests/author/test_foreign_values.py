# ruff: noqa: DTZ001 - dates without a zone are among the cases
"""What DAG files set, with values of foreign types: taken as the plain value that they equal, or refused with the line."""

import enum
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import dateutil.tz
import numpy as np
import pandas as pd
import pendulum
import pytest
import pytz
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock import DAG, Cron, CronTrigger, Dates, EmptyOperator, Param, PythonSensor
from penstock.author.build.build import build_dag
from penstock.errors import AuthoringError
from penstock.model.dag import from_json, to_json
from penstock_testkit.nightly import at_night

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


class Text(str):
    __slots__ = ()

    def __str__(self):
        return "another text"


class Word(str, enum.Enum):  # noqa: UP042 - the kind that writes itself as 'Word.ONE'
    ONE = "one"


class Number(enum.IntEnum):
    SEVEN = 7


class Whole(int):
    def __int__(self):
        return 0


class Real(float):
    def __float__(self):
        return 0.0


class Moment(datetime):
    pass


class Pause(timedelta):
    pass


class Words(list):
    pass


def build(**arguments):
    return build_dag(DAG(**{"dag_id": "d", "start_date": NEW_YEAR, **arguments}))


def task(**arguments):
    with DAG("d") as dag:
        EmptyOperator(**{"task_id": "t", **arguments})
    return build_dag(dag).tasks[0]


DATES = [
    pytest.param(pendulum.datetime(2026, 1, 1, tz="UTC"), NEW_YEAR, id="pendulum"),
    pytest.param(pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"), datetime(2026, 1, 1, tzinfo=BERLIN), id="its zone"),
    pytest.param(pd.Timestamp("2026-01-01", tz="UTC"), NEW_YEAR, id="pandas"),
    pytest.param(Moment(2026, 1, 1, tzinfo=UTC), NEW_YEAR, id="subclass"),
    pytest.param(pytz.timezone("Europe/Berlin").localize(datetime(2026, 7, 1)), datetime(2026, 7, 1, tzinfo=BERLIN), id="pytz"),
    pytest.param(datetime(2026, 1, 1, tzinfo=dateutil.tz.UTC), NEW_YEAR, id="dateutil"),
    pytest.param(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), NEW_YEAR, id="offset"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "plain"), DATES)
def test_a_date_of_any_subclass_is_the_plain_instant(value, plain):
    dag = build(start_date=value, end_date=value, schedule=Dates([value]))
    assert {type(each) for each in (dag.start_date, dag.end_date, *dag.schedule.dates)} == {datetime}
    assert dag.start_date == dag.end_date == dag.schedule.dates[0] == plain
    assert from_json(to_json(dag)) == dag


def test_an_interval_schedule_counts_from_a_date_of_a_subclass():
    with DAG("d", schedule=pendulum.duration(hours=6), start_date=pendulum.datetime(2026, 1, 1, tz="UTC")) as dag:
        EmptyOperator(task_id="t")
    spec = build_dag(dag)
    assert spec.schedule.tick_after(NEW_YEAR, spec.start_date) == datetime(2026, 1, 1, 6, tzinfo=UTC)


REFUSED_DATES = [
    pytest.param(pd.NaT, "start_date is NaT; write datetime(", id="not a time"),
    pytest.param(pd.Timestamp("2026-01-01T00:00:00.000000001", tz="UTC"), "write datetime(", id="nanoseconds"),
    pytest.param(np.datetime64("2026-01-01"), "write datetime(", id="numpy"),
    pytest.param(date(2026, 1, 1), "write datetime(", id="date"),
    pytest.param(pendulum.date(2026, 1, 1), "write datetime(", id="pendulum's date"),
    pytest.param(
        datetime(2026, 1, 1, tzinfo=pytz.timezone("Europe/Berlin")), "Write zone.localize(datetime(...))", id="pytz"
    ),
]


@pytest.mark.parametrize(("value", "sentence"), REFUSED_DATES)
def test_a_date_that_no_plain_instant_equals_is_refused(value, sentence):
    with pytest.raises(AuthoringError, match=r"test_foreign_values.py:\d+: DAG 'd': ") as caught:
        build(start_date=value)
    assert sentence in str(caught.value)


ZONES = [
    pytest.param(timezone(timedelta(hours=2)), "Etc/GMT-2", id="offset to the east"),
    pytest.param(timezone(timedelta(hours=-5)), "Etc/GMT+5", id="offset to the west"),
    pytest.param(UTC, "UTC", id="utc"),
    pytest.param(timezone(timedelta(0)), "UTC", id="offset of nothing"),
    pytest.param(BERLIN, "Europe/Berlin", id="zoneinfo"),
    pytest.param(pendulum.timezone("Asia/Tokyo"), "Asia/Tokyo", id="pendulum"),
    pytest.param(pendulum.timezone("UTC"), "UTC", id="pendulum's utc"),
    pytest.param(pendulum.FixedTimezone(7200), "Etc/GMT-2", id="pendulum's offset"),
    pytest.param(pytz.utc, "UTC", id="pytz' utc"),
    pytest.param(pytz.FixedOffset(-300), "Etc/GMT+5", id="pytz' offset"),
    pytest.param(pytz.timezone("Europe/Berlin").localize(datetime(2026, 1, 1)).tzinfo, "Europe/Berlin", id="pytz"),
    pytest.param(dateutil.tz.tzoffset(None, 3600), "Etc/GMT-1", id="dateutil's offset"),
]


@pytest.mark.parametrize(("zone", "name"), ZONES)
def test_cron_is_read_in_the_zone_of_the_start_date(zone, name):
    dag = build(schedule="0 6 * * *", start_date=datetime(2026, 1, 1, tzinfo=zone))
    assert dag.schedule.timezone == name
    at_six = datetime(2026, 1, 1, 6, tzinfo=zone)
    assert dag.schedule.tick_after(dag.start_date) == at_six
    assert build(schedule=Cron("0 6 * * *", zone)).schedule.timezone == name
    assert build(schedule="0 6 * * *", timezone=zone).schedule.timezone == name


NAMELESS = [
    pytest.param(timezone(timedelta(hours=5, minutes=30)), id="offset of half an hour"),
    pytest.param(timezone(timedelta(hours=15)), id="offset that no place has"),
    pytest.param(dateutil.tz.gettz("Europe/Berlin"), id="dateutil"),
]


@pytest.mark.parametrize("zone", NAMELESS)
def test_a_zone_without_a_name_is_refused_where_something_is_read_in_it(zone):
    start = datetime(2026, 1, 1, tzinfo=zone)
    for arguments in ({"schedule": "0 6 * * *"}, {"schedule": None, "end_date": datetime(2026, 2, 1)}):
        with pytest.raises(AuthoringError, match=r"has no IANA name.* Give the DAG timezone='\.\.\.'"):
            build(start_date=start, **arguments)
    for schedule in (None, timedelta(hours=6), CronTrigger("0 6 * * *", timezone="Asia/Kolkata")):
        assert build(start_date=start, schedule=schedule).start_date == start
    assert build(start_date=start, schedule="0 6 * * *", timezone="Asia/Kolkata").schedule.timezone == "Asia/Kolkata"


SCALARS = [
    pytest.param({"retries": np.int64(2)}, lambda task: task.retry.retries, 2, id="integer of numpy"),
    pytest.param({"retries": Number.SEVEN}, lambda task: task.retry.retries, 7, id="integer of an enum"),
    pytest.param({"priority_weight": Whole(4)}, lambda task: task.priority_weight, 4, id="integer of a subclass"),
    pytest.param({"retry_delay": np.float64(2.5)}, lambda task: task.retry.delay_s, 2.5, id="float of numpy"),
    pytest.param({"retry_jitter": Real(0.5)}, lambda task: task.retry.jitter, 0.5, id="float of a subclass"),
    pytest.param({"retry_delay": Pause(minutes=1)}, lambda task: task.retry.delay_s, 60.0, id="pause of a subclass"),
    pytest.param({"retry_delay": pendulum.duration(hours=1)}, lambda task: task.retry.delay_s, 3600.0, id="of pendulum"),
    pytest.param({"execution_timeout": pd.Timedelta("90s")}, lambda task: task.execution_timeout_s, 90.0, id="of pandas"),
    pytest.param({"retry_exponential_backoff": np.bool_(True)}, lambda task: task.retry.backoff, 2.0, id="bool of numpy"),
    pytest.param({"pool": Word.ONE}, lambda task: task.pool, "one", id="text of an enum"),
    pytest.param({"queue": Text("own")}, lambda task: task.queue, "own", id="text of a subclass"),
    pytest.param({"doc": np.str_("told")}, lambda task: task.doc, "told", id="text of numpy"),
    pytest.param({"task_id": Text("own")}, lambda task: task.task_id, "own", id="id of a subclass"),
    pytest.param({"trigger_rule": Word.ONE}, None, "there is no trigger rule", id="no trigger rule"),
    pytest.param({"retries": np.float64(2.5)}, None, "write a whole number", id="no whole number"),
    pytest.param({"retry_delay": np.timedelta64(5, "s")}, lambda task: task.retry.delay_s, 5.0, id="pause of numpy"),
    pytest.param({"retry_delay": pd.NaT}, None, "write a timedelta", id="no pause"),
    pytest.param({"retry_delay": float("nan")}, None, "write at most 100 years", id="not a number"),
    pytest.param({"retry_delay": float("inf")}, None, "write at most 100 years", id="for ever"),
    pytest.param({"priority_weight": 2**70}, None, "at most 2147483647", id="larger than can be stored"),
    pytest.param({"doc": "half \ud800"}, None, "doc is no Unicode text", id="half a character"),
    pytest.param({"doc": 5}, None, "doc is 5; write text.", id="no text"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "read", "expected"), SCALARS)
def test_a_rule_of_a_foreign_type_is_its_plain_value_or_refused(arguments, read, expected):
    if read is not None:
        found = read(task(**arguments))
        assert (found, type(found)) == (expected, type(expected))
        return
    with pytest.raises(AuthoringError, match=r"test_foreign_values.py:\d+: ") as caught:
        task(**arguments)
    assert expected in str(caught.value)


def test_values_of_a_dag_and_of_a_sensor_are_plain():
    dag = DAG(
        Text("own"), tags=Words([Word.ONE, Text("two")]), doc_md=Text("told"), max_active_runs=np.int32(3),
        catchup=np.bool_(False), params={Word.ONE: Param(Number.SEVEN), "moment": Moment(2026, 1, 1, tzinfo=UTC)},
        timezone=Text("Europe/Berlin"), schedule=Text("@daily"), default_args={Text("retries"): Number.SEVEN},
    )  # fmt: skip
    with dag:
        PythonSensor(task_id="wait", python_callable=print, poke_interval=np.float32(0.5), timeout=Pause(hours=1))
    spec = build_dag(dag)
    assert from_json(to_json(spec)) == spec
    assert (spec.dag_id, spec.tags, spec.doc, spec.max_active_runs) == ("own", ("one", "two"), "told", 3)
    assert (spec.schedule.timezone, spec.schedule.crons, spec.schedule.text) == (
        "Europe/Berlin",
        ("0 0 * * *",),
        "@daily",
    )
    assert (spec.params["one"].default, spec.tasks[0].retry.retries) == (7, 7)
    assert (spec.tasks[0].sensor.poke_interval_s, spec.tasks[0].sensor.timeout_s) == (0.5, 3600.0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"tags": [5]}, "tags is [5]; write a list of words."),
        ({"doc": b"bytes"}, "doc is b'bytes'; write text."),
        ({"max_active_runs": np.float64(1.5)}, "write a whole number"),
        ({"schedule": pendulum.duration(months=1)}, "Months differ in length; the nearest is '@monthly'."),
        ({"schedule": dateutil.relativedelta.relativedelta(days=1)}, "Write a timedelta of the same length."),
        ({"params": {"p": object()}}, "the parameter 'p' holds"),
    ],
)
def test_what_a_dag_cannot_hold_is_refused_with_its_line(arguments, sentence):
    with pytest.raises(AuthoringError, match=r"test_foreign_values.py:\d+: DAG 'd': ") as caught:
        build(**arguments)
    assert sentence in str(caught.value)


INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1))
MAKERS = {
    "pendulum": lambda moment, zone: pendulum.instance(moment.replace(tzinfo=ZoneInfo(zone))),
    "pandas": lambda moment, zone: pd.Timestamp(moment.replace(tzinfo=ZoneInfo(zone))),
    "pytz": lambda moment, zone: pytz.timezone(zone).localize(moment),
    "dateutil": lambda moment, zone: moment.replace(tzinfo=dateutil.tz.gettz(zone)),
    "subclass": lambda moment, zone: Moment.fromisoformat(moment.isoformat()).replace(tzinfo=ZoneInfo(zone)),
}


@settings(max_examples=at_night(60, 20), derandomize=True, deadline=None)
@given(
    INSTANTS,
    st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Tokyo"]),
    st.sampled_from(sorted(MAKERS)),
)
def test_every_library_s_date_means_the_same_instant_here_as_there(moment, zone, library):
    value = MAKERS[library](moment, zone)
    dag = build(start_date=value, schedule=None)
    assert dag.start_date == value
    assert dag.start_date.timestamp() == value.timestamp()
