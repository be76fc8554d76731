"""What authors write, as data."""

import pytest

from penstock.model.dag import Mapping, XComRef, from_json, to_json
from penstock.model.retry import RetrySpec
from penstock.model.state import TriggerRule
from penstock.model.values.content_hashes import content_hash

EDGES = [
    pytest.param("a >> b >> c", {"b": ["a"], "c": ["b"]}, id="chain of tasks"),
    pytest.param("c << b << a", {"b": ["a"], "c": ["b"]}, id="chain backwards"),
    pytest.param("a >> [b, c] >> d", {"b": ["a"], "c": ["a"], "d": ["b", "c"]}, id="a list in a chain"),
    pytest.param("[a, b] >> c", {"c": ["a", "b"]}, id="a list first"),
    pytest.param("d << [a, b]", {"d": ["a", "b"]}, id="a list last"),
    pytest.param("chain(a, [b, c], [d, e])", {"b": ["a"], "c": ["a"], "d": ["b"], "e": ["c"]}, id="chain in pairs"),
    pytest.param("cross_downstream([a, b], [c, d])", {"c": ["a", "b"], "d": ["a", "b"]}, id="each with each"),
    pytest.param("a.set_downstream(b); c.set_upstream([b])", {"b": ["a"], "c": ["b"]}, id="methods"),
    pytest.param("a.output >> b", {"b": ["a"]}, id="a value in a chain"),
]


@pytest.mark.parametrize(("text", "expected"), EDGES)
def test_edges(spec, text, expected):
    dag = spec(f"""
        with DAG("d"):
            a, b, c, d, e = (EmptyOperator(task_id=name) for name in "abcde")
            {text}
        """)
    assert {task.task_id: list(task.upstream) for task in dag.tasks if task.upstream} == expected


def test_each_call_of_a_decorated_function_is_a_group_that_passes_values_on(spec):
    dag = spec("""
        @task
        def clean(x): return x
        @task_group
        def load(rows):
            return clean(clean.override(task_id="read")(rows))
        @task_group(group_id="end", default_args={"retries": 2})
        def finish():
            EmptyOperator(task_id="stop")
        with DAG("d"):
            first = load(1)
            second = load.override(default_args={"retries": 1})(first)
            second >> finish()
        """)
    assert {task.task_id: (list(task.upstream), task.retry.retries) for task in dag.tasks} == {
        "load.read": ([], 0),
        "load.clean": (["load.read"], 0),
        "load__1.read": (["load.clean"], 1),
        "load__1.clean": (["load__1.read"], 1),
        "end.stop": (["load__1.clean"], 2),
    }


def test_a_group_stands_in_a_chain_for_its_first_and_last_tasks_whenever_they_are_added(spec):
    dag = spec("""
        with DAG("d"):
            first, last = EmptyOperator(task_id="first"), EmptyOperator(task_id="last")
            group = TaskGroup("g")
            first >> group >> last
            with group:
                a, b = EmptyOperator(task_id="a"), EmptyOperator(task_id="b")
                a >> b
                with TaskGroup("inner", prefix_group_id=False) as inner:
                    c = EmptyOperator(task_id="c")
                remove = EmptyOperator(task_id="remove").as_teardown(setups=a)
                b >> remove
        """)
    upstream = {task.task_id: list(task.upstream) for task in dag.tasks}
    assert upstream == {
        "first": [],
        "g.a": ["first"],
        "g.b": ["g.a"],
        "c": ["first"],
        "g.remove": ["g.a", "g.b"],
        "last": ["c", "g.b"],
    }
    assert dag.task("g.a").setup
    assert (dag.task("g.remove").teardown, dag.task("g.remove").trigger_rule) == (
        True,
        TriggerRule.ALL_DONE_SETUP_SUCCESS,
    )


def test_every_rule_of_a_task_arrives_in_the_data(spec):
    dag = spec("""
        with DAG("d", default_args={"retries": 2, "owner": "me"}):
            with TaskGroup("g", default_args={"retry_delay": 10}):
                BashOperator(
                    task_id="a", bash_command="echo {{ ds }}", retry_exponential_backoff=True, retry_jitter=0.5,
                    max_retry_delay=timedelta(minutes=1), execution_timeout=timedelta(seconds=90), trigger_rule="one_failed",
                    pool="p", pool_slots=3, priority_weight=-4, queue="q",
                    max_active_tis_per_dagrun=2, max_active_tis_per_dag=3, doc_md="About.",
                )
        """)
    task = dag.task("g.a")
    assert task.retry == RetrySpec(2, 10.0, 2.0, 60.0, 0.5)
    assert (task.pool, task.pool_slots, task.priority_weight, task.queue) == ("p", 3, -4, "q")
    assert (task.execution_timeout_s, task.trigger_rule) == (90.0, "one_failed")
    assert (task.max_active_per_dag, task.max_active_per_run) == (3, 2)
    assert (task.templated, task.doc, task.operator) == (True, "About.", "penstock.author.operators.bash:BashOperator")


def test_the_weight_rule_of_each_task_makes_its_priority(spec):
    dag = spec("""
        with DAG("d", default_args={"weight_rule": "downstream", "priority_weight": 2}):
            a, b, c = (EmptyOperator(task_id=each) for each in "abc")
            d = EmptyOperator(task_id="d", weight_rule=WeightRule.UPSTREAM)
            e = EmptyOperator(task_id="e", weight_rule="absolute", priority_weight=7)
            a >> [b, c] >> d >> e
        """)
    assert {task.task_id: task.priority_weight for task in dag.tasks} == {"a": 15, "b": 11, "c": 11, "d": 8, "e": 7}


@pytest.mark.parametrize(
    ("arguments", "jitter"),
    [
        ("", 0.0),
        ("retry_exponential_backoff=True", 0.5),
        ("retry_exponential_backoff=1.5", 0.5),
        ("retry_exponential_backoff=1", 0.0),
        ("retry_exponential_backoff=True, retry_jitter=0", 0.0),
        ("retry_jitter=0.2", 0.2),
    ],
)
def test_a_pause_that_grows_is_spread_unless_the_author_says_otherwise(spec, arguments, jitter):
    dag = spec(f"""
        with DAG("d"):
            EmptyOperator(task_id="a", {arguments})
        """)
    assert dag.task("a").retry.jitter == jitter


@pytest.mark.parametrize(
    ("arguments", "kind", "crons", "zone"),
    [
        pytest.param('schedule="@hourly"', "cron", ("0 * * * *",), "UTC", id="preset"),
        pytest.param(
            'schedule="0 6 * * 1-5", timezone="Europe/Berlin"', "cron", ("0 6 * * 1-5",), "Europe/Berlin", id="zone"
        ),
        pytest.param('schedule=Cron(["@daily", "0 6 * * *"])', "cron", ("0 0 * * *", "0 6 * * *"), "UTC", id="several"),
        pytest.param(
            'schedule=Cron("@daily", timezone="Asia/Tokyo")', "cron", ("0 0 * * *",), "Asia/Tokyo", id="own zone"
        ),
        pytest.param('schedule="0 0 * * 6-1"', "cron", ("0 0 * * 6,0,1",), "UTC", id="over the end of the week"),
        pytest.param('schedule="0 0 * * FRI-MON,3"', "cron", ("0 0 * * 5,6,0,1,3",), "UTC", id="names of days"),
        pytest.param('schedule="0 0 ? * 7-2/2"', "cron", ("0 0 * * 0,2",), "UTC", id="days of Quartz"),
        pytest.param('schedule=CronTrigger("@daily")', "cron", ("0 0 * * *",), "UTC", id="trigger"),
        pytest.param(
            'schedule=CronTrigger("@daily", gap="skip", doubled="both")', "cron", ("0 0 * * *",), "UTC", id="policy"
        ),
        pytest.param('schedule=AnyOf("@daily", timedelta(hours=2), Dates([START]))', "union", (), "UTC", id="union"),
        pytest.param("schedule=timedelta(hours=2)", "interval", (), "UTC", id="timedelta"),
        pytest.param("schedule=Interval(timedelta(hours=2))", "interval", (), "UTC", id="interval"),
        pytest.param('schedule="@once"', "once", (), "UTC", id="once"),
        pytest.param("schedule=Dates([START])", "dates", (), "UTC", id="dates"),
        pytest.param("schedule=None", "none", (), "UTC", id="none"),
    ],
)
def test_what_may_be_written_as_schedule(spec, arguments, kind, crons, zone):
    dag = spec(f'DAG("d", start_date=START, {arguments})')
    assert (dag.schedule.kind, dag.schedule.crons, dag.schedule.timezone) == (kind, crons, zone)


def test_a_union_makes_intervals_if_all_of_its_parts_do(spec):
    dag = spec('DAG("d", schedule=AnyOf(Cron("@daily", timezone="Asia/Tokyo"), timedelta(hours=5)))')
    assert ([part.kind for part in dag.schedule.parts], dag.schedule.spans) == (["cron", "interval"], True)
    assert dag.schedule.text == "@daily | every 5:00:00"
    assert not spec('DAG("d", schedule=AnyOf(Cron("@daily"), CronTrigger("@hourly")))').schedule.spans


# What is written, and whether runs of the past are caught up, and within how many seconds.
CATCHUP = {
    "True": (True, None),
    "'all'": (True, None),
    "False": (False, None),
    "'latest'": (False, None),
    "'none'": (True, 0.0),
    "timedelta(hours=6)": (True, 21600.0),
}


@pytest.mark.parametrize(("written", "expected"), CATCHUP.items(), ids=CATCHUP)
def test_what_may_be_written_as_catchup(spec, written, expected):
    dag = spec(f'DAG("d", schedule="@daily", start_date=START, catchup={written})')
    assert (dag.catchup, dag.catchup_window_s) == expected


def test_what_limits_the_runs_of_a_dag_arrives_in_the_data(spec):
    dag = spec('DAG("d", overlap="queue_latest", dagrun_timeout=timedelta(minutes=2))')
    assert (dag.overlap, dag.run_timeout_s) == ("queue_latest", 120.0)
    assert spec('DAG("d", dagrun_timeout=90)').run_timeout_s == 90.0


def test_a_date_without_a_zone_is_read_in_the_zone_that_the_dag_names(spec):
    dag = spec('DAG("d", start_date=datetime(2026, 7, 1), timezone="Europe/Berlin")')
    assert dag.start_date.isoformat() == "2026-06-30T22:00:00+00:00"


def test_values_and_mappings_become_references(spec):
    dag = spec("""
        with DAG("d"):
            @task
            def numbers(): return {"k": [1, 2]}
            @task
            def add(x, y, z): return x + y
            @task
            def total(values): return sum(values)
            found = numbers()
            total(add.partial(z=found).expand(x=found["k"], y=[10, 20, 30]))
            total(found)
        """)
    add = dag.task("add")
    assert add.mapped == (Mapping("x", source=XComRef("numbers", "k")), Mapping("y", length=3))
    assert (add.inputs, add.upstream) == ((XComRef("numbers"),), ("numbers",))
    assert dag.task("total").inputs == (XComRef("add"),)
    assert dag.task("total__1").inputs == (XComRef("numbers"),)


def test_equal_dags_have_equal_json_whatever_the_order_of_their_edges(spec):
    head = 'with DAG("d", tags=["b", "a"]):\n    a, b, c = (EmptyOperator(task_id=x) for x in "abc")\n    '
    texts = [head + "a >> c; b >> c", head + "b >> c; a >> c"]
    assert len({content_hash(to_json(spec(text))) for text in texts}) == 1


def test_params_stand_in_their_authors_order_and_all_else_of_a_dag_in_one(spec):
    text = """
        with DAG("d", params={"zone": {"y": 1, "a": 2}, "a": 1, "Q": 2.5}):
            EmptyOperator(task_id="t", params={"b": 1, "a": None})
        """
    first, other = spec(text), spec(text.replace('{"y": 1, "a": 2}', '{"a": 2, "y": 1}'))
    stored = from_json(to_json(first))
    assert (list(stored.params), list(stored.tasks[0].params)) == (["zone", "a", "Q"], ["b", "a"])
    assert to_json(first) == to_json(other) == to_json(stored), "the order of what a value holds means nothing"
    assert to_json(spec(text.replace('"a": 1, "Q": 2.5', '"Q": 2.5,  "a": 1'))) != to_json(first)


def test_a_decorated_function_builds_a_dag_with_its_arguments_as_parameters(spec):
    dag = spec('''
        @dag(schedule="@daily", start_date=START)
        def report(region="eu", limit=5):
            """Reports."""
            BashOperator(task_id="a", bash_command=f"echo {region}")
        report(limit=6)
        ''')
    assert (dag.dag_id, dag.doc) == ("report", "Reports.")
    assert {name: param.default for name, param in dag.params.items()} == {"region": "eu", "limit": 6}
    assert dag.task("a").templated


def test_dags_of_another_file_that_is_imported_are_not_this_files_own(built, tmp_path):
    (tmp_path / "other.py").write_text(
        "from penstock import DAG\nDAG('theirs')\ndef make(name):\n    return DAG(name)\n"
    )
    result = built("import other\nother.make('ours')\n")
    assert [dag.dag_id for dag in result.dags] == ["ours"]


def test_the_shortest_refresh_interval_counts(imported):
    assert imported("refresh_every(timedelta(minutes=5))\nrefresh_every(60)").refresh_s == 60
