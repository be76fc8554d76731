from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.errors import DataRefusedError, InternalError
from penstock.model.changes import Changes, DagCursor, LateAnswer
from penstock.model.dag import XComRef
from penstock.model.request import CancelRun, DagChanged, RunRequested, TriggerDagRun
from penstock.model.run import NewRun, Rendered, RunKind, TaskInstance, TaskKey, Try, XCom
from penstock.model.state import Outcome, RunState, TaskState
from penstock.store import Store

instants = st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2200, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)
some_instants = st.none() | instants
words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
any_text = st.text(max_size=50)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
fresh = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def new(run_id="r1", dag_id="d", kind=RunKind.MANUAL, logical_date=None, **more):
    return NewRun(dag_id, run_id, kind, logical_date, None, None, **more)


@pytest.fixture
def run(store, now):
    return store.apply(Changes(new_runs=[new()]), now)[0]


def task(run, task_id="t", state=TaskState.QUEUED, **more):
    return TaskInstance(run.run, task_id, -1, state, **more)


def attempt(run, now, task_id="t", epoch=1, **more):
    return Try(run.run, task_id, -1, epoch, 1, "local", now, **more)


def test_a_new_run_comes_back_queued_with_its_number(store, now):
    made = store.apply(Changes(new_runs=[new("a"), new("b")]), now)
    assert [(r.run_id, r.state, r.created_at) for r in made] == [
        ("a", RunState.QUEUED, now),
        ("b", RunState.QUEUED, now),
    ]
    assert made[0].run < made[1].run
    assert [found.run for found in store.runs.live()] == made
    assert [store.runs.state("d", run_id) for run_id in ("a", "never")] == [RunState.QUEUED, None]


def test_a_run_that_exists_is_left_alone_and_not_reported_as_made(store, now):
    first = store.apply(Changes(new_runs=[new("a", conf={"x": 1})]), now)
    again = store.apply(Changes(new_runs=[new("a", conf={"x": 2}), new("a", dag_id="other")]), now)
    assert [r.dag_id for r in again] == ["other"]
    assert store.runs.snapshot(first[0].run).run.conf == {"x": 1}


def test_a_date_that_a_backfill_has_run_as_a_whole_is_run_by_no_schedule(store, now):
    def made(run_id, kind, **more):
        return new(run_id, kind=kind, logical_date=now, **more)

    store.apply(Changes(new_runs=[made("part", RunKind.BACKFILL, subset=["t"]), made("asked", RunKind.MANUAL)]), now)
    assert [r.run_id for r in store.apply(Changes(new_runs=[made("first", RunKind.SCHEDULED)]), now)] == ["first"]
    store.apply(Changes(new_runs=[made("whole", RunKind.BACKFILL, dag_id="e")]), now)
    later = [made("again", RunKind.SCHEDULED, dag_id="e"), made("asked", RunKind.MANUAL, dag_id="e")]
    assert [r.run_id for r in store.apply(Changes(new_runs=later), now)] == ["asked"]


def test_what_lives_is_found_again_and_what_finished_is_not(store, now, run):
    done, also = store.apply(Changes(new_runs=[new("done"), new("also")]), now)
    ended = msgspec.structs.replace(done, state=RunState.SUCCESS, started_at=now, ended_at=now, reason="all tasks done")
    running = msgspec.structs.replace(also, state=RunState.RUNNING, version="v", started_at=now)
    tasks = [task(also, "a", epoch=2), task(also, "b", TaskState.SUCCESS, epoch=1), task(done, "c", TaskState.SUCCESS)]
    tries = [
        attempt(also, now, "a", 1, outcome=Outcome.LOST),
        attempt(also, now, "a", 2),
        attempt(also, now, "b", 1, outcome=Outcome.SUCCESS),
    ]
    store.apply(Changes(runs=[ended, running], tasks=tasks, tries=tries), now)
    first, second = store.runs.live()
    assert (first.run, first.tasks, first.tries) == (run, [], [])
    assert (second.run, second.tasks, second.tries) == (running, tasks[:2], [tries[1]])
    finished = store.runs.snapshot(done.run)
    assert (finished.run, finished.tasks, finished.tries) == (ended, [tasks[2]], [])


def test_rows_written_again_are_replaced(store, now, run):
    store.apply(Changes(tasks=[task(run)], tries=[attempt(run, now)]), now)
    later = now + timedelta(microseconds=1)
    newer = task(run, state=TaskState.RUNNING, epoch=1, started_at=later, reason="runs", failures=3)
    started = attempt(run, now, started_at=later, pid=77)
    store.apply(Changes(tasks=[newer], tries=[started]), now)
    found = store.runs.snapshot(run.run)
    assert (found.tasks, found.tries) == ([newer], [started])


def test_values_are_read_in_batches_and_go_with_a_clear(store, now, run):
    def left(task_id, index, key, value):
        return XCom(run.run, task_id, index, key, value, None)

    store.apply(
        Changes(
            xcoms=[left("a", 0, "k", b"1"), left("a", 1, "k", b"2"), left("b", -1, "k", b"3"), left("b", -1, "z", b"4")]
        ),
        now,
    )
    assert store.xcoms.values(run.run, [("a", "k"), ("b", "z"), ("c", "k")]) == {
        (TaskKey(run.run, "a", 0), "k"): b"1",
        (TaskKey(run.run, "a", 1), "k"): b"2",
        (TaskKey(run.run, "b", -1), "z"): b"4",
    }
    assert store.xcoms.values(run.run, []) == {}
    store.apply(Changes(xcoms=[XCom(run.run, "l", 2, "k", b"[1]", 1)]), now)
    lengths = {("a", 0, "k"): None, ("a", 1, "k"): None, ("l", 2, "k"): 1}
    assert store.xcoms.lengths(run.run, [("a", "k"), ("l", "k")]) == lengths
    store.apply(
        Changes(cleared=[TaskKey(run.run, "a", 1), TaskKey(run.run, "b", -1)], xcoms=[left("b", -1, "k", b"5")]), now
    )
    asked = [(t, k) for t in "ab" for k in "kz"]
    assert store.xcoms.values(run.run, asked) == {
        (TaskKey(run.run, "a", 0), "k"): b"1",
        (TaskKey(run.run, "b", -1), "k"): b"5",
    }
    page = store.xcoms.of_task(run.run, "a", after=(-1, "k"), limit=1)
    assert page == [XCom(run.run, "a", 0, "k", b"1", None)]
    assert store.xcoms.of_task(run.run, "a", after=(0, "k")) == []
    many = [(f"t{i}", "k") for i in range(1000)] + [("a", "k")]
    assert len(store.xcoms.values(run.run, many)) == 1


def test_what_templates_had_become_is_kept_for_each_try(store, now, run):
    rows = [Rendered(run.run, "a", index, epoch, {"sql": "x\0\n"}) for index in (-1, 0) for epoch in (1, 2)]
    store.apply(Changes(rendered=rows), now)
    store.apply(Changes(cleared=[TaskKey(run.run, "a", -1)], rendered=rows[:1]), now)
    assert (store.runs.rendered(run.run, "a"), store.runs.rendered(run.run, "b")) == (rows, [])


def test_what_a_mapped_task_left_is_read_one_by_one_and_page_by_page(store, now, run):
    def left(index):
        return XCom(run.run, "a", index, "k", b"%d" % index)

    store.apply(Changes(xcoms=[*map(left, (0, 1, 3, 4)), XCom(run.run, "a", 2, "other", b"[]", 0)]), now)
    ref = XComRef("a", "k")
    assert [store.xcoms.one(run.run, ref, index) for index in (1, 2)] == [b"1", None]
    assert [store.xcoms.at(run.run, ref, place) for place in (2, 4)] == [b"3", None]
    assert store.xcoms.page(run.run, ref, 1, 2) == [(1, b"1"), (3, b"3")]
    assert store.xcoms.page(run.run, ref, 4, 100) == [(4, b"4")]
    assert store.xcoms.page(run.run, ref, 5, 100) == []


def test_a_removed_placeholder_is_gone(store, now, run):
    store.apply(Changes(tasks=[task(run)]), now)
    instances = [TaskInstance(run.run, "t", i, TaskState.SCHEDULED) for i in range(3)]
    store.apply(Changes(removed=[TaskKey(run.run, "t")], tasks=instances), now)
    assert store.runs.snapshot(run.run).tasks == instances


def test_a_late_answer_is_noted_and_changes_no_outcome(store, now, run):
    lost = attempt(run, now, outcome=Outcome.LOST, ended_at=now)
    store.apply(Changes(tasks=[task(run, epoch=1)], tries=[lost]), now)
    store.apply(Changes(late=[LateAnswer(TaskKey(run.run, "t"), 1, Outcome.SUCCESS, now)]), now)
    assert [(t.attempt, t.late_outcome, t.late_at) for t in store.runs.tries(run.run, "t")] == [
        (lost, Outcome.SUCCESS, now)
    ]


def test_requests_are_read_in_order_until_a_step_has_handled_them(store, now):
    given = [RunRequested(1), CancelRun(2, "me"), DagChanged("d"), TriggerDagRun("d", "r", {"a": [1]})]
    for request in given:
        store.requests.submit(request, now)
    found = store.requests.pending()
    assert [request for _, request in found] == given
    numbers = [number for number, _ in found]
    assert store.requests.pending(numbers[1]) == found[2:]
    store.apply(Changes(handled=numbers), now)
    assert store.requests.pending() == []
    store.requests.submit(given[0], now)
    assert store.requests.pending(numbers[-1]) != [], "a number must not come twice"


def test_a_transaction_that_fails_changes_nothing(store, now, run):
    def fail():
        with store.transaction() as tx:
            tx.apply(Changes(new_runs=[new("x")], tasks=[task(run)], cursors=[DagCursor("d", now)]), now)
            tx.submit([RunRequested(1)], now)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert [found.run for found in store.runs.live()] == [run]
    assert store.runs.live()[0].tasks == []
    assert store.requests.pending() == []


def test_runs_made_in_a_transaction_can_be_used_in_it(store, now):
    with store.transaction() as tx:
        (made,) = tx.apply(Changes(new_runs=[new("x")]), now)
        tx.apply(Changes(tasks=[task(made)]), now)
    assert len(store.runs.live()[0].tasks) == 1


def test_a_row_of_a_run_that_does_not_exist_is_a_fault_of_ours(store, now, run):
    with pytest.raises(InternalError, match="refused a statement"):
        store.apply(Changes(tasks=[TaskInstance(run.run + 1, "t", -1, TaskState.QUEUED)]), now)


@pytest.mark.parametrize("key", ["k\0", "\ud800"], ids=["NUL", "a lone surrogate"])
def test_a_value_that_no_database_takes_is_refused_with_its_row_and_nothing_is_written(store, now, run, key):
    good = [XCom(run.run, f"t{number}", -1, "k", b"1") for number in range(3)]
    with pytest.raises(DataRefusedError, match="of table xcom cannot be stored") as caught:
        store.apply(Changes(tasks=[task(run)], xcoms=[*good, XCom(run.run, "t", 7, key, b"2")]), now)
    assert (caught.value.table, caught.value.key) == (
        "xcom",
        {"run": run.run, "task_id": "t", "map_index": 7, "key": key},
    )
    assert store.runs.live()[0].tasks == []
    store.apply(Changes(xcoms=good), now)


@pytest.mark.parametrize("number", [2**63, 2**31], ids=["too large for both", "too large for PostgreSQL"])
def test_a_number_that_the_column_cannot_hold_is_refused_with_its_row(store, now, run, number):
    if store.database.sqlite and number < 2**63:
        store.apply(Changes(tasks=[task(run, failures=number)]), now)
        return
    with pytest.raises(DataRefusedError, match="of table task_instance cannot be stored") as caught:
        store.apply(Changes(tasks=[task(run, "a"), task(run, "b", failures=number)]), now)
    assert caught.value.key["task_id"] == "b"


def test_a_run_whose_id_no_database_takes_is_refused_by_its_name(store, now):
    with pytest.raises(DataRefusedError, match="of table run cannot be stored") as caught:
        store.apply(Changes(new_runs=[new("fine"), new("r\0")]), now)
    assert caught.value.key == {"dag_id": "d", "run_id": "r\0"}
    assert store.runs.live() == []


def test_a_naive_instant_is_never_stored(store, now, run):
    with pytest.raises(TypeError):
        store.apply(Changes(tasks=[task(run, queued_at=datetime(2026, 1, 1))]), now)  # noqa: DTZ001 - the case


@fresh
@given(
    conf=st.dictionaries(words, json_values, max_size=3),
    logical=some_instants,
    start=some_instants,
    end=some_instants,
    run_id=words,
)
def test_every_run_comes_back_as_it_went(store, now, conf, logical, start, end, run_id):
    made = store.apply(Changes(new_runs=[NewRun("d", run_id, RunKind.SCHEDULED, logical, start, end, conf, "v")]), now)
    if made:
        found = store.runs.snapshot(made[0].run).run
        assert found == made[0]
        assert (found.conf, found.logical_date, found.interval_start, found.interval_end) == (conf, logical, start, end)


@fresh
@given(
    state=st.sampled_from(TaskState),
    reason=any_text,
    at=some_instants,
    due=some_instants,
    numbers=st.tuples(*[st.integers(0, 2**31 - 1)] * 3),
    value=st.binary(max_size=40),
    outcome=st.none() | st.sampled_from(Outcome),
)
def test_every_task_try_and_value_comes_back_as_it_went(  # noqa: PLR0917 - hypothesis names them
    store, now, run_of, state, reason, at, due, numbers, value, outcome
):
    row = TaskInstance(run_of.run, "t", -1, state, numbers[0], numbers[1], reason, at, at, at, due, numbers[2])
    tried = Try(run_of.run, "t", -1, numbers[1], 1, "local", now, at, due, outcome, reason, numbers[2])
    store.apply(Changes(tasks=[row], tries=[tried], xcoms=[XCom(run_of.run, "t", -1, "k", value, 3)]), now)
    found = store.runs.snapshot(run_of.run)
    visible = reason.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    assert found.tasks == [msgspec.structs.replace(row, reason=visible)]
    of_this_example = [each for each in found.tries if each.epoch == tried.epoch]
    assert of_this_example == ([msgspec.structs.replace(tried, error=visible)] if outcome is None else [])
    assert store.xcoms.values(run_of.run, [("t", "k")]) == {(TaskKey(run_of.run, "t"), "k"): value}


@pytest.fixture
def run_of(run):
    return run


def test_the_server_prepares_statements_that_come_again(postgres_url, keyring, now):
    with Store.open(postgres_url, keyring) as store:
        for _ in range(6):
            store.apply(Changes(cursors=[DagCursor("d", now)]), now)
            store.dags.ids()
        with store.database.read() as connection:
            prepared = connection.exec_driver_sql(
                "SELECT string_agg(statement, ' ') FROM pg_prepared_statements"
            ).scalar()
    assert "UPDATE dag" in prepared


def test_a_turn_of_a_scheduler_asks_the_server_once_before_it_commits(postgres_tables_url, keyring, now, tmp_path):
    with Store.open(postgres_tables_url, keyring) as store, (tmp_path / "sent").open("w+") as sent:
        store.role.acquire("penstock up", now)
        run = store.apply(Changes(new_runs=[new()]), now)[0]
        with store.database.read() as connection:
            session = connection.connection.driver_connection.pgconn
        session.trace(sent.fileno())
        changes = Changes(runs=[run], tasks=[task(run)], tries=[attempt(run, now)], handled=[1], removed=[(1, "x", -1)])
        store.apply(changes, now)
        session.untrace()
        sent.seek(0)
        lines = sent.read().splitlines()
        assert store.runs.snapshot(run.run).tasks == [task(run)]
    # What ends a part of a conversation: the begin, which is not waited for, all statements together, and the commit.
    assert sum("ReadyForQuery" in line for line in lines) == 3
    assert sum("CommandComplete" in line for line in lines) == 9
