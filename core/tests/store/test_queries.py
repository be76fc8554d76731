import re
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import event, text, update

from penstock.errors import DataUnreadableError, NotFoundError
from penstock.model.changes import Changes, DagCursor
from penstock.model.connection import Connection
from penstock.model.dag import DagSpec, TaskSpec, XComRef
from penstock.model.history.past_run import PastRun
from penstock.model.limits.rate import Rate, RateUsed
from penstock.model.request import DagChanged, PoolsChanged
from penstock.model.run import NewRun, RunKind, TaskInstance, TaskKey, Try, XCom
from penstock.model.source import ParsedFile
from penstock.model.state import Outcome, RunState, TaskState
from penstock.store import DagChoice, LoaderCatalog, Pool, Span, listed
from penstock.store.history.export import Export
from penstock.store.sql import tables


@pytest.fixture
def stocked(store, now):
    """Three DAGs, ten runs of each, one of them failed and one live."""
    catalog = LoaderCatalog(store, store.config.variable_values, lambda: now)
    dags = tuple(
        DagSpec(name, "f.py", (TaskSpec("t"),), tags=(name[0],), owners=("ada",) if name.islower() else ())
        for name in ("alpha", "beta_1", "BETA%2")
    )
    catalog.save(ParsedFile("f.py", "s", {}, {}, None, now, 0.1, dags))
    catalog.close()
    for i in range(10):
        made = store.apply(
            Changes(new_runs=[NewRun(d.dag_id, f"r{i}", RunKind.MANUAL, now, now, now) for d in dags]), now
        )
        state = {0: RunState.FAILED, 9: RunState.RUNNING}.get(i, RunState.SUCCESS)
        ended = None if i == 9 else now + timedelta(minutes=i)
        runs = [msgspec.structs.replace(run, state=state, ended_at=ended) for run in made]
        tasks = [TaskInstance(run.run, "t", -1, TaskState.SUCCESS, epoch=1) for run in made]
        tries = [Try(run.run, "t", -1, 1, 1, "local", now, outcome=Outcome.SUCCESS) for run in made]
        xcoms = [XCom(run.run, "t", -1, "k", b"1") for run in made]
        store.apply(Changes(runs=runs, tasks=tasks, tries=tries, xcoms=xcoms), now)
    return store


def test_tries_that_have_not_ended_are_counted_by_their_executors(stocked, now):
    assert stocked.runs.open_tries(["local", "far"]) == 0
    run = stocked.runs.page(dag_id="alpha")[0].run
    executors = ("local", "local", "far", "waiter")
    tries = [Try(run, "t", index, 2, 1, name, now) for index, name in enumerate(executors)]
    stocked.apply(Changes(tries=tries), now)

    assert stocked.runs.open_tries(["local"]) == 2
    assert stocked.runs.open_tries(["local", "far"]) == 3
    assert stocked.runs.open_tries([]) == 0


def test_the_run_before_is_the_last_of_an_earlier_date_with_what_did_not_end_well(store, now):
    def made(days, state, *states):
        at = now + timedelta(days=days)
        [run] = store.apply(
            Changes(new_runs=[NewRun("d", f"r{days}", RunKind.TRIGGERED, at, at, at, version="v")]), now
        )
        tasks = [TaskInstance(run.run, "t", index, each) for index, each in enumerate(states)]
        store.apply(Changes(runs=[msgspec.structs.replace(run, state=state)], tasks=tasks), now)
        return run

    late = made(5, RunState.SUCCESS, TaskState.SUCCESS)
    early = made(1, RunState.FAILED, TaskState.SUCCESS, TaskState.FAILED, TaskState.NONE)
    made(3, RunState.SKIPPED)

    def before(days):
        return store.backfills.run_before("d", now + timedelta(days=days))

    assert before(1) is None
    assert before(5) == PastRun(early.run, "r1", early.logical_date, "v", {"t": ("t[1]", "failed")})
    assert before(6) == PastRun(late.run, "r5", late.logical_date, "v", {})
    assert store.backfills.run_before("e", now) is None


def test_dags_are_listed_with_their_runs_by_state(stocked):
    found = stocked.views.dag_list.page(DagChoice())
    assert found == [listed(row) for row in stocked.dags.rows()]
    assert sorted(row.dag_id for row in found) == ["BETA%2", "alpha", "beta_1"]
    assert all(row.runs == {RunState.FAILED: 1, RunState.SUCCESS: 8, RunState.RUNNING: 1} for row in found)
    assert listed(stocked.dags.row("alpha")) == next(row for row in found if row.dag_id == "alpha")
    assert stocked.dags.row("gamma") is None


def test_a_list_reads_the_structure_of_a_dag_once_and_none_of_its_tasks(stocked):
    stocked.views.dag_list.page(DagChoice())
    statements = []
    event.listen(stocked.database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    found = stocked.views.dag_list.page(DagChoice(tag="a"))
    assert [(row.dag_id, row.head.tasks) for row in found] == [("alpha", 1)]
    assert statements
    assert not any("dag_spec" in each for each in statements)


def test_the_last_runs_of_many_dags_take_one_statement_and_no_id_hides_another(stocked):
    statements = []
    event.listen(stocked.database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    odd = ["'", '"]', "\\", "ü", "alpha\0", "%"]
    found = stocked.views.latest_runs([*odd, "alpha", "beta_1", "BETA%2"], 2)
    assert len(statements) == 1
    newest = {
        dag_id: [run.run for run in stocked.runs.page(dag_id=dag_id, limit=2)]
        for dag_id in ("alpha", "beta_1", "BETA%2")
    }
    assert {dag_id: sorted((r.run for r in found if r.dag_id == dag_id), reverse=True) for dag_id in newest} == newest
    assert len(found) == 6
    assert stocked.views.latest_runs(["alpha\0"], 2) == []


@pytest.mark.parametrize(
    ("search", "names"), [("beta", {"beta_1", "BETA%2"}), ("%", {"BETA%2"}), ("_", {"beta_1"}), ("x", set())]
)  # fmt: skip
def test_a_search_takes_its_text_literally_and_in_any_case(stocked, search, names):
    assert {row.dag_id for row in stocked.views.dag_list.page(DagChoice(search))} == names
    if search == "beta":
        assert {run.dag_id for run in stocked.runs.page(search=search)} == names


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (DagChoice(tag="b"), ["beta_1"]),
        (DagChoice(tag="b", search="alpha"), []),
        (DagChoice(owner="ada"), ["alpha", "beta_1"]),
        (DagChoice(paused=True), ["beta_1"]),
        (DagChoice(paused=False), ["BETA%2", "alpha"]),
        (DagChoice(state=RunState.RUNNING), ["BETA%2", "alpha", "beta_1"]),
        (DagChoice(state=RunState.FAILED), []),
        (DagChoice(search="x" * 10_000), []),
    ],
)
def test_dags_are_chosen_by_labels_and_states(stocked, now, choice, names):
    stocked.dags.set_paused("beta_1", now, paused=True)
    for _ in range(2):  # what was read once is kept
        assert sorted(row.dag_id for row in stocked.views.dag_list.page(choice)) == sorted(names)


def test_a_page_of_dags_is_full_of_those_that_may_be_seen(stocked):
    def seen(dag_id, tags):
        return dag_id == "alpha" or "B" in tags

    first = stocked.views.dag_list.page(DagChoice(), seen=seen, limit=1)
    rest = stocked.views.dag_list.page(DagChoice(), seen=seen, after=first[0].dag_id, limit=5)
    assert sorted(row.dag_id for row in (*first, *rest)) == ["BETA%2", "alpha"]


def test_runs_are_chosen_by_logical_date(stocked, now):
    assert len(stocked.runs.page(dag_id="alpha", since=now, until=now + timedelta(seconds=1))) == 10
    assert stocked.runs.page(until=now) == stocked.runs.page(since=now + timedelta(seconds=1)) == []


def test_pages_of_runs_are_newest_first_and_miss_and_repeat_none(stocked):
    seen, before = [], None
    while page := stocked.runs.page(dag_id="alpha", before=before, limit=3):
        seen += page
        before = page[-1].run
    assert [run.run_id for run in seen] == [f"r{i}" for i in reversed(range(10))]
    assert [run.dag_id for run in stocked.runs.page(state=RunState.FAILED)] == ["BETA%2", "beta_1", "alpha"]
    assert len(stocked.runs.page(limit=100)) == 30


def test_a_run_is_found_by_number_and_by_name(stocked):
    run = stocked.runs.find("alpha", "r3")
    assert stocked.runs.get(run.run) == run
    assert stocked.runs.get(10**9) is None
    assert stocked.runs.find("alpha", "nope") is None


def test_old_runs_go_with_all_that_belongs_to_them_and_live_ones_stay(stocked, now):
    before = now + timedelta(minutes=5)
    first = stocked.retention.finished_before(before, limit=10)
    rest = stocked.retention.finished_before(before, first[-1].run, limit=10)
    assert (len(first), len(rest)) == (10, 5)
    assert max(run.ended_at for run in first + rest) < before
    every = [run.run for run in stocked.runs.page(limit=100)]
    assert stocked.retention.delete_runs(every, now) == 27
    asked = [request for _, request in stocked.requests.pending()]
    assert asked[-3:] == [DagChanged("BETA%2"), DagChanged("alpha"), DagChanged("beta_1")]
    assert stocked.retention.finished_before(now + timedelta(days=999)) == []
    left = stocked.runs.page(limit=100)
    assert {run.state for run in left} == {RunState.RUNNING}
    assert [len(each.tasks) for each in stocked.runs.live()] == [1, 1, 1]
    assert stocked.check() == []


def test_versions_that_nothing_needs_go_and_those_of_runs_and_of_dags_that_just_changed_stay(stocked, now):
    catalog = LoaderCatalog(stocked, stocked.config.variable_values, lambda: now)
    for tag in "xyz":
        dags = tuple(DagSpec(name, "f.py", (TaskSpec("t"),), tags=(tag,)) for name in ("alpha", "beta_1", "BETA%2"))
        catalog.save(ParsedFile("f.py", "s", {}, {}, None, now, 0.1, dags))
        if tag == "x":
            pinned = next(state.version for state in stocked.dags.states() if state.dag_id == "alpha")
            new = NewRun("alpha", "pinned", RunKind.MANUAL, now, now, now, version=pinned)
            stocked.apply(Changes(new_runs=[new]), now)
    catalog.close()
    assert stocked.retention.unused_versions(now) == []
    unused = stocked.retention.unused_versions(now + timedelta(seconds=1))
    present = [state.version for state in stocked.dags.states()]
    assert len(unused) == 3 * 3 - 1
    assert not {pinned, *present} & set(unused)
    stocked.retention.delete_versions(unused)
    assert stocked.retention.unused_versions(now + timedelta(seconds=1)) == []
    assert all(stocked.versions.get(version) for version in (pinned, *present))
    assert [stocked.versions.get(version) for version in unused] == [None] * 8
    assert stocked.check() == []


def test_all_that_is_stored_of_the_past_is_read_in_pages(stocked):
    export = Export(stocked.database, 7)
    runs = [run for page in export.runs(Span()) for run in page]
    assert runs == stocked.runs.page(limit=100)[::-1]
    tasks = [[(task.run, task.task_id) for task in page] for page in export.tasks(runs)]
    tries = [[(past.attempt.run, past.attempt.task_id) for past in page] for page in export.tries(runs)]
    assert tasks == tries == [[(run.run, "t") for run in runs[at : at + 7]] for at in range(0, 30, 7)]


def test_a_cursor_moves(stocked, now):
    stocked.apply(Changes(cursors=[DagCursor("alpha", now)]), now)
    assert {d.dag_id: d.cursor for d in stocked.dags.states()} == {"alpha": now, "beta_1": None, "BETA%2": None}


def test_pausing_is_told_to_the_scheduler(stocked, now):
    stocked.apply(Changes(handled=[number for number, _ in stocked.requests.pending()]), now)
    assert stocked.dags.set_paused("alpha", now, paused=True)
    assert not stocked.dags.set_paused("nope", now, paused=True)
    assert [request for _, request in stocked.requests.pending()] == [DagChanged("alpha")]
    assert stocked.dags.state("alpha").paused


def test_pools_are_told_to_the_scheduler(store, now):
    assert store.config.pools() == [Pool("default_pool", 128, "For every task that names no pool.")]
    store.config.put_pool(Pool("p", 3), now)
    store.config.put_pool(Pool("p", 5, "five"), now)
    assert store.config.pools()[1] == Pool("p", 5, "five")
    store.config.delete_pool("p", now)
    assert [request for _, request in store.requests.pending()] == [PoolsChanged()] * 3
    with pytest.raises(NotFoundError, match="Did you mean 'default_pool'"):
        store.config.delete_pool("default_poll", now)


def test_when_the_next_task_of_a_pool_may_start_is_the_schedulers_to_write(store, now):
    store.config.put_pool(Pool("p", 3, rate=Rate(10, 60.0)), now)
    store.apply(Changes(rates=[RateUsed("p", now), RateUsed("deleted", now)]), now)
    store.config.put_pool(Pool("p", 4, rate=Rate(5, 1.5)), now)
    assert store.config.pools()[1] == Pool("p", 4, rate=Rate(5, 1.5), next_at=now)
    with store.transaction() as tx:
        tx.execute(update(tables.pool).values(rate_count=0))
    assert [pool.rate for pool in store.config.pools()] == [None, None], "what no person can have meant is no rate"


def test_connections_and_variables_are_replaced_and_deleted(store, now):
    store.config.put_connection(Connection("c", "aws", extra={"a": [1]}), now)
    store.config.put_connection(Connection("c", "postgres", port=1), now)
    assert store.config.connections() == [Connection("c", "postgres", port=1)]
    assert store.config.connection("d") is None
    store.config.delete_connection("c")
    with pytest.raises(NotFoundError):
        store.config.delete_connection("c")
    store.config.put_variable("k", "ünï\0code", now, "why")
    assert [(v.key, v.value, v.description, v.changed_at) for v in store.config.variables()] == [
        ("k", "ünï\0code", "why", now)
    ]
    store.config.delete_variable("k")
    with pytest.raises(NotFoundError):
        store.config.delete_variable("k")


READS = {
    "last runs of DAGs": lambda store, run: store.views.latest_runs(["alpha", "beta"], 3),
    "runs of a grid": lambda store, run: store.views.runs_of("alpha", run.run, 3),
    "states of a grid": lambda store, run: store.views.states([run.run], ["a"]),
    "numbers of states": lambda store, run: store.views.state_counts(run.run),
    "task instances of a page": lambda store, run: store.views.instances(
        run.run, states=[TaskState.SUCCESS], after=("a", -1), limit=3
    ),
    "tries of a page": lambda store, run: store.views.tries(run.run, ("a", -1, 0), 3),
    "dates of a calendar": lambda store, run: store.views.dates("alpha", run.created_at, run.created_at),
    "durations of runs": lambda store, run: store.views.took("alpha", "", 3),
    "durations of a task": lambda store, run: store.views.took("alpha", "a", 3),
    "live": lambda s, run: s.runs.live(),
    "run_snapshot": lambda s, run: s.runs.snapshot(run.run),
    "run": lambda s, run: s.runs.get(run.run),
    "run_named": lambda s, run: s.runs.find("alpha", "r1"),
    "run_state": lambda s, run: s.runs.state("alpha", "r1"),
    "runs": lambda s, run: s.runs.page(),
    "runs of a DAG": lambda s, run: s.runs.page(dag_id="alpha", before=5),
    "runs in a state": lambda s, run: s.runs.page(state=RunState.FAILED, before=5),
    "runs of a DAG in a state": lambda s, run: s.runs.page(dag_id="alpha", state=RunState.FAILED),
    "tasks": lambda s, run: s.runs.tasks(run.run, "t"),
    "tries": lambda s, run: s.runs.tries(run.run),
    "xcoms": lambda s, run: s.xcoms.values(run.run, [("t", "k"), ("u", "k")]),
    "an xcom": lambda s, run: s.xcoms.one(run.run, XComRef("t", "k"), -1),
    "an xcom by its place": lambda s, run: s.xcoms.at(run.run, XComRef("t", "k"), 3),
    "page of xcoms": lambda s, run: s.xcoms.page(run.run, XComRef("t", "k"), 0, 10),
    "dag_row": lambda s, run: s.dags.row("alpha"),
    "page of DAGs": lambda s, run: s.views.dag_list.page(
        DagChoice("a", "a", "ada", paused=False, state=RunState.RUNNING)
    ),
    "runs of a span": lambda s, run: s.runs.page(dag_id="alpha", since=run.created_at, until=run.created_at),
    "live runs of a DAG": lambda s, run: s.dag_history.live("alpha", 4),
    "finished runs of a DAG": lambda s, run: s.dag_history.finished("alpha", 5, 25),
    "sizes of runs": lambda s, run: s.retention.sizes([run.run]),
    "requests": lambda s, run: s.requests.pending(1),
    "export of runs": lambda s, run: list(s.export.runs(Span("alpha", run.created_at))),
    "export of tasks": lambda s, run: list(Export(s.database, 3).tasks(s.runs.page(dag_id="alpha")[::-1])),
    "export of tries": lambda s, run: list(Export(s.database, 3).tries(s.runs.page(dag_id="alpha")[::-1])),
    "step": lambda s, run: s.apply(
        Changes(
            new_runs=[NewRun("alpha", "x", RunKind.MANUAL, None, None, None)],
            runs=[run],
            tasks=[TaskInstance(run.run, "t", -1, TaskState.FAILED)],
            cleared=[TaskKey(run.run, "t")],
            removed=[TaskKey(run.run, "gone")],
        ),
        run.created_at,
    ),
}


@pytest.mark.parametrize("name", READS)
def test_nothing_reads_history_from_end_to_end(stocked, name):
    statements = []
    run = stocked.runs.find("alpha", "r5")

    def note(connection, cursor, statement, parameters, context, many):
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            statements.append((statement, parameters[0] if many else parameters))

    event.listen(stocked.database.engine, "before_cursor_execute", note)
    READS[name](stocked, run)
    event.remove(stocked.database.engine, "before_cursor_execute", note)
    assert statements
    for statement, parameters in statements:
        if "WHERE" in statement:
            bad = _scans(stocked.database, statement, parameters)
            assert not bad, f"{statement}\n{bad}"


def _scans(database, statement, parameters):
    """The steps of a statement's plan that read a table of history from end to end."""
    with database.read() as connection:
        if database.sqlite:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            return [
                step
                for step in plan
                if re.match(r"SCAN (run|r|t|a|task_instance|try|xcom)\b", step)
                # Counting by state walks an index that holds nothing else; a page walks the primary key and stops early.
                and "COVERING INDEX run_dag_state" not in step
                # The index of open tries is a partial one: it holds what lives.
                and "INDEX try_open" not in step
            ]
        # Of tables as small as these it would read all, and rightly so: what is asked is whether there is another way.
        for way in ("seqscan", "hashjoin", "mergejoin"):
            connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        plan = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
        return [step for step in plan if re.search(r"Seq Scan on (run|task_instance|try|xcom)\b", step)]


def test_the_states_of_runs_come_packed_and_equal_lists_of_tasks_are_one(stocked):
    runs = [run.run for run in stocked.runs.page(dag_id="alpha")[:2]]
    tasks = [TaskInstance(runs[0], "m", 1, TaskState.FAILED), TaskInstance(runs[0], "m", 2, TaskState.SUCCESS)]
    tasks += [TaskInstance(runs[1], "m", index, TaskState.SKIPPED) for index in (1, 2)]
    stocked.apply(Changes(tasks=tasks), stocked.runs.get(runs[0]).created_at)

    found = stocked.views.states([*runs, 10**9])
    assert sorted(zip(*found[runs[0]], strict=True)) == [
        ("m", TaskState.FAILED), ("m", TaskState.SUCCESS), ("t", TaskState.SUCCESS),
    ]  # fmt: skip
    assert sorted(found) == sorted(runs)
    assert found[runs[0]].task_ids is found[runs[1]].task_ids
    assert stocked.views.states(runs, ["t"])[runs[0]] == (["t"], [TaskState.SUCCESS])

    with stocked.database.write() as connection:
        connection.execute(update(tables.task_instance).values(state=text("'later'")))
    with pytest.raises(DataUnreadableError, match=f"a task instance of run {runs[0]} is in no state that is known"):
        stocked.views.states(runs[:1])
