"""What holds tasks up is named in figures, with what to change."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.model.changes import Changes
from penstock.model.run import NewRun, RunKind, TaskInstance
from penstock.model.source import ParsedFile
from penstock.model.state import RunState, TaskState
from penstock.service.doctor.finding import Severity
from penstock.service.figures.advice import Limit, LimitKind, Stay, advice, duration
from penstock.service.figures.bottlenecks import MOST_RUNS, bottlenecks
from penstock.service.figures.late import late_listeners, slow_imports
from penstock.service.health import check_installation
from penstock.store import LoaderCatalog

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SINCE = NOW - timedelta(hours=10)
POOL, FAR = Limit(LimitKind.POOL, "narrow"), Limit(LimitKind.EXECUTOR, "far")
QUEUE, SALES = Limit(LimitKind.QUEUE, "bulk"), Limit(LimitKind.DAG, "sales")


def line(number, each_s, *needs, begin=SINCE):
    """So many that could start together, and went one by one."""
    at = begin.timestamp()
    return [
        Stay(dict.fromkeys(needs, 1), at, at + each_s * place, at + each_s * place + 1, at + each_s * (place + 1))
        for place in range(number)
    ]


CASES = [
    ("nothing", [], {POOL: 1}, ""),
    ("room", line(10, 3600, POOL), {POOL: 2}, ""),
    ("short", line(10, 1, POOL), {POOL: 1}, ""),
    ("few", line(4, 3600, POOL), {POOL: 1}, ""),
    ("unknown", line(10, 3600, POOL), {}, ""),
    (
        "pool",
        line(10, 3600, POOL),
        {POOL: 1},
        (
            "9 task instances waited 5.0 h at the median for pool narrow, which has 1 slot and was full 100 % of the time. If what it "
            "guards bears more: penstock pools set narrow SLOTS."
        ),
    ),
    (
        "DAG",
        line(9, 1200, POOL, SALES),
        {POOL: 5, SALES: 1},
        (
            "8 task instances waited 1.5 h at the median for DAG sales, which admits 1 at once and was full 30 % of the time. Raise "
            "max_active_tasks in its file."
        ),
    ),
    (
        "executor",
        line(9, 600, FAR, POOL),
        {POOL: 9, FAR: 1},
        (
            "8 task instances waited 45 min at the median for executor far, which runs 1 at once and was full 15 % of the time. Raise its "
            "parallelism or its workers, or route queues elsewhere."
        ),
    ),
    (
        "queue",
        line(9, 600, QUEUE),
        {QUEUE: 1},
        (
            "8 task instances waited 45 min at the median for queue bulk, which admits 1 at once and was full 15 % of the time. Raise its "
            "limit in [queues.bulk]."
        ),
    ),
]


@pytest.mark.parametrize(("stays", "sizes", "told"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_limit_that_was_full_while_tasks_waited_is_named(stays, sizes, told):
    assert advice(stays, sizes, SINCE, NOW) == ([told] if told else [])


def test_the_worst_comes_first_and_what_waits_still_counts():
    at = NOW.timestamp() - 7200
    holder = Stay({FAR: 1}, at - 60, at - 60, at - 59)
    waiting = [Stay({FAR: 1}, at) for _ in range(9)]
    found = advice([*line(9, 60, POOL), holder, *waiting], {POOL: 1, FAR: 1}, SINCE, NOW)
    assert [each.partition(",")[0] for each in found] == [
        "9 task instances waited 2.0 h at the median for executor far",
        "8 task instances waited 4 min at the median for pool narrow",
    ]


def test_an_executor_that_starts_slowly_is_named():
    at = SINCE.timestamp()
    found = advice([Stay({FAR: 1}, at, at, at + 40, at + 50)] * 9, {FAR: 99}, SINCE, NOW)
    assert found[0].startswith("executor far needs 40 s at the median to start a try")


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 50), st.integers(1, 3)), max_size=30),
    st.integers(1, 4),
)
def test_no_wait_is_longer_than_the_time_and_no_share_above_all_of_it(rows, size):
    at = SINCE.timestamp()
    stays = [
        Stay({POOL: need}, at + due, at + due + wait, None, at + due + wait + took) for due, wait, took, need in rows
    ]
    for each in advice(stays, {POOL: size}, SINCE, NOW):
        assert int(each.partition(" was full ")[2].split()[0]) <= 100


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h")]
)
def test_a_span_is_said_as_people_say_it(seconds, said):
    assert duration(seconds) == said


def test_doctor_names_the_bottleneck_of_the_last_day(installation, store, now):
    store.config.put_pool(replace(store.config.pools()[0], name="narrow", slots=1), now)
    version = store.dags.state("sales").version
    begin = now - timedelta(hours=10)
    made = store.apply(
        Changes(new_runs=[NewRun("sales", f"r{n}", RunKind.MANUAL, None, None, None) for n in range(10)]), begin
    )
    runs = [replace(run, version=version, state=RunState.SUCCESS) for run in made]
    hour = timedelta(hours=1)
    tasks = [
        TaskInstance(
            run.run, "load", -1, TaskState.SUCCESS, queued_at=begin + n * hour, started_at=begin + n * hour,
            ended_at=begin + (n + 1) * hour, due_at=begin,
        )
        for n, run in enumerate(runs)
    ]  # fmt: skip
    store.apply(Changes(runs=runs, tasks=tasks), now)
    (installation.settings.state_folder / "penstock.db").parent.mkdir(exist_ok=True)
    (installation.settings.state_folder / "penstock.db").touch()
    [found] = [each for each in check_installation(installation) if each.subject == "bottleneck"]
    assert found.severity is Severity.NOTE
    assert found.detail.startswith(
        "in the last day, 9 task instances waited 5.0 h at the median for pool narrow, which has 1 slot"
    )
    newer = [NewRun("stock", f"n{n}", RunKind.MANUAL, None, None, None) for n in range(MOST_RUNS)]
    store.apply(Changes(new_runs=newer), now)
    assert bottlenecks(installation) == [], "the newest runs are looked at, however many there are"


@pytest.mark.parametrize(
    ("untold_s", "told"),
    [
        ({}, []),
        ({"acme": None, "other": 599}, []),
        (
            {"acme": 900, "other": 7200},
            ["the listener of acme is 15 min behind", "the listener of other is 2.0 h behind"],
        ),
    ],
)
def test_a_listener_that_is_behind_is_named(untold_s, told):
    untold = {name: None if each is None else NOW - timedelta(seconds=each) for name, each in untold_s.items()}
    assert [each.partition(". ")[0] for each in late_listeners(untold, NOW)] == told


@pytest.mark.parametrize(
    ("imports_s", "told"),
    [
        ({}, []),
        ({"a.py": 4.9}, []),
        ({"a.py": 5.0, "b.py": 0.1, "c.py": 130.0}, ["c.py (2 min), a.py (5 s) took long to import"]),
        (
            {f"f{n}.py": 10.0 + n for n in range(6)},
            ["f5.py (15 s), f4.py (14 s), f3.py (13 s) and 3 more took long to import"],
        ),
    ],
)
def test_files_that_import_slowly_are_named_the_slowest_first(imports_s, told):
    assert [each.partition(":")[0] for each in slow_imports(imports_s)] == told


def test_doctor_tells_of_a_file_that_imports_slowly(installation, store, now):
    state = installation.settings.state_folder
    state.mkdir(exist_ok=True)
    (state / "penstock.db").touch()
    assert [each for each in check_installation(installation) if each.subject == "lag"] == []
    catalog = LoaderCatalog(store, store.config.variable_values, lambda: now)
    catalog.save(ParsedFile("slow.py", "snapshot", {}, {}, None, now, 31.0, (), ()))
    catalog.close()
    [found] = [each for each in check_installation(installation) if each.subject == "lag"]
    assert (found.severity, found.detail.partition(":")[0]) == (Severity.NOTE, "slow.py (31 s) took long to import")
