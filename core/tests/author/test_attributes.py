"""Attributes of DAGs and tasks: those of the author's own never touch the graph, those set later count or are refused."""

import pytest

from penstock.author.construct.task_rules import TaskRules
from penstock.author.operator import Operator
from penstock.author.sensor import Sensor

NAMES = [
    "teardown", "setup", "upstream", "downstream", "rules", "inputs", "node", "label", "edges", "problems", "site",
    "arguments", "children", "params", "hook", "conn_id", "wanted_keys", "tasks", "group", "schedule", "test",
    "cls", "partial_arguments", "mapped", "policy",
]  # fmt: skip


def test_an_operator_s_own_attributes_have_any_name_that_is_not_listed_as_taken(dag_of, tried, value):
    dag = dag_of(f"""
        NAMES = {NAMES}
        class Own(Operator):
            def __init__(self, *, given, **kwargs):
                for name in NAMES:
                    setattr(self, name, ["before"])
                super().__init__(**kwargs)
                for name in NAMES:
                    setattr(self, name, given)
            def execute(self, context):
                return [getattr(self, name) for name in NAMES]
        with DAG("d"):
            first = EmptyOperator(task_id="first")
            own = Own(task_id="own", given=["x"])
            first >> own >> EmptyOperator(task_id="last")
        """)
    assert value(tried(dag, "own")) == [["x"]] * len(NAMES)
    assert (dag.get_task("own").upstream_task_ids, dag.get_task("own").downstream_task_ids) == ({"first"}, {"last"})


TAKEN = sorted(
    {name for cls in (Operator, Sensor) for base in cls.__mro__ for name, found in vars(base).items()
     if not name.startswith("__") and (hasattr(found, "__code__") or (isinstance(found, property) and not found.fset))}
    | {"_site", "_arguments", "_changes", "_complete", "_node"}
)  # fmt: skip


def test_a_name_that_is_taken_is_refused_at_its_line(complained):
    setting = [f"        self.{name} = 1" for name in TAKEN]
    text = ["class Own(Sensor):", "    def __init__(self, **kwargs):", *setting, "        super().__init__(**kwargs)"]
    text += ['with DAG("d"):', '    Own(task_id="own")']
    complained(
        "\n".join(text),
        {line: [f"sets its attribute {name!r}. The name is taken by Penstock"] for line, name in enumerate(TAKEN, 3)},
    )


def test_a_class_that_defines_a_taken_name_is_refused_and_what_is_meant_to_be_overridden_is_not(complained):
    complained(
        """
        class Own(Operator):
            _nodes = ["a", "b"]
            execute = None
        class Good(Sensor):
            template_fields = ("own",)
            waits = True
            def poke(self, context): return True
            def poke_key(self): return None
            def on_kill(self): pass
        """,
        {1: ["class Own defines '_nodes'. The name is taken by Penstock"]},
    )


LATER = {
    "retries": (2, lambda task: task.retry.retries),
    "retry_delay": (7, lambda task: task.retry.delay_s),
    "retry_exponential_backoff": (3.0, lambda task: task.retry.backoff),
    "max_retry_delay": (60, lambda task: task.retry.max_delay_s),
    "retry_jitter": (0.5, lambda task: task.retry.jitter),
    "execution_timeout": (9, lambda task: task.execution_timeout_s),
    "trigger_rule": ("all_done", lambda task: task.trigger_rule),
    "pool": ("own", lambda task: task.pool),
    "pool_slots": (2, lambda task: task.pool_slots),
    "priority_weight": (5, lambda task: task.priority_weight),
    "weight_rule": ("upstream", lambda task: "upstream"),
    "queue": ("own", lambda task: task.queue),
    "resources": ({"cpu": 2}, lambda task: {"cpu": int(task.cpu)}),
    "executor_config": ({"kubernetes": {"image": "x"}}, lambda task: task.executor_config),
    "max_active_tis_per_dag": (4, lambda task: task.max_active_per_dag),
    "max_active_tis_per_dagrun": (3, lambda task: task.max_active_per_run),
    "depends_on_past": (True, lambda task: task.depends_on_past),
    "wait_for_downstream": (True, lambda task: task.wait_for_downstream),
    "doc": ("About.", lambda task: task.doc),
    "doc_md": ("About.", lambda task: task.doc),
    "task_id": ("t", lambda task: task.task_id),
}


def test_every_rule_of_a_task_counts_when_it_is_set_later_and_can_be_read(spec, dag_of):
    assert LATER.keys() >= set(TaskRules._fields)
    lines = "\n".join(f"            t.{name} = {value!r}" for name, (value, _) in LATER.items())
    text = f"""
        with DAG("d"):
            t = EmptyOperator(task_id="old")
{lines}
            t.owner = "me"
        """
    task = spec(text).task("t")
    assert {name: read(task) for name, (_, read) in LATER.items()} == {
        name: value for name, (value, _) in LATER.items()
    }
    found = dag_of(text).get_task("t")
    assert {name: getattr(found, name) for name in LATER} == {name: value for name, (value, _) in LATER.items()}
    mapped = spec(
        'with DAG("d"):\n    t = BashOperator.partial(task_id="t").expand(bash_command=["a", "b"])\n'
        "    t.retries = 4\n    t.cwd = '/tmp'\n"
    ).task("t")
    assert mapped.retry.retries == 4


def test_arguments_of_an_operator_count_when_they_are_set_later_values_of_other_tasks_as_well(dag_of, tried, value):
    dag = dag_of("""
        with DAG("d"):
            def add(x, y): return x + y
            a = PythonOperator(task_id="a", python_callable=add, op_args=[1, 2])
            b = PythonOperator(task_id="b", python_callable=add)
            b.op_args = [a.output, "{{ 3 }}"]
            c = PythonOperator.partial(task_id="c", python_callable=add).expand(op_args=[[1, 2]])
            c.python_callable = lambda x, y: x - y
            d = PythonOperator(task_id="d", python_callable=add, op_args=[1, 2])
            d.op_kwargs = None
            d.op_args, d.python_callable = None, lambda: 7
        """)
    assert value(tried(dag, "b", values={"a": {"return_value": "3"}})) == "33"
    assert dag.get_task("b").upstream_list == [dag.get_task("a")]
    assert value(tried(dag, "c", elements={"op_args": [1, 2]}, map_index=0)) == -1
    assert value(tried(dag, "d")) == 7


DAG_LATER = {
    "description": ("About.", lambda dag: dag.doc),
    "schedule": ("@daily", lambda dag: dag.schedule.text),
    "catchup": (True, lambda dag: dag.catchup),
    "tags": (["a"], lambda dag: list(dag.tags)),
    "max_active_runs": (3, lambda dag: dag.max_active_runs),
    "max_active_tasks": (4, lambda dag: dag.max_active_tasks),
    "tenant": ("ours", lambda dag: dag.tenant),
    "overlap": ("queue", lambda dag: dag.overlap),
    "dagrun_timeout": (60, lambda dag: dag.run_timeout_s),
    "isolation": ("reuse", lambda dag: dag.isolation),
    "is_paused_upon_creation": (True, lambda dag: dag.paused_upon_creation),
    "timezone": ("Asia/Tokyo", lambda dag: dag.schedule.timezone),
}


def test_every_argument_of_a_dag_counts_when_it_is_set_later(spec):
    lines = "\n".join(f"        d.{name} = {value!r}" for name, (value, _) in DAG_LATER.items())
    dag = spec(f"""
        with DAG("d") as d:
            EmptyOperator(task_id="t")
        d.start_date = START
        d.end_date = START
        d.params = {{"p": 1}}
{lines}
        """)
    assert {name: read(dag) for name, (_, read) in DAG_LATER.items()} == {
        n: value for n, (value, _) in DAG_LATER.items()
    }
    assert (dag.start_date, dag.end_date, dag.params["p"].default) == (dag.start_date, dag.start_date, 1)
    assert spec('d = DAG("d")\nd.doc_md = "Told."\nd.schedule_interval = "@hourly"').doc == "Told."


def test_what_is_set_later_and_cannot_count_is_a_problem_at_its_line(complained):
    complained(
        """
        with DAG("d") as d:
            t = EmptyOperator(task_id="t")
        t.trigger_rule = "al_done"
        t.retires = 3
        t.sla = "soon"
        t.depends_on_past = False
        t.note_of_mine = "free"
        d.shedule = "@daily"
        d.dagrun_timeout = "1 h"
        d.tasks = []
        d.params = 3
        d.max_active_runs = 0
        w = operator("known.copy", task_id="w", source="x", dag=d)
        w.source = "y"
        p = BashOperator.partial(task_id="p", dag=d).expand(bash_command=["a"])
        p.bash_command = "b"
        """,
        {
            3: ["there is no trigger rule 'al_done'. Did you mean 'all_done'?"],
            4: ["takes no argument 'retires'. Did you mean 'retries'?"],
            5: ["sla: it is 'soon'; write a timedelta", "sla: nobody is told"],
            8: ["takes no argument 'shedule'. Did you mean 'schedule'?"],
            9: ["dagrun_timeout is '1 h'; write a timedelta or a number of seconds."],
            10: ["sets its attribute 'tasks'. The name is taken"],
            11: ["params is 3; write a dict"],
            12: ["max_active_runs is 0; write a whole number of at least 1."],
            14: ["'source' is an argument of the capability 'known.copy'"],
            16: ["'bash_command' is given to partial() and to expand(). Give it to one of them."],
        },
    )


def test_what_airflow_s_objects_can_be_asked_can_be_asked_here_and_the_rest_has_a_hint(dag_of):
    dag = dag_of("""
        with DAG("d"):
            a, b = EmptyOperator(task_id="a", retries=2, pool="p"), EmptyOperator(task_id="b", trigger_rule="all_done")
            a >> b
        """)
    a, b = dag.get_task("a"), dag.get_task("b")
    assert (dag.task_ids, dag.roots, dag.leaves, a.downstream_list) == (["a", "b"], [a], [b], [b])
    assert (a.retries, a.pool, b.trigger_rule, a.is_setup, a.is_teardown) == (2, "p", "all_done", False, False)
    with pytest.raises(
        AttributeError, match=r"DAG 'd' has no attribute 'test'\. Run a DAG of a file with: penstock dags test"
    ):
        dag.test()
    with pytest.raises(AttributeError, match=r"has no attribute 'retrys'\. Did you mean 'retries'\?"):
        a.retrys  # noqa: B018 - the access is the test
