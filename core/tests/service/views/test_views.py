"""What pages show of many runs is whole, in the order of the DAG, and costs a constant number of queries."""

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import event

from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant, Principal
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.run import TaskInstance, Try
from penstock.model.state import Outcome, RunState, TaskState
from penstock.service import dags
from penstock.service.views.dag_files import list_files
from penstock.service.views.dag_graph import show_code, show_graph
from penstock.service.views.grid import ABSENT, LETTERS, MOST_DAGS, latest_runs, show_grid
from penstock.service.views.times import list_instances, show_calendar, show_durations, show_gantt, show_task_durations
from penstock.spec.archives.listed_archives import LIST


@pytest.fixture
def ran(installation, store, now):
    """Makes a run of a DAG that took so many seconds, with its task instances."""

    def ran(run_id, states, *, dag_id="sales", took_s=10, outcome=RunState.SUCCESS):
        run = dags.trigger(installation, dag_id, run_id=run_id, logical_date=now - timedelta(days=1)).run
        end = now + timedelta(seconds=took_s)
        ended = msgspec.structs.replace(run, state=outcome, started_at=now, ended_at=end)
        tasks = [
            TaskInstance(run.run, task_id, index, state, 1, 1, started_at=now, ended_at=end)
            for (task_id, index), state in states.items()
        ]
        tries = [Try(run.run, *key, 1, 1, "local", now, now, end, Outcome.SUCCESS) for key in states]
        store.apply(Changes(runs=[ended], tasks=tasks, tries=tries), now)
        return ended

    return ran


@pytest.fixture
def queries(store):
    """Counts the statements that are sent to the database."""
    sent = []

    def note(_connection, _cursor, statement, *_):
        sent.append(statement)

    event.listen(store.database.engine, "before_cursor_execute", note)
    yield sent
    event.remove(store.database.engine, "before_cursor_execute", note)


BOTH = {("extract", -1): TaskState.SUCCESS, ("load", -1): TaskState.FAILED}


def test_a_cell_has_a_letter_and_a_mapped_task_the_most_pressing_one(installation, ran):
    ran("one", BOTH)
    ran("two", {("extract", 0): TaskState.SUCCESS, ("extract", 1): TaskState.FAILED, ("gone", -1): TaskState.SKIPPED})
    grid = show_grid(installation, "sales")
    assert [(row.task_id, row.present) for row in grid.tasks] == [("extract", True), ("load", True), ("gone", False)]
    assert [(each.run.run_id, each.states) for each in grid.items] == [("two", f"f{ABSENT}k"), ("one", f"sf{ABSENT}")]
    assert set(LETTERS.values()) == set(TaskState)


def test_a_grid_is_paged_and_asks_as_often_for_many_runs_as_for_one(installation, ran, queries):
    for number in range(5):
        ran(f"run {number}", BOTH)
    counts = []
    for limit in (1, 5):
        queries.clear()
        show_grid(installation, "sales", limit=limit)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    found, after = [], ""
    while True:
        page = show_grid(installation, "sales", after=after, limit=2)
        found += [each.run.run_id for each in page.items]
        if not (after := page.next):
            break
    assert found == [f"run {number}" for number in reversed(range(5))]
    assert [row.task_id for row in show_grid(installation, "sales", tasks=["load"]).tasks] == ["load"]


@pytest.mark.parametrize("asked", [{"after": "x"}, {"after": "-1"}, {"limit": 0}, {"limit": 10_000}])
def test_what_no_page_is_is_refused(installation, asked):
    with pytest.raises(RequestError):
        show_grid(installation, "sales", **asked)


def test_the_last_runs_of_many_dags_are_one_query(installation, ran, queries):
    for number in range(3):
        ran(f"run {number}", {})
    ran("other", {}, dag_id="stock")
    queries.clear()
    found = latest_runs(installation, ["sales", "stock", "none"], count=2)
    assert len(queries) == 1
    assert {dag_id: [run.run_id for run in each] for dag_id, each in found.runs.items()} == {
        "sales": ["run 2", "run 1"],
        "stock": ["other"],
    }
    viewer = installation.seen_by(Principal("ann", (Grant(Role.VIEWER, dags=("stock",)),)))
    assert list(latest_runs(viewer, ["sales", "stock"]).runs) == ["stock"]
    with pytest.raises(RequestError, match="at most are shown at once"):
        latest_runs(installation, ["sales"] * (MOST_DAGS + 1))


def test_a_graph_has_groups_and_what_is_upstream(installation, store, save):
    tasks = (TaskSpec("a"), TaskSpec("g.b", upstream=("a",)), TaskSpec("g.h.c", upstream=("g.b",)))
    save(store, [DagSpec("grouped", "sales.py", tasks, groups={"g": ("g.b",), "g.h": ("g.h.c",)})])
    graph = show_graph(installation, "grouped")
    assert [(task.task_id, task.group, task.upstream) for task in graph.tasks] == [
        ("a", "", []),
        ("g.b", "g", ["a"]),
        ("g.h.c", "g.h", ["g.b"]),
    ]
    assert [(each.group_id, each.parent, each.first) for each in graph.groups] == [
        ("g", "", ["g.b"]),
        ("g.h", "g", ["g.h.c"]),
    ]
    assert show_graph(installation, "grouped", graph.version[:12]).version == graph.version
    with pytest.raises(NotFoundError):
        show_graph(installation, "grouped", "0000")


def test_code_is_that_of_the_version_and_of_no_other_file(installation):
    assert show_code(installation, "sales").note == "its files are not kept on this machine any more"
    folder = installation.settings.state_folder / "snapshots" / "snapshot"
    (folder / "lib").mkdir(parents=True)
    (folder / "sales.py").write_text("with DAG(): ...\n")
    (folder / "lib" / "image.bin").write_bytes(b"\xff\xfe")
    (folder / LIST).write_text("0 lib/image.bin\n0 sales.py\n")
    code = show_code(installation, "sales")
    assert (code.file, code.text, code.files) == ("sales.py", "with DAG(): ...\n", ["lib/image.bin", "sales.py"])
    assert show_code(installation, "sales", file="lib/image.bin").note == "it is no UTF-8 text"
    (folder / "secret").write_text("s")
    for name in ("../../penstock.db", "secret", "/etc/passwd"):
        with pytest.raises(NotFoundError):
            show_code(installation, "sales", file=name)


def test_a_chart_of_tries_and_a_list_of_instances_are_paged(installation, ran):
    ran("one", {("extract", index): TaskState.SUCCESS for index in range(3)} | {("load", -1): TaskState.FAILED})
    for read in (show_gantt, list_instances):
        found, after = [], ""
        while True:
            page = read(installation, "sales", after=after, limit=2)
            found += [(each.task_id, each.map_index) for each in page.items]
            if not (after := page.next):
                break
        assert found == [("extract", 0), ("extract", 1), ("extract", 2), ("load", -1)]
        with pytest.raises(RequestError, match="no page of this list ended with"):
            read(installation, "sales", after="x:1:a")
    failed = list_instances(installation, "sales", "one", states=[TaskState.FAILED])
    assert [each.task_id for each in failed.items] == ["load"]


def test_days_of_a_calendar_begin_where_the_zone_says(installation, ran, now):
    ran("one", {}, outcome=RunState.FAILED)
    [day] = show_calendar(installation, "sales", now - timedelta(days=3), now)
    assert (day.day, day.runs) == ("2026-02-28", {RunState.FAILED: 1})
    [day] = show_calendar(installation, "sales", now - timedelta(days=3), now, "Pacific/Kiritimati")
    assert day.day == "2026-03-01"
    for asked in (
        {"until": now - timedelta(days=9)},
        {"until": now + timedelta(days=900)},
        {"until": now.replace(tzinfo=None)},
    ):
        with pytest.raises(RequestError):
            show_calendar(installation, "sales", now, **asked)
    with pytest.raises(NotFoundError, match="no time zone is named 'Mars/Base'"):
        show_calendar(installation, "sales", now, now + timedelta(days=1), "Mars/Base")


def test_what_is_usual_is_learnt_of_successes(installation, ran):
    for number in range(6):
        ran(f"run {number}", BOTH, took_s=10 + number)
    ran("failed", BOTH, took_s=9000, outcome=RunState.FAILED)
    found = show_durations(installation, "sales")
    assert (found.items[0].took_s, found.median_s, found.longest_usual_s) == (9000, 12.5, 25)
    assert (found.low_s, found.high_s) == (10.5, 14.5)
    assert msgspec.to_builtins(show_task_durations(installation, "sales")) == [
        {
            "task_id": "extract",
            "successes": 7,
            "median_s": 13,
            "low_s": pytest.approx(10.6),
            "high_s": pytest.approx(3609),
        },
        {"task_id": "load", "successes": 0, "median_s": None, "low_s": None, "high_s": None},
    ]
    assert [each.successes for each in show_task_durations(installation, "sales", limit=2)] == [2, 0]
    assert [each.state for each in show_durations(installation, "sales", "load").items] == ["failed"] * 7
    with pytest.raises(NotFoundError, match="task of DAG 'sales' is named 'lod'"):
        show_durations(installation, "sales", "lod")


def test_files_have_their_times_and_numbers_of_problems(installation, store, save, now):
    save(store, [], problems=("no",))
    [file] = list_files(installation).items
    assert (file.file, file.parsed_at, file.duration_s, file.problems) == ("sales.py", now, 0.1, 1)
