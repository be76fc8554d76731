"""Everything that can be wrong with a DAG file, each with its line and what to write."""

import pytest

from penstock import DAG, BashOperator, EmptyOperator
from penstock.errors import AuthoringError

HEADER_LINES = 3

# What follows the usual three lines of imports, the line the problem is in (counted in this text), and what it says.
WRONG = [
    pytest.param(
        """
        with DAG("d"):
            BashOperator(task_id="a", bash_comand="true")
        """,
        {2: ["BashOperator 'a' takes no argument 'bash_comand'. Did you mean 'bash_command'?", "bash_command"]},
        id="unknown argument of an operator",
    ),
    pytest.param(
        """
        class Lone(Operator):
            def __init__(self, **kwargs): pass
        with DAG("d"):
            Lone(task_id="a") >> EmptyOperator(task_id="b")
        """,
        {4: ["Lone 'a': its __init__ does not call super().__init__(**kwargs)"]},
        id="operator that does not call its base",
    ),
    pytest.param(
        """
        with DAG("d"):
            EmptyOperator(task_id=None) >> EmptyOperator(task_id=3)
            EmptyOperator()
        """,
        {
            2: ["EmptyOperator: the task_id is None; write text.", "EmptyOperator 3: the task_id is 3; write text."],
            3: ["EmptyOperator: missing 1 required keyword-only argument: 'task_id'"],
        },
        id="task ids that are no text",
    ),
    pytest.param(
        """
        from typing import Literal
        class Extract(Operator):
            def __init__(self, *, deletes: Literal["ignore", "mark"] = "ignore", **kwargs):
                super().__init__(**kwargs)
                self.deletes = deletes
        class More(Extract): pass
        with DAG("d"):
            More(task_id="a", deletes="Mark")
            More(task_id="b", deletes="mark")
            More(task_id="c", deletes="{{ params.deletes }}")
        """,
        {8: ["More 'a': deletes is 'Mark'; write 'ignore' or 'mark'."]},
        id="text that is none of the values of its argument",
    ),
    pytest.param(
        """
        from typing import Literal
        Modes = Literal["fast", "slow"]
        class Extract(Operator):
            def __init__(self, *, mode: "Modes | None" = None, other: "Unknown" = None, **kwargs):
                super().__init__(**kwargs)
        class Wider(Extract):
            def __init__(self, *, mode: str = "", **kwargs):
                super().__init__(**kwargs)
        with DAG("d"):
            Extract(task_id="a", mode="quick")
            Extract(task_id="b", mode=None)
            Wider(task_id="c", mode="quick")
        """,
        {10: ["Extract 'a': mode is 'quick'; write 'fast' or 'slow'."]},
        id="text that is none of the values, annotated as text beside a name that is nowhere",
    ),
    pytest.param(
        'DAG("d", shedule="@daily")',
        {1: ["DAG 'd' takes no argument 'shedule'. Did you mean 'schedule'?"]},
        id="unknown argument of a DAG",
    ),
    pytest.param(
        """
        with DAG("d"):
            @task(retrys=2)
            def f(): pass
            f()
        """,
        {4: ["takes no argument 'retrys'. Did you mean 'retries'?"]},
        id="unknown argument of @task",
    ),
    pytest.param(
        """
        with DAG("d"):
            @task
            def f(amount): pass
            f(amuont=1)
        """,
        {4: ["f() takes no argument 'amuont'. Did you mean 'amount'?", "f() misses 'amount'."]},
        id="unknown argument of a function",
    ),
    pytest.param(
        """
        with DAG("d", default_args={"retires": 1}):
            EmptyOperator(task_id="a")
        """,
        {1: ["no task of this DAG takes an argument 'retires'. Did you mean 'retries'?"]},
        id="unknown default argument",
    ),
    pytest.param(
        """
        with DAG("d"):
            BashOperator(task_id="a")
        """,
        {2: ["BashOperator 'a': missing 1 required keyword-only argument: 'bash_command'."]},
        id="missing argument",
    ),
    pytest.param(
        """
        class Own(Sensor):
            def __init__(self, *, path, **kwargs):
                super().__init__(**kwargs)
                sum(path)
        with DAG("d"):
            Own(task_id="a")
            Own(task_id="b", path=7)
        """,
        {
            6: ["Own 'a': missing 1 required keyword-only argument: 'path'."],
            7: ["Own 'b': TypeError: 'int' object is not iterable"],
        },
        id="missing argument of an author's own sensor",
    ),
    pytest.param(
        """
        with DAG("d"):
            EmptyOperator(task_id="a")
            EmptyOperator(task_id="a")
        """,
        {3: ["there is a task 'a' in DAG 'd' already, made in line 5"]},
        id="duplicate task id",
    ),
    pytest.param('DAG("d")\nDAG("d")', {2: ["there is a DAG 'd' already, made in line 4"]}, id="duplicate DAG id"),
    pytest.param(
        """
        with DAG("d"):
            a, b, c = (EmptyOperator(task_id=x) for x in "abc")
            a >> b >> c >> a
        """,
        {2: ["form a cycle: a >> b >> c >> a."]},
        id="cycle",
    ),
    pytest.param(
        """
        with DAG("d"):
            a = EmptyOperator(task_id="a")
            "extract" >> a
        """,
        {3: ["'extract' cannot stand in a chain"]},
        id="a name in a chain",
    ),
    pytest.param(
        """
        with DAG("d"):
            EmptyOperator(task_id="extract")
            BashOperator(task_id="b", bash_command="{{ ti.xcom_pull(task_ids='extrct') }}")
        """,
        {3: ["bash_command pulls the value of an unknown upstream task 'extrct'. Did you mean 'extract'?"]},
        id="unknown upstream",
    ),
    pytest.param(
        'DAG("d", schedule="61 * * * *")',
        {1: ["cron expression '61 * * * *' is wrong: the minute 61 is none; write 0 to 59."]},
        id="cron",
    ),
    pytest.param(
        """
        with DAG("d"):
            BashOperator(task_id="a", bash_command="docker ps --format '{{.Names}}'")
            BashOperator(task_id="b", bash_command="a=(1 2 3); echo ${#a[@]}")
        """,
        {
            2: [
                "template field 'bash_command', line 1: unexpected '.'. Text that is no template stands between {% raw %}"
            ],
            3: [
                "line 1: Missing end of comment tag. Text that is no template stands between {% raw %} and {% endraw %}."
            ],
        },
        id="syntax of a template",
    ),
    *(
        pytest.param(f'DAG("d", schedule={cron!r})', {1: [told]}, id=f"cron {cron}")
        for cron, told in {
            "0 0 31 2 *": "the day never comes: month 2 has no day 31. Write L for the last day.",
            "0 0 31 APR,6 *": "the day never comes: month APR,6 has no day 31.",
            "0 22-2 * * *": "the hour range '22-2' ends before it begins. Write 22-23,0-2.",
            "0 22-3/2 * * *": "the hour range '22-3/2' ends before it begins. Write 22,0,2.",
            "0 0 1 OCT-FEB/3 *": "the month range 'OCT-FEB/3' ends before it begins. Write 10,1.",
            "0 0 1 NOV-FEB *": "the month range 'NOV-FEB' ends before it begins. Write 11-12,1-2.",
            "0 ? * * *": "'?' stands for a day of the month or of the week, and this is the hour. Write '*'.",
            "0 0 * * 8": "the weekday 8 is none; write 0 to 7.",
            "0 0 * * * 0": "has 6 fields; write five: minute hour day month weekday. The nearest without seconds is '0 0 * * *'.",
            "@continuous": "there is no preset '@continuous'. The nearest is '* * * * *' with max_active_runs=1.",
        }.items()
    ),
    pytest.param(
        'DAG("d", schedule=["0 1 * * *", "0 2 * * *"])',
        {1: ["For several expressions write Cron(['0 1 * * *', '0 2 * * *'])."]},
        id="a list of cron expressions",
    ),
    pytest.param('DAG("d", schedule="* * * *")', {1: ["has 4 fields; write five"]}, id="cron with four fields"),
    pytest.param('DAG("d", schedule="@dayly")', {1: ["no preset '@dayly'. Did you mean '@daily'?"]}, id="preset"),
    pytest.param(
        'DAG("d", schedule=5)', {1: ["the schedule is 5; write a cron expression"]}, id="schedule of a wrong type"
    ),
    pytest.param(
        'DAG("d", schedule=Interval("1h"))', {1: ["the schedule is every '1h'"]}, id="interval of a wrong type"
    ),
    pytest.param('DAG("d", schedule=timedelta(0))', {1: ["the schedule is every"]}, id="interval of nothing"),
    pytest.param(
        'DAG("d", schedule=timedelta(microseconds=1))',
        {1: ["write a timedelta of at least a second"]},
        id="runs without end",
    ),
    pytest.param(
        'DAG("d", schedule=Dates([datetime(2026, 1, 1)]), timezone="Europe/Berlin", start_date="2026-01-01")',
        {1: ["start_date is '2026-01-01'; write datetime("]},
        id="date as text",
    ),
    pytest.param(
        'DAG("d", timezone="Europe/Berln")',
        {1: ["no time zone 'Europe/Berln'. Did you mean 'Europe/Berlin'?"]},
        id="time zone",
    ),
    pytest.param(
        'DAG("d", start_date=START, end_date=START - timedelta(days=1))',
        {1: ["end_date 2025-12-31T00:00:00+00:00 is before start_date"]},
        id="end before start",
    ),
    pytest.param(
        'DAG("d", schedule="@daily", start_date=datetime(1, 1, 1, tzinfo=UTC), catchup=True)',
        {
            1: [
                "start_date 0001-01-01T00:00:00+00:00 is at the end of the calendar. Write a date in the years 2 to 9998."
            ]
        },
        id="start at the end of the calendar",
    ),
    pytest.param(
        'DAG("d", start_date=datetime(1, 1, 1), timezone="Asia/Tokyo")',
        {1: ["start_date 0001-01-01 00:00:00 lies outside the calendar in UTC"]},
        id="start outside the calendar",
    ),
    pytest.param(
        'DAG("d", schedule=Dates([datetime(9999, 1, 1, tzinfo=UTC)]))',
        {1: ["a date of the schedule, 9999-01-01T00:00:00+00:00 is at the end of the calendar"]},
        id="a date at the end of the calendar",
    ),
    pytest.param(
        'DAG("d", schedule="@daily", catchup=True)', {1: ["catchup needs a start_date"]}, id="catchup from when"
    ),
    *(
        pytest.param(f'DAG("d", {written})', {1: [found]}, id=written)
        for written, found in [
            ("catchup='some'", "catchup is 'some'; write True, False, 'all', 'latest', 'none', or a timedelta."),
            ("catchup=1", "catchup is 1; write True, False,"),
            ("catchup=timedelta(0)", "catchup is datetime.timedelta(0); write a time longer than zero."),
            ("schedule='@daily', catchup='all'", "catchup needs a start_date"),
            ("overlap='drop'", "overlap is 'drop'; write 'queue' or 'queue_latest' or 'skip' or 'cancel'."),
            (
                "schedule='@daily', start_date=START, catchup=True, overlap='skip'",
                "overlap is 'skip', which leaves runs out, and catchup=True runs all of them. Write overlap='queue',",
            ),
            ("dagrun_timeout=0", "dagrun_timeout is 0; write a time longer than zero."),
            ("dagrun_timeout='1 h'", "dagrun_timeout is '1 h'; write a timedelta or a number of seconds."),
            ("schedule=Cron('@daily', gap='before')", "gap is 'before'; write 'after' or 'skip'."),
            ("schedule=CronTrigger('@daily', doubled=2)", "doubled is 2; write 'first' or 'last' or 'both'."),
            ("schedule=AnyOf()", "the schedule is AnyOf() of nothing."),
            ("schedule=AnyOf('@daily', '@once')", "the schedule is AnyOf(...) of '@once'; write cron expressions,"),
            ("schedule=AnyOf('@daily', 3)", "the schedule is 3; write a cron expression,"),
        ]
    ),
    pytest.param('DAG("a b")', {1: ["the dag_id is 'a b'; write 1 to 250 letters"]}, id="DAG id"),
    pytest.param('DAG("..")', {1: ["the dag_id is '..'; write 1 to 250 letters"]}, id="DAG id that is a way"),
    pytest.param('DAG("d", tags="x")', {1: ["tags is 'x'; write a list"]}, id="tags"),
    pytest.param('DAG("d", isolation="thread")', {1: ["isolation is 'thread'; write one of fork"]}, id="isolation"),
    pytest.param('DAG("d", params={"x": object()})', {1: ["parameter 'x' holds a builtins.object"]}, id="parameter"),
    pytest.param(
        """
        with DAG("d"):
            EmptyOperator(task_id="a", trigger_rule="all_sucess")
        """,
        {2: ["task 'a': there is no trigger rule 'all_sucess'. Did you mean 'all_success'?"]},
        id="trigger rule",
    ),
    pytest.param(
        """
        with DAG("d"):
            EmptyOperator(task_id="a", pool_slots=0, retries=-1, retry_delay="5m", execution_timeout=0)
        """,
        {
            2: [
                "pool_slots is 0; write a whole number of at least 1",
                "retries is -1",
                "retry_delay is '5m'",
                "execution_timeout is 0",
            ]
        },
        id="several rules of one task",
    ),
    pytest.param(
        """
        with DAG("one"):
            a = EmptyOperator(task_id="a")
        with DAG("two"):
            BashOperator(task_id="b", bash_command=a.output)
        """,
        {4: ["task 'b' of DAG 'two' cannot run after task 'a' of DAG 'one'"]},
        id="a value of another DAG's task",
    ),
    pytest.param(
        """
        with DAG("d"):
            @task
            def f(x): pass
            f.expand(x=[1, object()])
        """,
        {4: ["expand(x=...): element 1 holds a builtins.object, which has no JSON form"]},
        id="mapping over what is no JSON",
    ),
    pytest.param(
        """
        with DAG("d"):
            @task
            def f(x): pass
            f.expand(x={1, 2})
            f.expand(y=[1])
            BashOperator.partial(task_id="b").expand(bash_comand=["true"])
        """,
        {
            4: ["expand(x=...) was given set"],
            5: ["expand() takes no argument 'y'"],
            6: ["expand() takes no argument 'bash_comand'. Did you mean 'bash_command'?"],
        },
        id="mapping over a set, or over no argument",
    ),
    pytest.param(
        """
        with DAG("d"):
            @task
            def f(): return [1]
            for x in f():
                pass
        """,
        {4: ["f.output cannot be iterated over while the DAG is built"]},
        id="iterating over a value to be",
    ),
    pytest.param(
        "import penstock_nowhere", {1: ["Install it with: plugin-manager install nowhere"]}, id="missing provider"
    ),
    pytest.param(
        "from airflow.operators.bash import BashOperator",
        {1: ["this is not Airflow. Write `from penstock import BashOperator`."]},
        id="Airflow's module",
    ),
    pytest.param(
        """
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook
        from airflow.decorators import conf, dag
        from penstock.operators.bash import BashOperator
        import penstock.utils.dates
        from penstock.errors import DagRun, DAG, NotFound
        from penstock import DAG, SubDagOperator, DateTimeSensor, PostgresOperator, PythnOperator, TaskSomething
        import nowhere, penstock_nowhere
        from os import path, pathh
        with DAG("d"):
            import nowhere_else
        """,
        {
            1: ["this is not Airflow. Authoring names come from `penstock`"],
            2: ["Write `from penstock import dag`. In place of 'conf': settings are in penstock.toml"],
            3: ["there is no module 'penstock.operators.bash'. Write `from penstock import BashOperator`."],
            4: ["there is no module 'penstock.utils.dates'. Authoring names come from `penstock`"],
            5: [
                "the module 'penstock.errors' has no name 'DagRun': the context has dag_run",
                "has no name 'DAG': write `from penstock import DAG`.",
                "has no name 'NotFound'. Did you mean 'NotFoundError'?",
            ],
            6: [
                "'SubDagOperator': write a TaskGroup",
                "'DateTimeSensor': write a PythonSensor",
                "'PostgresOperator'. Classes of services come with providers: plugin-manager search WORD",
                "'PythnOperator'. Did you mean 'PythonOperator'?",
                "'TaskSomething'.",
            ],
            7: ["there is no module 'nowhere'.", "Install it with: plugin-manager install nowhere"],
            8: ["the module 'os' has no name 'pathh'. Did you mean 'path'?"],
        },
        id="every import that fails",
    ),
    pytest.param(
        "import penstock\nif penstock:\n    penstock.conf",
        {3: ["the module 'penstock' has no name 'conf': settings are in penstock.toml"]},
        id="attribute of our module",
    ),
    pytest.param(
        "from penstock import DAG, BashOperater",
        {1: ["the module 'penstock' has no name 'BashOperater'. Did you mean 'BashOperator'?"]},
        id="misspelt name of a module",
    ),
    pytest.param(
        "from penstock import Taskgroup",
        {1: ["the module 'penstock' has no name 'Taskgroup'. Did you mean 'TaskGroup'?"]},
        id="name of a module in another case",
    ),
    pytest.param(
        """
        with DAG("d", schedule_interval="@daily", schedule="@hourly", default_args={"run_as_user": "x"}):
            EmptyOperator(task_id="b", depends_on_past="yes", ignore_first_depends_on_past=False)
            EmptyOperator(task_id="a", sla=timedelta(hours=1), start_date=START, weight_rule="sideways")
            TriggerDagRunOperator(task_id="t", trigger_dag_id="e", fail_when_dag_is_paused=True)
        """,
        {
            1: [
                "takes 'schedule_interval' as another name of 'schedule', and got both. Give one of them.",
                "no task of this DAG takes an argument 'run_as_user'.",
            ],
            2: [
                "'ignore_first_depends_on_past'. A task waits for nothing that the run before it does not have; leave it out.",
                "depends_on_past is 'yes'; write True or False.",
            ],
            3: [
                "'start_date'. Dates belong to the DAG",
                "weight_rule is 'sideways'; write one of absolute, downstream, upstream.",
                "sla: nobody is told: the task has no email. Write alerts=[Alert('task_missed_deadline'",
            ],
            4: ["'fail_when_dag_is_paused'. A run of a paused DAG waits until that is unpaused"],
        },
        id="arguments of Airflow's own",
    ),
    pytest.param(
        """
        with DAG("d", alerts=[Alert("missed_deadline", to="ops", after=float("nan"))]):
            EmptyOperator(task_id="a", retry_delay=10**5000, sla=-(10**400), email="a@b.c")
        """,
        {
            1: ["alerts[0]: after is nan; write at most 100 years."],
            2: [
                "retry_delay is a number of 16610 bits; write at most 100 years.",
                "sla: it is a number of 1329 bits; write at most 100 years.",
            ],
        },
        id="times that no clock has",
    ),
    pytest.param(
        """
        with DAG("d", alerts=[Alert("run_faild", to="ops"), Alert("missed_deadline", to=3), "ops"], on_failure_callback="f"):
            EmptyOperator(task_id="a", alerts=[Alert("run_failed", to="ops"), Alert([], to=[])], email=["nobody"])
        """,
        {
            1: [
                "alerts[2] is 'ops'; write Alert('task_failed', to='ops').",
                "alerts[0]: a DAG has no event 'run_faild'. Did you mean 'run_failed'?",
                "alerts[1]: missed_deadline needs `after`: how long after the run fell due.",
                "alerts[1]: 3 is neither text nor a function.",
                "on_failure_callback: 'f' is no function.",
            ],
            2: [
                "alerts[0]: a task has no event 'run_failed'. Did you mean",
                "alerts[1]: `on` names no event.",
                "alerts[1]: `to` names nobody.",
                "email: 'mailto:nobody' is neither the name of a channel nor mailto:somebody@example.com.",
            ],
        },
        id="alerts",
    ),
    pytest.param(
        """
        DAG("d", params=3, default_args=[1], max_active_runs=0, tenant="a b")
        """,
        {
            1: [
                "the tenant is 'a b'; write 1 to 250 letters from a to z",
                "params is 3; write a dict with a value for each name.",
                "default_args is [1]; write a dict",
                "max_active_runs is 0",
            ]
        },
        id="params that are no dict, and what else is wrong with the DAG",
    ),
    pytest.param(
        """
        with DAG("d"):
            BashOperator.partial(task_id="a", bash_command="x").expand(bash_command=["y"])
            @task
            def f(x): pass
            f.partial(x=1).expand(x=[2])
        """,
        {
            2: ["'bash_command' is given to partial() and to expand(). Give it to one of them."],
            5: ["'x' is given to partial() and to expand()."],
        },
        id="an argument given twice to a mapping",
    ),
    pytest.param("import nowhere_at_all", {1: ["there is no module 'nowhere_at_all'"]}, id="missing module"),
    pytest.param("def f(:", {1: ["the file is no Python: invalid syntax"]}, id="syntax"),
    pytest.param("x = 1\ny = x / 0", {2: ["ZeroDivisionError: division by zero (in: y = x / 0)"]}, id="exception"),
    pytest.param("import sys\nsys.exit(3)", {2: ["sys.exit(3)"]}, id="exit"),
    pytest.param('Variable.get("nope")', {1: ["no Variable is named 'nope'"]}, id="missing Variable"),
    pytest.param("refresh_every(0)", {1: ["write a time longer than zero"]}, id="refresh"),
    pytest.param(
        """
        @task
        def f(): pass
        f()
        """,
        {3: ["@task function 'f' was called outside of a DAG"]},
        id="a task outside of a DAG",
    ),
    pytest.param(
        """
        with DAG("d"):
            with TaskGroup("g"): EmptyOperator(task_id="a")
            with TaskGroup("g"): EmptyOperator(task_id="b")
        """,
        {3: ["the id of task group 'g' is taken already in DAG 'd', in line 5"]},
        id="duplicate group",
    ),
    pytest.param(
        """
        class Mine(Operator):
            def __init__(self, *, size, **kwargs):
                super().__init__(**kwargs)
                raise ValueError("size must be even")
        with DAG("d"):
            Mine(task_id="a", size=3)
        """,
        {6: ["Mine 'a': ValueError: size must be even"]},
        id="a constructor that raises",
    ),
    pytest.param(
        """
        class Mine(Operator):
            template_fields = ("text",)
            @property
            def text(self):
                raise KeyError("not yet")
        with DAG("d"):
            Mine(task_id="a")
        """,
        {5: ["KeyError: 'not yet' (in: raise KeyError"]},
        id="an attribute that raises when it is read",
    ),
    pytest.param(
        """
        with DAG("d"):
            first = PythonOperator(task_id="a", python_callable=print)
            first.op_args = holder = []
            holder.append(holder)
            EmptyOperator(task_id="b", retries=-1)
        """,
        {1: ["RecursionError"], 5: ["retries is -1"]},
        id="a list that holds itself, put in after it was looked at",
    ),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_a_problem_names_its_line_and_what_to_write(complained, text, expected):
    complained(text, expected)


def test_all_problems_of_a_file_are_reported_together_in_the_order_of_lines(built):
    result = built(
        """
        with DAG("d", schedule="nonsense", start_date=datetime(2026, 1, 1)):
            a = EmptyOperator(task_id="a", retrys=1)
            b = EmptyOperator(task_id="a", trigger_rule="never")
            a >> b
        import penstock_nowhere
        """
    )
    lines = [int(problem.split(":")[1]) - HEADER_LINES for problem in result.problems]
    assert lines == sorted(lines)
    assert set(lines) == {1, 2, 3, 5}
    assert len(result.problems) == 5
    assert len(result.notes) == 1


def test_without_a_session_the_with_block_raises_all_problems():
    with pytest.raises(AuthoringError) as caught, DAG("d"):
        EmptyOperator(task_id="a", nope=1, trigger_rule="nope")
    assert len(caught.value.problems) == 2
    assert all("test_problems.py:" in problem for problem in caught.value.problems)


def test_a_wrong_argument_outside_of_a_dag_raises_at_once():
    with pytest.raises(AuthoringError, match="bash_command"):
        BashOperator(task_id="a", bash_comand="x")
