"""What would run again, and what was asked for."""

from datetime import timedelta

import msgspec
import pytest

from penstock.errors import NotFoundError, RequestError
from penstock.model.changes import Changes
from penstock.model.dag import TaskSpec
from penstock.model.history.audit import AskedBy
from penstock.model.request import ClearTasks, MarkTask
from penstock.model.run import TaskInstance, Try
from penstock.model.state import Outcome, RunState, TaskState
from penstock.service import dags, runs, tasks
from penstock.service.clear import Code, clear_tasks, preview_clear
from penstock.service.history import audit, clear_dates
from penstock.service.history.clear_dates import preview_clears


def test_clear_checks_each_task_and_says_what_runs_again(installation, run, asked):
    found = preview_clear(installation, "sales", "one", tasks=["extract"])
    assert (found.tasks, found.version, found.note) == (["extract", "load"], run.version, "")
    assert asked() == [], "a preview asks for nothing"
    clear_tasks(installation, found)
    assert asked() == [ClearTasks(run.run, ("extract",))]
    assert not preview_clear(installation, "sales", "one", only_failed=True).changes, "nothing has failed"
    with pytest.raises(NotFoundError, match=r"no task of DAG 'sales' is named 'laod'\. Did you mean 'load'"):
        preview_clear(installation, "sales", "one", tasks=["load", "laod"])
    with pytest.raises(NotFoundError, match=r"no index of task 'load' .* is named '3'"):
        preview_clear(installation, "sales", "one", tasks=["load"], map_index=3)
    only = preview_clear(installation, "sales", "one", tasks=["load"])
    above = preview_clear(installation, "sales", "one", tasks=["load"], upstream=True, downstream=False)
    assert (only.tasks, above.tasks, above.wanted.tasks) == (["load"], ["extract", "load"], ("extract", "load"))
    with pytest.raises(RequestError, match="index -1 of load has nothing upstream by itself"):
        preview_clear(installation, "sales", "one", tasks=["load"], map_index=-1, upstream=True)


def test_the_runs_of_some_dates_are_cleared_together(installation, run, store, now, asked, monkeypatch):
    def clears(days, **more):
        since = now - timedelta(days=days)
        return preview_clears(installation, "sales", since, now + timedelta(seconds=1), code=Code.SAME, **more)

    days = timedelta(days=1)
    for number in range(1, 4):
        made = dags.trigger(installation, "sales", run_id=f"d{number}", logical_date=now - number * days).run
        rows = [TaskInstance(made.run, name, -1, TaskState.SUCCESS) for name in ("extract", "load")]
        done = msgspec.structs.replace(made, state=RunState.SUCCESS, started_at=now)
        store.apply(Changes(runs=[done], tasks=rows), now)
    dags.trigger(installation, "sales", run_id="waits", logical_date=now - days)
    asked()
    found = clears(2)
    assert [(each.run.run_id, each.tasks) for each in found] == [
        (name, ["extract", "load"]) for name in ("d2", "d1", "one")
    ]
    assert clears(2, only_failed=True) == []
    assert [each.tasks for each in clears(2, tasks=["load"])] == [["load"]] * 3
    assert [each.tasks for each in clears(1, tasks=["load"], upstream=True)] == [["extract", "load"]] * 2
    clear_tasks(installation, *found, by=AskedBy("ann"))
    assert [(type(each), each.run) for each in asked()] == [(ClearTasks, each.run.run) for each in found]
    assert {e.run_id for e in audit.list_audit(installation).items if e.action == "clear"} == {"d1", "d2", "one"}
    monkeypatch.setattr(clear_dates, "MOST_RUNS", 3)
    assert len(clears(2)) == 3
    with pytest.raises(RequestError, match=rf"more than 3 runs .* are those before {now:%Y-%m-%dT%H:%M:%S}"):
        clears(3)


def test_a_clear_says_what_keeps_its_steps(installation, run, asked):
    found = preview_clear(installation, "sales", "one", tasks=["extract"], keep_steps=True)
    assert (found.tasks, found.keeping) == (["extract", "load"], ["extract", "load"])
    clear_tasks(installation, found)
    assert [request.keep_steps for request in asked()] == [True]
    assert preview_clear(installation, "sales", "one", tasks=["extract"]).keeping == []


def test_a_clear_moves_a_run_to_the_present_version_unless_a_try_of_it_lives(
    installation, store, now, run, save, asked
):
    sales = store.dags.row("sales").spec
    save(store, [msgspec.structs.replace(sales, tasks=(*sales.tasks, TaskSpec("report", upstream=("load",))))])
    newest = store.dags.state("sales").version
    asked()
    found = preview_clear(installation, "sales", "one")
    assert (found.version, "a try of extract has not ended" in found.note) == (run.version, True)
    with pytest.raises(RequestError, match=r"keeps its version .* because a try of extract has not ended"):
        preview_clear(installation, "sales", "one", code=Code.NEWEST)
    ended = Try(run.run, "extract", -1, 2, 2, "local", now, outcome=Outcome.FAILED)
    failed = TaskInstance(run.run, "extract", -1, TaskState.FAILED, 2, 2, "ValueError: no.")
    store.apply(Changes(tasks=[failed], tries=[ended]), now)
    (extract,) = tasks.why(installation, "sales", "extract")
    assert extract.reason.startswith("ValueError: no. The DAGs folder has changed since; to run what it holds now: ")
    found = preview_clear(installation, "sales", "one", tasks=["extract"])
    assert (found.version, found.note, found.tasks) == (newest, "", ["extract", "load", "report"])
    clear_tasks(installation, found)
    assert asked() == [ClearTasks(run.run, ("extract",), version=newest)]
    same = preview_clear(installation, "sales", "one", tasks=["extract"], code=Code.SAME)
    assert (same.version, same.wanted.version, same.tasks) == (run.version, "", ["extract", "load"])
    tasks.mark_task(installation, "sales", "extract", "success", code=Code.NEWEST)
    assert asked() == [MarkTask(run.run, "extract", -1, "success", newest)]
    assert runs.show_run(installation, "sales", "one").present_version == newest
    save(store, [msgspec.structs.replace(sales, tasks=sales.tasks[:1])])
    with pytest.raises(RequestError, match=r"has no task 'load'\. To run it again .*: --code same"):
        preview_clear(installation, "sales", "one", tasks=["load"])
    assert preview_clear(installation, "sales", "one", tasks=["load"], code=Code.SAME).tasks == ["load"]


def test_a_clear_says_that_the_dags_folder_holds_no_good_version(installation, store, now, run, save):
    ended = Try(run.run, "extract", -1, 2, 2, "local", now, outcome=Outcome.FAILED)
    store.apply(Changes(tries=[ended]), now)
    save(store, (), problems=("sales.py:3: the file is no Python.",))
    broken = "sales.py cannot be imported as it is now: its last good version counts"
    assert preview_clear(installation, "sales", "one").note == broken
    assert preview_clear(installation, "sales", "one", code=Code.SAME).note == "", "that was asked for"
    save(store, ())
    assert (
        preview_clear(installation, "sales", "one").note
        == "no file defines DAG 'sales' any more: its last version counts"
    )
