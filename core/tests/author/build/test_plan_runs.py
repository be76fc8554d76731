import itertools
from datetime import UTC, datetime, timedelta

import pytest

from penstock.author.build import plan_runs
from penstock.author.build.build import build_file
from penstock.author.build.plan_runs import PLANNED, plan
from penstock.author.timetable import run_info

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CLASSES = """
class Hourly(Timetable):
    def next_run(self, after):
        end = (after - timedelta(minutes=5)).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        return PlannedRun(end - timedelta(hours=1), end, end + timedelta(minutes=5))

class Secondly(Timetable):
    def next_run(self, after):
        return after + timedelta(seconds=1)

class Answers(Timetable):
    def __init__(self, *answers):
        self.answers = iter(answers)
    def next_run(self, after):
        return next(self.answers, None)

def at(day, hour=0):
    return datetime(2026, 1, day, hour, tzinfo=UTC)
"""


@pytest.fixture
def planned(imported):
    """The plan of a file whose DAGs are written below the classes of timetables."""

    def run(text, cursors=None, now=NOW):
        session = imported(CLASSES + text)
        built = build_file(session, "f.py")
        assert not built.problems, built.problems
        return plan(session, built.dags, cursors or {}, now)

    return run


@pytest.mark.parametrize(
    ("arguments", "cursor", "first", "count"),
    [
        pytest.param("", None, "2026-01-01T12:05", PLANNED, id="from now on"),
        pytest.param("start_date=at(1)", None, "2026-01-01T12:05", PLANNED, id="nothing of the past without catchup"),
        pytest.param("start_date=at(1), catchup=True", None, "2026-01-01T01:05", PLANNED, id="catchup from the start"),
        pytest.param("start_date=at(2)", None, "2026-01-02T01:05", PLANNED, id="a start to come"),
        pytest.param("", "2026-01-01T08:05", "2026-01-01T11:05", PLANNED, id="the newest that was missed"),
        pytest.param(
            "start_date=at(1), catchup=True", "2026-01-01T08:05", "2026-01-01T09:05", PLANNED, id="all missed"
        ),
        pytest.param("end_date=at(1, 14)", None, "2026-01-01T12:05", 4, id="up to the end date"),
    ],
)
def test_the_runs_to_come_begin_where_the_last_one_was(planned, arguments, cursor, first, count):
    cursors = {} if cursor is None else {"d": datetime.fromisoformat(cursor).replace(tzinfo=UTC)}
    found = planned(f"DAG('d', schedule=Hourly(), {arguments})", cursors)
    assert found.problems == ()
    runs = found.runs["d"]
    assert (runs[0].run_after, len(runs)) == (datetime.fromisoformat(first).replace(tzinfo=UTC), count)
    assert all(earlier.run_after < later.run_after for earlier, later in itertools.pairwise(runs))


def test_a_plan_that_goes_on_is_carried_on_when_half_of_it_is_over(planned):
    found = planned("DAG('d', schedule=Hourly())\nDAG('e', schedule=Answers(at(9), at(10)))\nDAG('f')")
    assert found.refresh_s == 86_400, "an hour apart, half of them are four days; a look a day does no harm"
    assert len(found.runs["e"]) == 2
    assert "f" not in found.runs
    assert planned("DAG('e', schedule=Answers(at(9), at(10)))").refresh_s is None
    often = planned("DAG('d', schedule=timetable('known.full', minutes=1))")
    assert often.refresh_s == 101 * 60
    assert often.runs["d"][0] == (NOW + timedelta(minutes=1),) * 3


WRONG = {
    "backwards": (
        "at(9), at(8)",
        "asked for the run after 2026-01-09T00:00:00+00:00, answered a run that falls due at",
    ),
    "repeats": ("at(9), at(9)", "which is not later"),
    "an interval of the past": (
        "PlannedRun(at(8), at(9), at(9)), PlannedRun(at(7), at(10), at(10))",
        "the data interval that starts at 2026-01-07T00:00:00+00:00, which is not later than that of the run before it",
    ),
    "the end before the start": ("PlannedRun(at(9), at(8), at(9))", "whose end is before its start"),
    "no zone": ("datetime(2026, 1, 9)", "it must be an aware datetime"),
    "no instant": ("'tomorrow'", "it must be a PlannedRun, an aware datetime or None"),
    "half a run": ("(at(8), at(9))", "it must be a PlannedRun"),
    "the end of the calendar": ("datetime(9999, 12, 31, tzinfo=UTC)", "is at the end of the calendar"),
}


@pytest.mark.parametrize(("answers", "sentence"), WRONG.values(), ids=WRONG)
def test_a_wrong_answer_is_a_problem_of_the_file_with_its_line(planned, answers, sentence):
    found = planned(f"DAG('d', schedule=Answers({answers}))")
    assert found.runs == {}
    (problem,) = found.problems
    assert problem.startswith("f.py:")
    assert sentence in problem


def test_a_past_that_is_too_long_is_told(planned, monkeypatch):
    monkeypatch.setattr(plan_runs, "_MOST_ASKED", 1_000)  # a hundred times as many take seconds
    found = planned("DAG('d', schedule=Secondly())", {"d": NOW - timedelta(hours=1)})
    assert "1,000 runs after 2026-01-01T11" in found.problems[0]


def test_what_a_timetable_raises_is_a_problem_of_the_file(planned):
    text = "class Bad(Timetable):\n    def next_run(self, after):\n        raise {}\nDAG('d', schedule=Bad())"
    for raised, sentence in {
        "ValueError('no calendar')": "ValueError: no calendar",
        "SystemExit(3)": "sys.exit(3)",
    }.items():
        (problem,) = planned(text.format(raised)).problems
        assert sentence in problem


def test_what_no_manifest_has_is_refused_where_it_is_written(built):
    text = """
    DAG("a", schedule=timetable("known.full", hours=1))
    DAG("b", schedule=timetable("known.copy"))
    DAG("c", schedule=timetable("known.none"))
    DAG("d", schedule=timetable("nobody.full"))
    DAG("e", schedule=timetable("known.odd"))
    DAG("f", schedule=timetable(7))
    with DAG("g"):
        operator("known.full", task_id="t")
    """
    problems = [problem.partition(": ")[2] for problem in built(text).problems]
    for problem, sentence in zip(
        problems,
        [
            "known.full takes no argument 'hours'",
            "it is one of operators, no timetable",
            "known.none",
            "needs the provider 'nobody'",
            "known.odd gives 'odd', which is no penstock.Timetable",
            "write the id of a timetable as text",
            "'known.full' is one of timetables, no operator and no sensor",
        ],
        strict=True,
    ):
        assert sentence in problem


WORKDAYS = """
from penstock import DagRunInfo, DataInterval
class Workdays(Timetable):
    summary = property(lambda self: "workdays")
    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        if last_automated_data_interval is None:
            if restriction.earliest is None:
                return None
            start = restriction.earliest
        else:
            start = last_automated_data_interval.start + timedelta(days=1)
        while start.weekday() > 4:
            start += timedelta(days=1)
        if restriction.latest is not None and start > restriction.latest:
            return None
        return ANSWER
"""


@pytest.mark.parametrize(
    ("arguments", "cursor", "first", "count"),
    [
        ("start_date=at(1)", None, "2026-01-02", PLANNED),
        ("start_date=at(1), catchup=True", "2026-01-02T00:00", "2026-01-03", PLANNED),
        ("start_date=at(1), end_date=at(9)", None, "2026-01-02", 7),
        ("", None, "", 0),
    ],
)
def test_a_timetable_as_airflow_has_them_is_asked_run_after_run(planned, arguments, cursor, first, count):
    cursors = {} if cursor is None else {"d": datetime.fromisoformat(cursor).replace(tzinfo=UTC)}
    answer = "DagRunInfo.interval(start, start + timedelta(days=1))"
    found = planned(WORKDAYS.replace("ANSWER", answer) + f"DAG('d', schedule=Workdays(), {arguments})", cursors)
    runs = found.runs["d"]
    assert (found.problems, len(runs), f"{runs[0].run_after:%Y-%m-%d}" if runs else "") == ((), count, first)
    assert all(run.start.weekday() < 5 and run.end - run.start == timedelta(days=1) for run in runs)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("'soon'", "it must be a DagRunInfo of aware instants, or None"),
        ("DagRunInfo.exact(datetime(2026, 1, 1))", "it must be a DagRunInfo of aware instants"),
        ("DagRunInfo(at(1), DataInterval.exact(start))", "which is not later than the run before it"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_wrong_answer_of_such_a_timetable_is_a_problem_of_the_file(planned, answer, sentence):
    found = planned(WORKDAYS.replace("ANSWER", answer) + "DAG('d', schedule=Workdays(), start_date=at(1))")
    assert found.runs == {}
    assert sentence in found.problems[0]


def test_runs_of_the_past_that_are_too_many_are_told_of_such_a_timetable(planned, monkeypatch):
    monkeypatch.setattr(run_info, "MOST_ASKED", 3)
    text = (
        WORKDAYS.replace("ANSWER", "DagRunInfo.exact(start)")
        + "DAG('d', schedule=Workdays(), start_date=at(1) - timedelta(days=9))"
    )
    assert "3 runs from the start of the DAG do not come to 2026-01-01" in planned(text).problems[0]
