"""Clears follow the marks of what they clear into other DAGs."""

import pytest
from msgspec.structs import replace

from penstock.errors import RequestError
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.history.marked_task import MarkedTask
from penstock.model.request import ClearTasks
from penstock.model.run import NewRun, Rendered, TaskInstance
from penstock.model.state import RunState, TaskState
from penstock.service import dags
from penstock.service.clear import clear_tasks, preview_clear
from penstock.service.history.marked_clears import with_marked

DATE = "2026-02-01T00:00:00+00:00"


def chain(*names, depth=10):
    """DAGs of which each marks the sensor of the next, whose downstream is its mark."""
    found = []
    for number, name in enumerate(names):
        after = names[number + 1] if number + 1 < len(names) else None
        marks = MarkedTask(after, "wait", "", depth) if after else None
        tasks = (TaskSpec("wait"), TaskSpec("end", upstream=("wait",), marks=marks))
        found.append(DagSpec(name, "sales.py", tasks))
    return found


@pytest.fixture
def done(installation, store, save, now):
    """Have DAGs, each with a run that has ended."""

    def done(specs):
        save(store, specs)
        for spec in specs:
            run = dags.trigger(installation, spec.dag_id, run_id="one", logical_date=now.fromisoformat(DATE)).run
            rows = [TaskInstance(run.run, task.task_id, -1, TaskState.SUCCESS) for task in spec.tasks]
            ended = replace(run, state=RunState.SUCCESS, started_at=now)
            store.apply(Changes(runs=[ended], tasks=rows, handled=[n for n, _ in store.requests.pending()]), now)

    return done


def cleared(installation, task="end", dag_id="a"):
    found = with_marked(installation, [preview_clear(installation, dag_id, "one", tasks=[task])])
    return [(each.run.dag_id, each.tasks) for each in found.clears], found.notes


def test_a_clear_goes_on_from_dag_to_dag_by_the_same_date_and_is_asked_for_together(installation, done, store):
    done(chain("a", "b", "c"))
    assert cleared(installation) == ([("a", ["end"]), ("b", ["wait", "end"]), ("c", ["wait", "end"])], [])
    found = with_marked(installation, [preview_clear(installation, "a", "one", tasks=["wait"])])
    clear_tasks(installation, *found.clears)
    assert [(type(each), each.tasks) for _, each in store.requests.pending()] == [
        (ClearTasks, ("wait",)), (ClearTasks, ("wait",)), (ClearTasks, ("wait",)),
    ]  # fmt: skip


def test_marks_in_a_circle_are_followed_once(installation, done):
    first, second = chain("a", "b")
    done(
        [
            first,
            DagSpec(
                "b", "sales.py", (second.tasks[0], TaskSpec("end", upstream=("wait",), marks=MarkedTask("a", "wait")))
            ),
        ]
    )
    found, notes = cleared(installation)
    assert ([dag_id for dag_id, _ in found], notes) == (["a", "b", "a"], [])


def test_the_first_mark_says_how_far_they_lead(installation, done):
    done(chain("a", "b", "c", "d", depth=2))
    with pytest.raises(
        RequestError, match=r"marks yet another DAG: 2 in a row are cleared at most \(recursion_depth\)"
    ):
        cleared(installation)
    assert len(cleared(installation, dag_id="b")[0]) == 3


@pytest.mark.parametrize(
    ("marks", "told"),
    [
        (MarkedTask("b", "gone"), "marks what is not there: no task of DAG 'b' is named 'gone'"),
        (MarkedTask("gone", "t"), "marks task 't' of DAG 'gone', which has no run of 2026-02-01T00:00:00+00:00"),
        (MarkedTask("b", "wait", "2026-03-03"), "which has no run of 2026-03-03T00:00:00+00:00"),
        (MarkedTask("b", "wait", "{{ x }}"), "by a template that no try of it has rendered"),
    ],
)
def test_what_is_marked_and_is_not_there_is_told_and_holds_nothing_up(installation, done, marks, told):
    done([DagSpec("a", "sales.py", (TaskSpec("end", marks=marks),)), *chain("b")])
    found, notes = cleared(installation)
    assert ([dag_id for dag_id, _ in found], len(notes)) == (["a"], 1)
    assert told in notes[0]


def test_a_template_counts_as_the_last_try_has_rendered_it(installation, done, store, now):
    done([DagSpec("a", "sales.py", (TaskSpec("end", marks=MarkedTask("{{ x }}", "wait", "{{ y }}")),)), *chain("b")])
    run = dags_run(store)
    fields = {"external_dag_id": "b", "logical_date": "2026-02-01"}
    store.apply(Changes(rendered=[Rendered(run, "end", -1, 1, fields)]), now)
    assert cleared(installation) == ([("a", ["end"]), ("b", ["wait", "end"])], [])


def dags_run(store):
    return store.runs.find("a", "one").run


def test_a_run_without_a_logical_date_has_no_other_by_which_to_find_it(installation, save, store, now):
    save(store, chain("a", "b"))
    [run] = store.apply(
        Changes(new_runs=[NewRun.of_assets("a", now, {"x": [0, 1]}, store.dags.state("a").version)]), now
    )
    rows = [TaskInstance(run.run, name, -1, TaskState.SUCCESS) for name in ("wait", "end")]
    store.apply(Changes(runs=[replace(run, state=RunState.SUCCESS, started_at=now)], tasks=rows), now)
    found = with_marked(installation, [preview_clear(installation, "a", run.run_id, tasks=["end"])])
    assert (len(found.clears), len(found.notes)) == (1, 1)
    assert "its run has no logical date by which to find the other" in found.notes[0]
