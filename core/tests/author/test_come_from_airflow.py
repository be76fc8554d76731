"""The page for people who come from Airflow, line by line: each row of its tables is tried, or names the test that does."""

import importlib
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

import penstock
from penstock.author.airflow.alias import ALIASES
from penstock.engine.messages import Dispatch
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.retry import RetrySpec
from penstock.model.run import Run, RunKind, TaskInstance
from penstock.model.state import RunState, TaskState
from penstock.settings import load_settings
from penstock.tries.try_requests import facts_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "how-to" / "come-from-airflow.md").read_text()


def table(head):
    """The rows of the table below a head, as cells."""
    texts = [part.partition("\n\n")[0] for part in PAGE.split(f"| {head} | here |\n|---|---|\n")[1:]]
    assert texts, head
    rows = [row for text in texts for row in text.splitlines()]
    return [[cell.strip() for cell in re.split(r"(?<!\\) \| ", row.strip("| "))] for row in rows]


@pytest.mark.parametrize("row", table("argument"), ids=lambda row: row[0])
def test_an_argument_is_taken_noted_or_refused_as_the_page_says(built, row):
    written, here = row
    call = written.strip("`")
    name = "task_id" if call.startswith("EmptyOperator") else "dag_id"
    call = call.replace("(", f'({name}="x", ', 1)
    text = f'with DAG("d"):\n    {call}' if name == "task_id" else f'with {call}:\n    EmptyOperator(task_id="t")'
    result = built(text)
    if here.startswith("refused"):
        assert (result.dags, len(result.problems)) == ((), 1)
        assert re.search(r"takes (an?|no) argument|and got both|nobody is told", result.problems[0])
        return
    assert result.problems == ()
    assert bool(result.notes) is here.startswith("taken with a note")


def test_what_is_taken_means_what_the_page_says(spec):
    dag = spec("""
        with DAG("d", schedule_interval="@daily", concurrency=4, default_args={"start_date": START, "retries": None}):
            EmptyOperator(task_id="t")
        """)
    spec('with DAG("d"):\n    TriggerDagRunOperator(task_id="t", trigger_dag_id="e", execution_date="{{ ds }}")')
    assert (dag.schedule.crons, dag.max_active_tasks, dag.start_date.year) == (("0 0 * * *",), 4, 2026)
    assert (
        spec('DAG("d", start_date=START, default_args={"start_date": START + timedelta(days=1)})').start_date.day == 1
    )


@pytest.mark.parametrize("row", table("Airflow's name"), ids=lambda row: row[0])
def test_an_alias_is_the_name_that_the_page_says(row):
    theirs, ours = (cell.strip("`") for cell in row)
    assert getattr(penstock, theirs) is getattr(penstock, ours)
    assert ALIASES[theirs] == ours


def test_the_page_has_every_alias_and_modules_that_exist():
    assert {row[0].strip("`") for row in table("Airflow's name")} == set(ALIASES)
    for row in table("Airflow's module"):
        importlib.import_module(row[1].strip("`"))


# Rows of the other two tables: what the file of a test must hold, so that it is known who proves the row.
PROVED_BY = {
    "`ExternalTaskSensor` polls": "tries/test_run_watch.py::poked_once_by_what_it_waits_for",
    "an `AssetWatcher` has": "author/build/test_assets.py::FileDeleteTrigger(filepath",
    "an `AssetAccessControl` keeps": "author/build/test_assets.py::there are no teams",
    "a `PriorityWeightStrategy` is": "author/build/test_weights.py::asked_for_each_try",
    "an `AirflowPlugin` is": "author/build/test_weights.py::are not collected here",
    "an event of an asset counts": "engine/test_assets.py::none of its events",
    "`@asset` finds": "author/operators/test_asset_decorators.py::elsewhere",
    "`ExternalTaskMarker`": "service/test_marked_clears.py::with_marked",
    "`task_state_store`": "author/run/test_task_checkpoints.py::by_either_name",
    "`@task.virtualenv` makes": "author/operators/test_environments.py::test_an_environment_is_made_once",
    "`serializer`, `use_dill`": "author/operators/test_environments.py::has no JSON form",
    "`TriggerDagRunOperator` fails if": "author/run/test_execution.py::neither_clears_its_run_again_nor_skips_it",
    "`TriggerDagRunOperator(fail_when": "author/build/test_problems.py::fail_when_dag_is_paused",
    "`ResumableJobMixin`": "app/test_external_job.py::test_a_job_is_started_once",
    "`depends_on_past` of a mapped task": "engine/test_past.py::a_mapped_task_waits_for_all_instances",
    "`airflow backfill create`": "engine/test_backfills.py::test_a_backfill_makes_its_runs_in_order",
    "`--reprocess-behavior none`": "engine/test_backfills.py::test_what_becomes_of_dates_that_have_a_run",
    "the first wrong argument ends": "author/build/test_problems.py::test_all_problems_of_a_file_are_reported_together",
    "the syntax of a template is checked": "author/build/test_problems.py::syntax of a template",
    "`catchup` depends": "engine/test_due.py::catchup",
    "a new DAG is paused": "store/test_catalog.py::paused",
    "the plugins folder": "plugins/::project",
    '`mode="reschedule"`': "author/test_capability.py::write 'poke' or 'reschedule'",
    "a `map_index_template` that fails": "author/mapping/test_map_keys.py::fails_no_task",
    "a mapped instance that was removed": "engine/test_removed.py::one_that_comes_back_goes_on",
    "an argument that takes": "author/run/test_joined.py::read_as_it_is_used",
    "`XComArg.zip` and": "author/run/test_joined.py::the DAG file works out",
    "an `attrs` class": "model/values/test_instances.py::serialize",
    "a schema of `Param`": "author/build/test_params.py::Nothing is fetched",
    "six fields of cron": "author/build/test_problems.py::@continuous",
    "`pendulum` comes": "author/test_foreign_values.py::pendulum",
    "a zone that has no IANA name": "author/test_foreign_values.py::test_a_zone_without_a_name_is_refused",
    "`.airflowignore`": "load/test_hostile_entries.py::Rename it to .penstockignore",
    "DAG files packed": "load/test_snapshot.py::packed.zip",
    "`logical_date` is pendulum's": "author/run/test_execution.py::logical_date",
    "`prev_data_interval_start_success`": "author/test_come_from_airflow.py::test_a_name_that_is_not_there",
    "`execution_date`": "author/run/test_execution.py::Its name is logical_date",
    "`macros.random`": "author/test_come_from_airflow.py::test_a_name_that_is_not_there",
    "`{{ l.append(1) }}`": "author/run/test_execution.py::a list is not changed",
    "a trailing newline": "author/test_come_from_airflow.py::test_what_templates_keep",
    "`BashOperator` takes blanks": "author/test_come_from_airflow.py::test_what_templates_keep",
    "`{{ None": "author/test_come_from_airflow.py::test_a_name_that_is_not_there",
    "`xcom_pull(dag_id=...)`": "author/run/test_execution.py::other DAG",
    "`xcom_push` of a try": "author/test_come_from_airflow.py::test_values_of_a_try_that_fails",
    "`sys.exit(0)`": "author/run/test_execution.py::sys.exit",
    "`ti.max_tries`": "author/test_come_from_airflow.py::test_the_number_of_tries",
    "`dags trigger --conf`": "cli/test_cli.py::--conf",
    "one run for a logical date": "service/test_service.py::logical_date",
    "`conn.ID.extra`": "author/run/test_execution.py::conn.db",
    "`parallelism`": "author/test_come_from_airflow.py::test_as_many_tries_run_at_once",
    "the state of a run is decided": "engine/::all_done",
}


@pytest.mark.parametrize("row", table("Airflow"), ids=lambda row: row[0])
def test_every_difference_is_proved_by_a_test(row):
    (place,) = [place for start, place in PROVED_BY.items() if row[0].startswith(start)]
    file, _, held = place.partition("::")
    path = ROOT / "core" / "tests" / file
    texts = [path] if path.is_file() else sorted(path.rglob("*.py"))
    assert any(re.search(held if "|" in held else re.escape(held), each.read_text()) for each in texts), place


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ prev_data_interval_start_success }}", "No name tells what became of earlier runs"),
        ("{{ macros.random() }}", "there is no macros.random."),
        ("{{ macros.dateutil }}", "there is no macros.dateutil."),
        ("{{ macros.ds_format_locale(ds, '%Y', '%Y') }}", "macros.ds_format_locale is not there"),
        ("{{ None | ds }}", "AttributeError"),
    ],
)
def test_a_name_that_is_not_there_fails_with_what_to_write(dag_of, tried, template, told):
    dag = dag_of(f'with DAG("d"):\n    PythonOperator(task_id="t", python_callable=print, op_args=[{template!r}])')
    ending = tried(dag, "t", logical_date=NOON)
    assert ending.outcome == "failed"
    assert told in ending.error


def test_what_templates_keep_and_what_is_rendered(dag_of, tried, value):
    dag = dag_of("""
        with DAG("d"):
            def same(*args): return list(args)
            PythonOperator(task_id="t", python_callable=same, op_args=["{{ 1 }}\\n"])
            PythonOperator(task_id="s", python_callable=same, op_args=[{"{{ 2 }}"}, frozenset({"{{ 3 }}"})])
            BashOperator(task_id="b", bash_command="echo 'x  '")
        """)
    assert value(tried(dag, "t")) == ["1\n"]
    assert value(tried(dag, "s")) == [{"2"}, frozenset({"3"})]
    assert value(tried(dag, "b")) == "x  "


def test_values_of_a_try_that_fails_are_dropped(dag_of, tried):
    dag = dag_of("""
        with DAG("d"):
            @task
            def push(ti=None):
                ti.xcom_push("k", 1)
                raise ValueError("no")
            push()
        """)
    assert tried(dag, "push").xcoms == {}


def test_a_branch_keeps_what_it_returned(dag_of, tried, value):
    dag = dag_of("""
        with DAG("d"):
            @task.branch
            def pick(): return "a"
            pick() >> EmptyOperator(task_id="a")
        """)
    assert value(tried(dag, "pick")) == "a"


@pytest.mark.parametrize(
    ("number", "failures", "most"), [(1, 0, 2), (3, 2, 2), (5, 1, 5)], ids=["first", "last", "cleared"]
)
def test_the_number_of_tries_is_that_of_retries_and_of_tries_before_a_clear(number, failures, most):
    task = TaskSpec("t", retry=RetrySpec(retries=2))
    instance = TaskInstance(1, "t", -1, TaskState.RUNNING, try_number=number, failures=failures)
    run = Run(1, "d", "r", RunKind.MANUAL, RunState.RUNNING, "v", NOON)
    facts = facts_of(Dispatch("local", instance, task, run), DagSpec("d", "d.py", (task,)))
    assert facts.max_tries == most


def test_annotated_dicts_are_left_under_their_keys(dag_of, tried, value):
    dag = dag_of("""
        from typing import Mapping, TypedDict
        class Row(TypedDict):
            b: int
        with DAG("d"):
            @task
            def plain() -> dict[str, int]: return {"b": 2}
            @task
            def typed() -> Row: return {"b": 2}
            @task(multiple_outputs=False)
            def off() -> dict: return {"b": 2}
            @task
            def text() -> "dict": return {"b": 2}
            @task
            def listed() -> list[dict]: return [{"b": 2}]
            @task
            def unknown() -> "Nowhere": return {"b": 2}
            plain(), typed(), off(), text(), listed(), unknown()
        """)
    kept = {name: set(tried(dag, name).xcoms) for name in ("plain", "typed", "off", "text", "listed", "unknown")}
    both, one = {"b", "return_value"}, {"return_value"}
    assert kept == {"plain": both, "typed": both, "off": one, "text": both, "listed": one, "unknown": one}


def test_params_are_a_try_s_own(dag_of, tried, value):
    dag = dag_of("""
        with DAG("d"):
            @task
            def add(params=None):
                params["l"].append(1)
                return params["l"]
            add()
        """)
    shared = {"l": []}
    assert [value(tried(dag, "add", params=shared)) for _ in "ab"] == [[1], [1]]


def test_several_instances_values_are_pulled_by_their_numbers(dag_of, tried, value, runtime):
    runtime.xcom = lambda task_id, key, map_index: map_index * 10
    dag = dag_of("""
        with DAG("d"):
            @task
            def use(ti=None): return ti.xcom_pull(task_ids="use", map_indexes=[0, 2])
            use()
        """)
    assert value(tried(dag, "use")) == [0, 20]


def test_as_many_tries_run_at_once_as_there_are_cpus(tmp_path):
    (tmp_path / "penstock.toml").write_text("")
    found = load_settings({}, tmp_path).executor.parallelism
    assert found == len(os.sched_getaffinity(0))
