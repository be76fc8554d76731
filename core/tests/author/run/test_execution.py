# ruff: noqa: E501 - tables read better with a case a line
"""Tries of tasks in this process: inputs in, values and verdicts out."""

import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.author.operators.bash import CommandFailedError
from penstock.author.run.execution import element_indexes, prepare, run_try
from penstock.author.run.failed import failed
from penstock.model.attempt import TryFacts, TryInputs
from penstock.model.connection import Connection
from penstock.model.values.value import encode

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DATED = {"logical_date": NOON, "interval_start": NOON, "interval_end": NOON + timedelta(hours=1)}


def test_a_function_gets_its_arguments_and_the_names_of_the_context_that_it_asks_for(dag_of, tried, value):
    dag = dag_of("""
        with DAG("d"):
            @task
            def one(): return 1
            @task
            def two(x, y, ds, params, ti=None, **context): return [x, y, ds, params["p"], ti.task_id, context["run_id"]]
            two(one(), y=["{{ ts_nodash }}"])
        """)
    ending = tried(dag, "two", values={"one": {"return_value": 7}}, params={"p": 3}, **DATED)
    assert value(ending) == [7, ["20260301T120000"], "2026-03-01", 3, "two", "r1"]


def test_a_name_that_the_run_does_not_have_leaves_a_default_alone_and_is_an_error_without_one(dag_of, tried, value):
    dag = dag_of("""
        with DAG("d"):
            @task
            def lenient(ds="none"): return ds
            @task
            def strict(ds): return ds
            lenient(), strict()
        """)
    assert value(tried(dag, "lenient")) == "none"
    ending = tried(dag, "strict")
    assert ending.outcome == "failed"
    assert "'ds' needs a logical date, and run 'r1' has none" in ending.error


MAPPED = """
    with DAG("d"):
        @task
        def source(): return [1, 2]
        @task
        def pair(x, y, z=0): return [x, y, z]
        pair.partial(z="{{ params.z }}").expand(x=source(), y={"a": 10, "b": 20, "c": 30})
        @task
        def named(a, b=2): return [a, b]
        named.expand_kwargs([{"a": 1}, {"a": 3, "b": 4}])
        BashOperator.partial(task_id="bash").expand(bash_command=["echo one", "echo {{ params.z }}"])
    """


@pytest.mark.parametrize("index", range(6))
def test_several_mapped_arguments_make_the_cross_product_with_the_last_varying_fastest(dag_of, tried, value, index):
    elements = {"x": [1, 2][index // 3]}
    ending = tried(dag_of(MAPPED), "pair", elements=elements, lengths={"x": 2}, map_index=index, params={"z": 9})
    assert value(ending) == [[1, 2][index // 3], [("a", 10), ("b", 20), ("c", 30)][index % 3], "9"]


def test_mapped_dicts_of_arguments_and_mapped_operators(dag_of, tried, value):
    dag = dag_of(MAPPED)
    assert value(tried(dag, "named", map_index=0)) == [1, 2]
    assert value(tried(dag, "named", map_index=1)) == [3, 4]
    assert value(tried(dag, "bash", map_index=1, params={"z": 9})) == "9"


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.data())
def test_each_map_index_stands_for_one_combination(lengths, data):
    total = 1
    for length in lengths:
        total *= length
    all_of_them = [element_indexes(index, lengths) for index in range(total)]
    assert all_of_them == sorted(set(all_of_them))
    with pytest.raises(IndexError):
        element_indexes(total + data.draw(st.integers(0, 9)), lengths)


def test_what_another_task_left_is_never_read_as_a_template(dag_of, tried, value):
    dag = dag_of("""
        with DAG("d"):
            @task
            def risky(): return "{{ conn.secret }}"
            @task
            def echo(x): return x
            echo(risky())
            echo.override(task_id="m").expand(x=risky())
        """)
    assert value(tried(dag, "echo", values={"risky": {"return_value": "{{ 1 + 1 }}"}})) == "{{ 1 + 1 }}"
    assert value(tried(dag, "m", map_index=0, elements={"x": "{{ 1 + 1 }}"})) == "{{ 1 + 1 }}"


def test_values_are_left_under_their_keys(dag_of, tried, value):
    dag = dag_of("""
        with DAG("d"):
            @task(multiple_outputs=True)
            def several(): return {"a": 1, "b": [1, 2, 3]}
            @task(multiple_outputs=True)
            def nothing(): pass
            @task
            def one(ti):
                ti.xcom_push("pushed", {"k": 1})
                return {"x": 1, "y": 2}
            BashOperator(task_id="t", bash_command=f"echo {one()['x']}")
            several()
            nothing()
        """)
    assert tried(dag, "nothing").xcoms == {}
    ending = tried(dag, "several")
    assert (value(ending, "a"), value(ending, "b"), ending.xcoms["b"].length) == (1, [1, 2, 3], 3)
    ending = tried(dag, "one")
    assert sorted(ending.xcoms) == ["pushed", "return_value", "x"]
    assert value(tried(dag, "t", values={"one": {"x": 42}})) == "42"


VERDICTS = [
    pytest.param("raise SkipTask('not today')", "skipped", True, "not today", id="skip"),
    pytest.param("raise FailTask('for good')", "failed", False, "for good", id="fail for good"),
    pytest.param("raise ValueError('oops')", "failed", True, "ValueError: oops", id="exception"),
    pytest.param("raise SystemExit(3)", "failed", True, "sys.exit(3)", id="exit"),
    pytest.param("return object()", "failed", False, "a builtins.object has no JSON form", id="no JSON"),
    pytest.param("return {'a': [1, {2j}]}", "failed", False, "a builtins.complex at ['a'][1] element", id="deep no JSON"),
    pytest.param(
        "from penstock.errors import ProviderError, ErrorKind\n"
        "    raise ProviderError('no', service='s3', operation='Get', kind=ErrorKind.AUTH)",
        "failed", False, "s3 Get: no", id="final provider error",
    ),
    pytest.param(
        "from penstock.errors import ProviderError, ErrorKind\n"
        "    raise ProviderError('no', service='s3', operation='Get', kind=ErrorKind.TRANSIENT)",
        "failed", True, "s3 Get: no", id="transient provider error",
    ),
    pytest.param("from penstock.errors import TaskCancelled\n    raise TaskCancelled()", "cancelled", True, "", id="cancelled"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "outcome", "retryable", "error"), VERDICTS)
def test_what_a_task_raises_is_its_verdict(dag_of, tried, body, outcome, retryable, error):
    dag = dag_of(f"@task\ndef f():\n    {body}\nwith DAG('d'):\n    f()\n")
    ending = tried(dag, "f")
    assert (ending.outcome, ending.retryable) == (outcome, retryable)
    assert error in ending.error


def test_a_traceback_starts_at_the_authors_frame(dag_of, tried):
    ending = tried(dag_of("@task\ndef f():\n    return 1 / 0\nwith DAG('d'):\n    f()\n"), "f")
    assert "return 1 / 0" in ending.error
    assert "penstock/author" not in ending.error


BRANCHES = [
    pytest.param("'a'", ("a",), id="one"),
    pytest.param("{'b', 'a'}", ("a", "b"), id="several"),
    pytest.param("None", (), id="none"),
    pytest.param("'g'", ("g",), id="a group, whose tasks the engine knows"),
    pytest.param("5", "and it returned 5", id="no id"),
    pytest.param("['a', a]", "a branch returns the id of a task", id="a task"),
    pytest.param("list(range(1000))", "and it returned [0, 1, 2", id="many numbers"),
]


@pytest.mark.parametrize(("chosen", "said"), BRANCHES)
def test_a_branch_says_which_tasks_go_on(dag_of, tried, chosen, said):
    dag = dag_of(f"""
        with DAG("d"):
            @task.branch
            def choose(): return {chosen}
            a = EmptyOperator(task_id="a")
            choose() >> a
        """)
    ending = tried(dag, "choose")
    if isinstance(said, tuple):
        assert ending.follow == said
    else:
        assert said in ending.error
        assert len(ending.error) < 500


@pytest.mark.parametrize(
    ("options", "answer", "skip"), [("", 0, "all"), ("ignore_downstream_trigger_rules=False", 0, "direct"), ("", 1, "")]
)
def test_a_short_circuit_skips_what_is_downstream(dag_of, tried, options, answer, skip):
    dag = dag_of(f"with DAG('d'):\n    @task.short_circuit({options})\n    def f(): return {answer}\n    f()\n")
    assert tried(dag, "f").skip_downstream == skip


TEMPLATES = [
    pytest.param("{{ ds }} {{ ds_nodash }} {{ ts }}", "2026-03-01 20260301 2026-03-01T12:00:00+00:00", id="dates"),
    pytest.param("{{ data_interval_end.hour }} {{ logical_date | ds }}", "13 2026-03-01", id="interval and filter"),
    pytest.param("{{ macros.ds_add(ds, -1) }} {{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.') }}", "2026-02-28 01.03.", id="macros"),
    pytest.param("{{ var.value.city }} {{ var.json.limits.a }} {{ var.value.get('no', 'x') }}", "Rome 5 x", id="variables"),
    pytest.param("{{ conn.db.host }} {{ params.p }} {{ run_id }} {{ dag_run.conf.c }}", "db.local 3 r1 4", id="connection"),
    pytest.param("{{ conn.db.extra_dejson.zone }}", "eu", id="Airflow's name of extra"),
    pytest.param("{{ ti.xcom_pull('up') }} {{ dag.dag_id }} {{ task.task_id }} {{ ti.try_number }}", "7 d t 1", id="ti"),
    pytest.param("{{ prev_ds }} {{ next_ds }} {{ shout('a') }} {{ 'b' | twice }}", "2026-02-28 2026-03-02 A! bb", id="own"),
    pytest.param("{{ range(2) | list }}", "[0, 1]", id="functions of Jinja"),
    pytest.param("{{ dss }}", "template field 'op_args': the name 'dss' does not exist. Did you mean 'ds'?", id="unknown"),
    pytest.param("{{ params.nope }}", "field 'op_args': there is no params.nope.", id="unknown parameter"),
    pytest.param("{{ macros.nope(ds) }}", "there is no macros.nope.", id="unknown macro"),
    pytest.param("{{ 1 / 0 }}", "ZeroDivisionError: division by zero", id="an error of the template's own"),
    pytest.param("{% do [].append(1) %}", "unsafe", id="a list is not changed"),
    pytest.param("{% do params.get('p') %}{{ macros.time.gmtime(0).tm_year }}", "1970", id="do, and the module time"),
    pytest.param("{{ execution_date }}", "does not exist. Its name is logical_date.", id="a name of Airflow 2"),
    pytest.param("{{ ti.max_tries }} {{ dag.owner }} {{ task.retries }} {{ dag_run.run_after.hour }}", "0  0 13", id="what can be asked"),
    pytest.param("{{ ti.operator }} {{ ti.state }} {{ ti.get_dagrun().run_id }} {{ ti.logical_date.hour }} {{ ti.task.task_id }}", "PythonOperator running r1 12 t", id="of the try"),
    pytest.param("{{ dag_run.state }} {{ dag_run.external_trigger }} {{ ti.dag_run.run_type }}", "running True manual", id="of the run"),
    pytest.param("{{ ti.xcom_pull('t', dag_id='other') }}", "xcom_pull() gives values of the same run alone", id="other DAG"),
    pytest.param("{{ ''.__class__.__mro__ }}", "unsafe", id="sandbox"),
    pytest.param("{{ var.value.nope }}", "no Variable is named 'nope'", id="unknown variable"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "attribute", "said"),
    [
        pytest.param("ti", "logical_dat", "ti has no 'logical_dat'. Did you mean 'logical_date'?", id="a slip"),
        pytest.param("ti", "queued_dttm", "ti has no 'queued_dttm'. It has dag_id, ", id="what is not there"),
        pytest.param("dag_run", "get_state", "dag_run has no 'get_state'. ", id="of the run"),
    ],
)
def test_what_a_try_or_its_run_does_not_have_is_named_with_what_there_is(dag_of, tried, name, attribute, said):
    dag = dag_of(f"""
        @task
        def ask(**context):
            context["ti"].log.info("asks")
            return context[{name!r}].{attribute}
        with DAG("d"):
            ask()
        """)
    assert said in tried(dag, "ask").error


@pytest.mark.parametrize(("template", "expected"), TEMPLATES)
def test_templates(dag_of, tried, runtime, template, expected):
    runtime.variables |= {"city": "Rome", "limits": '{"a": 5}'}
    runtime.connections["db"] = Connection("db", "x", host="db.local", extra={"zone": "eu"})
    dag = dag_of(f"""
        options = {{"user_defined_macros": {{"shout": lambda x: x.upper() + "!"}}, "user_defined_filters": {{"twice": lambda x: x * 2}}}}
        with DAG("d", schedule="0 12 * * *", start_date=START, **options):
            EmptyOperator(task_id="up") >> PythonOperator(task_id="t", python_callable=str, op_args=[{template!r}])
        """)
    facts = {**DATED, "logical_date": NOON, "params": {"p": 3}, "conf": {"c": 4}}
    ending = tried(dag, "t", values={"up": {"return_value": 7}}, **facts)
    found = ending.error or ending.xcoms["return_value"].json.decode()
    assert expected in found


NATIVE = {
    "a list": ("{{ ['a', params.p] }}", ["a", 3]),
    "a dict": ("{{ params }}", {"p": 3}),
    "a number as text": ("1{{ params.p }}", 13),
    "text": ("a {{ params.p }}", "a 3"),
    "a value of a task": ("{{ ti.xcom_pull('up') }}", [7]),
    "a day stays text": ("{{ ds }}", "2026-02-28"),
    "within others": (["{{ params.p }}", "x"], [3, "x"]),
    "no template": ("[1]", "[1]"),
}


@pytest.mark.parametrize(("template", "expected"), NATIVE.values(), ids=NATIVE)
def test_templates_give_values_if_the_dag_says_so(dag_of, tried, value, template, expected):
    dag = dag_of(f"""
        with DAG("d", schedule="0 12 * * *", start_date=START, render_template_as_native_obj=True):
            def same(given): return given
            EmptyOperator(task_id="up") >> PythonOperator(task_id="t", python_callable=same, op_args=[{template!r}])
            PythonOperator(task_id="unsafe", python_callable=same, op_args=["{{{{ [].append(1) }}}}"])
        """)
    facts = {**DATED, "logical_date": NOON - timedelta(days=1), "params": {"p": 3}, "native_templates": True}
    assert value(tried(dag, "t", values={"up": {"return_value": [7]}}, **facts)) == expected
    assert "unsafe" in tried(dag, "unsafe", **facts).error


def test_a_task_renders_templates_of_its_own_while_it_is_tried(dag_of, tried, value):
    dag = dag_of("""
        with DAG("d"):
            @task
            def f(task, params, **context):
                return task.render_template(["{{ run_id }}", {"p": "{{ params.p }}"}], get_current_context())
            @task
            def g(task):
                return task.render_template("{{ nothing }}", get_current_context())
            f(), g()
        """)
    assert value(tried(dag, "f", params={"p": 3})) == ["r1", {"p": "3"}]
    assert "the name 'nothing' does not exist" in tried(dag, "g").error


def test_template_files_are_read_beside_the_dag_file(dag_of, tried, value, tmp_path):
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "run.sh").write_text("echo {{ params.p }}\n")
    dag = dag_of("""
        with DAG("d", template_searchpath="sql"):
            BashOperator(task_id="found", bash_command="run.sh")
            BashOperator(task_id="lost", bash_command="nope.sh")
        """)
    assert value(tried(dag, "found", params={"p": 5})) == "5"
    assert "names the file 'nope.sh', which is not in" in tried(dag, "lost").error


def test_a_rendered_try_leaves_the_operator_of_the_dag_as_it_was(dag_of, tried, value):
    dag = dag_of('with DAG("d"):\n    BashOperator(task_id="t", bash_command="echo {{ params.p }}")\n')
    assert [value(tried(dag, "t", params={"p": each})) for each in (1, 2)] == ["1", "2"]


RENDERED = {
    "text": ("{{ params.p }}\nx", "a", {"what": "a\nx"}),
    "no template": ("plain", "a", {}),
    "within others": (["{{ params.p }}", {"a": 1}], "a", {"what": "['a', {'a': 1}]"}),
    "long": ("{{ params.p * 20000 }}", "a", {"what": "a" * 9_997 + "..."}),
    "half a character": ("{{ params.p }}", "\ud800", {"what": "\ufffd"}),
}


@pytest.mark.parametrize(("template", "given", "shown"), RENDERED.values(), ids=RENDERED)
def test_what_templates_had_become_is_told_with_the_end(dag_of, tried, template, given, shown):
    dag = dag_of(f"""
        class Shows(Operator):
            template_fields = ("what",)

            def __init__(self, *, what, **kwargs):
                super().__init__(**kwargs)
                self.what = what

            def execute(self, context):
                raise ValueError

        with DAG("d"):
            Shows(task_id="t", what={template!r})
        """)
    assert tried(dag, "t", params={"p": given}).rendered == shown


COMMANDS = [
    pytest.param("echo one; echo two", "success", "two", id="last line"),
    pytest.param("exit 99", "skipped", "exit code 99", id="skip"),
    pytest.param("exit 3", "failed", "ended with exit code 3", id="exit code"),
    pytest.param("kill -SEGV $$", "failed", "ended by SIGSEGV", id="signal"),
    pytest.param("printf '\\xff\\n'", "success", "\ufffd", id="undecodable"),
]


@pytest.mark.parametrize(("command", "outcome", "found"), COMMANDS)
def test_commands(dag_of, tried, value, command, outcome, found):
    ending = tried(dag_of(f"with DAG('d'):\n    BashOperator(task_id='t', bash_command={command!r})\n"), "t")
    assert ending.outcome == outcome
    assert found in (ending.error or value(ending))


def test_a_command_has_the_environment_and_folder_it_was_given(dag_of, tried, value, tmp_path):
    dag = dag_of(f"""
        with DAG("d"):
            BashOperator(task_id="t", bash_command="echo $A $(pwd)", env={{"A": "{{{{ params.p }}}}"}}, append_env=True, cwd={str(tmp_path)!r})
            BashOperator(task_id="lost", bash_command="true", cwd="/nowhere")
            @task.bash(env={{"PATH": "/usr/bin:/bin", "B": "b"}})
            def made(x): return "echo $B " + x
            made("{{{{ params.p }}}}")
            BashOperator(task_id="read", bash_command="echo x; echo '[1, 2]'", output_processor=len)
        """)
    assert value(tried(dag, "read")) == len("[1, 2]")
    assert value(tried(dag, "t", params={"p": 1})) == f"1 {tmp_path}"
    made = tried(dag, "made", params={"p": 1})
    assert (value(made), made.rendered["bash_command"]) == ("b 1", "echo $B 1")
    assert "cwd='/nowhere' does not exist" in tried(dag, "lost").error


SENSOR = """
    seen = []
    class Ready(Sensor):
        template_fields = ("what",)
        def __init__(self, *, what, **kwargs):
            super().__init__(**kwargs)
            self.what = what
        def poke(self, context):
            seen.append(self.what)
            return PokeResult(len(seen) == 3, {"what": self.what})
    class Later(Ready):
        async def poke(self, context):
            return context["ds"] == "never"
    with DAG("d"):
        Ready(task_id="a", what="{{ params.p }}", poke_interval=5)
        Ready(task_id="b", what="{{ params.p }}", timeout=12)
        Later(task_id="c", what="x", timeout=12, poke_interval=5, soft_fail=True)
        @task.sensor(poke_interval=1)
        def d(): return True
        d()
    """


class Pauses:
    def __init__(self):
        self.waited = 0.0

    def __call__(self, seconds):
        self.waited += seconds
        return self.waited


def test_a_sensor_pokes_until_it_is_so_and_leaves_its_value(dag_of, runtime, value):
    dag, pauses = dag_of(SENSOR), Pauses()
    ending = run_try(dag.get_task("a"), TryFacts("d", "r", "a", params={"p": 1}), TryInputs(), runtime, pause=pauses)
    assert (value(ending), pauses.waited) == ({"what": "1"}, 10.0)


def test_a_sensor_gives_up_in_time_and_may_count_as_skipped(dag_of, runtime):
    dag = dag_of(SENSOR)
    ending = run_try(
        dag.get_task("c"), TryFacts("d", "r", "c", logical_date=NOON), TryInputs(), runtime, pause=Pauses()
    )
    assert (ending.outcome, ending.error) == (
        "skipped",
        "task 'c' waited 15 s and gave up: the condition did not come true (what = 'x').",
    )
    assert run_try(dag.get_task("d"), TryFacts("d", "r", "d"), TryInputs(), runtime).outcome == "success"


def test_what_an_error_says_on_several_lines_is_one_line_of_a_list_and_whole_in_the_log():
    ending = failed(ValueError("2 rows were refused:\n  a.csv, line 3: no number\n  a.csv, line 9: too long"))
    first, rest = ending.error.split("\n", 1)
    assert first == "ValueError: 2 rows were refused: a.csv, line 3: no number a.csv, line 9: too long"
    assert "  a.csv, line 9: too long" in rest


def test_equal_pokes_share_a_key_unless_they_read_their_context(dag_of, runtime):
    dag = dag_of(SENSOR)
    one, other, third = (
        prepare(dag.get_task(task_id), TryFacts("d", "r", task_id, params={"p": p}), TryInputs(), runtime)
        for task_id, p in ("a1", "b1", "a2")
    )
    assert one.task.poke_key() == other.task.poke_key() != third.task.poke_key()
    assert prepare(dag.get_task("d"), TryFacts("d", "r", "d"), TryInputs(), runtime).task.poke_key() is None
    one.poke()
    assert not one.context.was_read


def test_a_triggered_run_has_one_id_however_often_it_is_asked_for(dag_of, tried, runtime, value):
    dag = dag_of("""
        with DAG("d"):
            TriggerDagRunOperator(task_id="t", trigger_dag_id="other", conf={"ds": "{{ ds }}"}, logical_date="{{ ts }}")
            TriggerDagRunOperator(task_id="w", trigger_dag_id="other", wait_for_completion=True, failed_states=["failed"])
        """)
    first, second = tried(dag, "t", **DATED), tried(dag, "t", try_number=2, **DATED)
    assert value(first) == value(second) == "triggered__d__r1__t"
    assert runtime.triggered[0] == ("other", "triggered__d__r1__t", {"ds": "2026-03-01"}, "2026-03-01T12:00:00+00:00")
    tried(dag, "w")
    assert runtime.triggered[-1][3] == "now"
    runtime.states["triggered__d__r1__w"] = "failed"
    assert "run 'triggered__d__r1__w' of DAG 'other' ended failed" in tried(dag, "w").error


EXISTING = {
    "it is taken as its own": ("", "success", 1, 0),
    "it runs again": ("reset_dag_run=True", "success", 0, 1),
    "the task is skipped": ("skip_when_already_exists=True", "skipped", 0, 0),
    "a reset goes before a skip": ("reset_dag_run=True, skip_when_already_exists=True", "success", 0, 1),
    "Airflow's defaults": (
        "fail_when_dag_is_paused=False, deferrable=True, allowed_states=None, failed_states=None",
        "success",
        1,
        0,
    ),
    "Airflow's other defaults": ("reset_dag_run=False, skip_when_already_exists=False", "success", 1, 0),
}


@pytest.mark.parametrize(("arguments", "outcome", "triggered", "cleared"), EXISTING.values(), ids=EXISTING)
def test_what_becomes_of_a_run_that_exists_is_chosen(dag_of, tried, runtime, arguments, outcome, triggered, cleared):
    dag = dag_of(
        f'with DAG("d"): TriggerDagRunOperator(task_id="t", trigger_dag_id="e", trigger_run_id="r", {arguments})'
    )
    runtime.states["r"] = "failed"
    ending = tried(dag, "t")
    assert (ending.outcome, len(runtime.triggered), len(runtime.cleared)) == (outcome, triggered, cleared)
    if outcome == "skipped":
        assert ending.error == "run 'r' of DAG 'e' exists already"


@pytest.mark.parametrize("exists", [False, True])
def test_a_task_that_is_tried_again_neither_clears_its_run_again_nor_skips_it(dag_of, tried, runtime, exists):
    choices = "reset_dag_run=True, skip_when_already_exists=True, wait_for_completion=True"
    dag = dag_of(
        f'with DAG("d"): TriggerDagRunOperator(task_id="t", trigger_dag_id="e", trigger_run_id="r", {choices})'
    )
    if exists:
        runtime.states["r"] = "failed"
    runtime.states |= {"r": "running"} if exists else {}
    tried(dag, "t")
    runtime.states["r"] = "success"
    assert tried(dag, "t").outcome == "success"
    assert (runtime.cleared, len(runtime.triggered)) == (["r"], 1) if exists else ([], 2)


def test_a_cancelled_command_takes_its_children_with_it(dag_of, runtime, tmp_path):
    flag = tmp_path / "flag"
    command = f"(sleep 30; echo late) & echo $! > {flag}.tmp; mv {flag}.tmp {flag}; wait"
    task = dag_of(f"with DAG('d'):\n    BashOperator(task_id='t', bash_command={command!r})\n").get_task("t")
    thread = threading.Thread(target=_ended_by_sigterm, args=(task,))
    thread.start()
    while not flag.exists():
        time.sleep(0.01)
    task.on_kill()
    thread.join(60)
    assert not thread.is_alive()
    pid = int(flag.read_text())
    deadline = time.monotonic() + 60
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _alive(pid)


def _ended_by_sigterm(task):
    with pytest.raises(CommandFailedError, match="SIGTERM"):
        task.execute(None)


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_encoded_inputs_keep_their_types(dag_of, tried, value):
    dag = dag_of("""
        with DAG("d"):
            @task
            def one(): ...
            @task
            def two(x): return x
            two(one())
        """)
    for each in (NOON, Decimal("1.50"), {1, 2}, (1, "a"), b"\x00", {1: 2}, timedelta(days=1), NOON.date()):
        assert value(tried(dag, "two", values={"one": {"return_value": each}})) == each
    assert encode(None) == b"null"
