"""A user's tests of their DAGs: whole runs in this process, by the real engine, on a clock that jumps."""

import time
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from penstock import (
    DAG,
    EmptyOperator,
    FailTask,
    Hook,
    Operator,
    PokeResult,
    Sensor,
    SkipTask,
    TaskGroup,
    TriggerDagRunOperator,
    Variable,
    get_current_context,
    operator,
    task,
)
from penstock.errors import AuthoringError, NotFoundError, RequestError
from penstock.testing import FakeClock, run_dag, runtime

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_values_flow_and_mapped_tasks_are_gathered():
    with DAG("d", schedule="@hourly", start_date=START, params={"n": 3}) as dag:

        @task
        def numbers(params):
            return list(range(params["n"]))

        @task
        def times(x, by):
            return x * by

        @task
        def total(values):
            return sum(values)

        total(times.expand(x=numbers(), by=[1, 10]))
    result = run_dag(dag, conf={"n": 4}).check()
    assert result.value("times") == [0, 0, 1, 10, 2, 20, 3, 30]
    assert result.value("total") == 66
    assert result.value("times", map_index=3) == 10


def test_retries_wait_on_the_clock_and_each_try_is_seen():
    with DAG("d") as dag:

        @task(retries=2, retry_delay=600)
        def flaky(ti):
            if ti.try_number < 3:
                raise ValueError(f"try {ti.try_number}")
            return ti.try_number

        flaky()
    clock = FakeClock(START)
    result = run_dag(dag, clock=clock).check()
    assert (result.value("flaky"), result.order, clock.slept) == (3, ["flaky"] * 3, timedelta(minutes=20))
    assert [error.splitlines()[0] for error in result.tasks["flaky"].errors] == [
        "ValueError: try 1",
        "ValueError: try 2",
    ]


class At(Sensor):
    """Waits until a clock says so."""

    def __init__(self, *, clock, moment, **kwargs):
        super().__init__(**kwargs)
        self.clock, self.moment = clock, moment

    async def poke(self, context):
        return PokeResult(self.clock.now() >= self.moment, str(self.clock.now()))


def test_sensors_wait_side_by_side_without_waiting():
    clock = FakeClock(START)
    with DAG("d") as dag:
        for hours in (5, 1, 3):
            At(task_id=f"h{hours}", clock=clock, moment=START + timedelta(hours=hours), poke_interval=1800)
        At(task_id="never", clock=clock, moment=START + timedelta(days=99), timeout=7200, soft_fail=True)
    result = run_dag(dag, clock=clock)
    assert result.order == ["h1", "never", "h3", "h5"]
    assert result.states == {"h1": "success", "h3": "success", "h5": "success", "never": "skipped"}
    assert result.value("h3") == "2026-01-01 03:00:00+00:00"


def test_a_run_whose_time_is_over_ends_what_waits_and_tears_down():
    told = []

    class Door(Sensor):
        def poke(self, context):
            return False

        def on_kill(self):
            told.append("killed")

    with DAG("d", dagrun_timeout=3600) as dag:
        made = EmptyOperator(task_id="made").as_setup()
        door, behind = Door(task_id="door", poke_interval=7, timeout=86400), EmptyOperator(task_id="behind")
        made >> door >> behind >> EmptyOperator(task_id="gone").as_teardown(setups=made)
    clock = FakeClock(START)
    result = run_dag(dag, clock=clock)
    assert result.states == {"made": "success", "door": "failed", "behind": "upstream_failed", "gone": "success"}
    assert (result.state, result.run.reason[:11], told) == ("failed", "run timeout", ["killed"])
    assert clock.now() - START == timedelta(hours=1)


def ends(how):
    """A task that ends in a certain way."""

    @task(task_id=f"{how}")
    def end():
        if how == "failed":
            raise FailTask("on purpose")
        if how == "skipped":
            raise SkipTask("on purpose")

    return end()


@pytest.mark.parametrize(
    ("upstream", "rule", "state"),
    [
        (["success", "skipped"], "all_success", "skipped"),
        (["success", "skipped"], "none_failed_min_one_success", "success"),
        (["success", "failed"], "all_success", "upstream_failed"),
        (["success", "failed"], "all_done", "success"),
        (["failed"], "one_failed", "success"),
        (["success"], "one_failed", "skipped"),
    ],
)
def test_trigger_rules_are_those_of_production(upstream, rule, state):
    with DAG("d") as dag:
        [ends(how) for how in upstream] >> EmptyOperator(task_id="after", trigger_rule=rule)
    assert run_dag(dag).states["after"] == state


def test_branches_and_short_circuits_skip():
    with DAG("d") as dag:

        @task.branch
        def choose():
            return "left"

        @task.short_circuit
        def stop():
            return False

        choose() >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]
        stop() >> EmptyOperator(task_id="after") >> EmptyOperator(task_id="later", trigger_rule="all_done")
    states = run_dag(dag).states
    assert (states["left"], states["right"]) == ("success", "skipped")
    assert (states["after"], states["later"]) == ("skipped", "skipped")


class Lookup(Hook):
    """A hook that says where it would go."""

    default_conn_id = "lookup_default"

    def host(self):
        """The host of the connection."""
        return self.connection.host


def test_tasks_see_the_connections_and_variables_of_the_test_and_leave_theirs():
    with DAG("d") as dag:

        @task
        def use():
            limit = Variable.get("limits", deserialize_json=True)["a"]
            Variable.set("seen", str(limit))
            return [Lookup().host(), limit, get_current_context()["run_id"][:6]]

        use()
    result = run_dag(dag, connections={"lookup_default": "http://me:pw@there/"}, variables={"limits": {"a": 5}}).check()
    assert result.value("use") == ["there", 5, "test__"]
    assert result.variables["seen"] == "5"
    failed = run_dag(dag, variables={"limits": {"a": 5}})
    assert "no connection is named 'lookup_default'" in failed.tasks["use"].errors[0]
    with pytest.raises(AssertionError, match="no connection is named 'lookup_default'"):
        failed.check()


def test_the_first_interval_of_the_schedule_is_run_unless_a_date_is_given():
    with DAG("d", schedule="@daily", start_date=START) as dag:

        @task
        def span(data_interval_start, data_interval_end, ds):
            return [data_interval_start, data_interval_end, ds]

        span()
    day = timedelta(days=1)
    assert run_dag(dag).value("span") == [START, START + day, "2026-01-01"]
    assert run_dag(dag, logical_date=START + 5 * day).value("span") == [START + 5 * day, START + 6 * day, "2026-01-06"]


@pytest.mark.parametrize(("state", "outcome"), [("success", "success"), ("failed", "failed")])
def test_runs_of_other_dags_are_noted_and_can_be_waited_for(state, outcome):
    with DAG("d") as dag:
        TriggerDagRunOperator(
            task_id="t",
            trigger_dag_id="other",
            trigger_run_id="r",
            conf={"a": "{{ run_id }}"},
            wait_for_completion=True,
        )
    result = run_dag(dag, run_states={"r": state})
    assert result.states["t"] == outcome
    (run,) = result.triggered
    assert (run.dag_id, run.run_id, run.conf) == ("other", "r", {"a": result.run.run_id})


class Copy(Operator):
    """The class behind a capability."""

    template_fields = ("source",)

    def __init__(self, *, source, target=None, **kwargs):
        super().__init__(**kwargs)
        self.source, self.target = source, target

    def execute(self, context):
        return [self.source, self.target]


def test_a_task_named_by_capability_is_built_from_its_plan():
    with DAG("d", params={"p": "x"}) as dag:

        @task
        def first():
            return {"k": 1}

        operator("acme.copy", task_id="copy", source="{{ params.p }}", target=first())
    assert run_dag(dag, operators={"acme.copy": Copy}).value("copy") == ["x", {"k": 1}]


def test_a_task_named_by_capability_has_the_keys_of_its_template():
    with DAG("d") as dag:
        operator.partial("acme.copy", task_id="copy", map_index_template="{{ task.source }}").expand(source=["a", "b"])
    found = run_dag(dag, operators={"acme.copy": Copy}).tasks
    assert [each.map_key for each in found.values()] == ["a", "b"]


P = "{{ params.p }}"
ELEMENTS = [
    pytest.param(
        lambda copy, _: copy(source=P).expand(target=["a", "{{ params.p }}", {"k": [1]}]),
        [["x", "a"], ["x", "{{ params.p }}"], ["x", {"k": [1]}]],
        id="a list; target is no template field",
    ),
    pytest.param(
        lambda copy, _: copy().expand(source=["{{ params.p }}!", "b"]),
        [["x!", None], ["b", None]],
        id="a list of templates",
    ),
    pytest.param(lambda copy, _: copy(source=P).expand(target={"a": 1}), [["x", ("a", 1)]], id="a dict"),
    pytest.param(
        lambda copy, some: copy().expand(source=some), [["{{ 1 }}", None], ["b", None]], id="values of a task"
    ),
    pytest.param(
        lambda copy, some: copy().expand(source=some, target=["l", "r"]),
        [["{{ 1 }}", "l"], ["{{ 1 }}", "r"], ["b", "l"], ["b", "r"]],
        id="values of a task and a list",
    ),
    pytest.param(
        lambda copy, some: copy().expand(source=["l", "r"], target=some),
        [["l", "{{ 1 }}"], ["l", "b"], ["r", "{{ 1 }}"], ["r", "b"]],
        id="a list and values of a task",
    ),
    pytest.param(
        lambda copy, some: copy(source=P).expand(target=[some, {"in": some}]),
        [["x", ["{{ 1 }}", "b"]], ["x", {"in": ["{{ 1 }}", "b"]}]],
        id="a list that holds values of a task",
    ),
    pytest.param(
        lambda copy, some: copy(source=P).expand_kwargs(
            [{"target": 1}, {"source": "{{ params.p }}{{ 2 }}", "target": some}]
        ),
        [["x", 1], ["x2", ["{{ 1 }}", "b"]]],
        id="a list of arguments",
    ),
]


@pytest.mark.parametrize("classed", [False, True], ids=["by capability", "by class"])
@pytest.mark.parametrize(("expand", "copied"), ELEMENTS)
def test_a_task_is_mapped_by_capability_as_it_is_by_class(expand, copied, classed):
    with DAG("d", params={"p": "x"}) as dag:

        @task
        def some():
            return ["{{ 1 }}", "b"]

        make = Copy.partial if classed else partial(operator.partial, "acme.copy")
        expand(partial(make, task_id="copy"), some())
    result = run_dag(dag, operators={"acme.copy": Copy}).check()
    assert [result.value("copy", map_index=index) for index in range(len(copied))] == copied
    assert result.value("copy") == copied


@pytest.mark.parametrize("classed", [False, True], ids=["by capability", "by class"])
def test_dicts_of_arguments_may_come_from_tasks(classed):
    with DAG("d") as dag:

        @task
        def one():
            return {"source": "{{ 1 }}"}

        @task
        def more():
            return [{"source": "a", "target": 1}, {"source": "b"}]

        def copy(task_id):
            return Copy.partial(task_id=task_id) if classed else operator.partial("acme.copy", task_id=task_id)

        copy("all").expand_kwargs(more())
        copy("each").expand_kwargs([one(), {"source": "c"}])
    result = run_dag(dag, operators={"acme.copy": Copy}).check()
    assert result.value("all") == [["a", 1], ["b", None]]
    assert result.value("each") == [["{{ 1 }}", None], ["c", None]]


def test_what_a_mapped_capability_leaves_is_as_its_author_said():
    with DAG("d") as dag:
        operator.partial("acme.copy", task_id="quiet", do_xcom_push=False).expand(source=["a"])
        operator.partial("acme.copy", task_id="none").expand(source=[])
    result = run_dag(dag, operators={"acme.copy": Copy})
    assert (result.value("quiet"), result.states["none"]) == ([], "skipped")


class Pair(Operator):
    """Leaves two values."""

    def execute(self, context):
        return {"left": 1, "right": [2]}


def test_what_others_take_of_a_capability_by_key_is_left_under_that_key():
    with DAG("d") as dag:
        pair = operator("acme.pair", task_id="pair")
        pairs = operator.partial("acme.copy", task_id="pairs", multiple_outputs=True)

        @task
        def got(left, right):
            return [left, right]

        got(pair.output["left"], pair.output["right"])
        operator.partial("acme.copy", task_id="copy", target=pair.output["left"]).expand(source=pair.output["right"])
        pairs.expand(source=["a"])
    result = run_dag(dag, operators={"acme.copy": Copy, "acme.pair": Pair})
    assert (result.value("got"), result.value("copy")) == ([1, [2]], [[2, 1]])
    assert "multiple_outputs and returned a list" in result.tasks["pairs[0]"].errors[0]


def test_an_argument_that_a_mapped_capability_does_not_take_fails_its_instance_with_the_nearest_one():
    with DAG("d") as dag:

        @task
        def more():
            return [{"source": "a"}, {"source": "b", "targt": 1}]

        operator.partial("acme.copy", task_id="copy", retries=3).expand_kwargs(more())
    result = run_dag(dag, operators={"acme.copy": Copy})
    assert (result.states["copy[0]"], result.states["copy[1]"]) == ("success", "failed")
    assert result.tasks["copy[1]"].tries == 1
    assert "Did you mean 'target'?" in result.tasks["copy[1]"].errors[0]


def test_a_dag_that_is_wrong_raises_everything_that_is_wrong_with_it():
    dag = DAG("d", schedule="nope", max_active_runs=0)
    with pytest.raises(AuthoringError) as caught:
        run_dag(dag)
    assert len(caught.value.problems) == 2


def test_hooks_work_inside_of_a_runtime_and_nowhere_else():
    with runtime(connections={"lookup_default": {"conn_type": "http", "host": "there"}}) as world:
        assert Lookup().host() == "there"
        Variable.set("a", "b")
        assert world.variables == {"a": "b"}
        with pytest.raises(NotFoundError):
            Lookup("other").host()
    with pytest.raises(RequestError, match=r"outside of a running task"):
        Lookup().host()


def test_a_run_takes_milliseconds():
    with DAG("d") as dag:
        before = EmptyOperator(task_id="t0")
        for number in range(1, 5):

            @task(task_id=f"t{number}")
            def nothing():
                return 1

            after = nothing()
            before >> after
            before = after
    run_dag(dag)
    started = time.process_time()
    run_dag(dag).check()
    assert time.process_time() - started < 0.2


class Choose(Operator):
    """A branch of somebody else's, whose answer is given."""

    decides = "branch"

    def __init__(self, *, answer, **kwargs):
        super().__init__(**kwargs)
        self.answer = answer

    def execute(self, context):
        return self.answer


class Stop(Choose):
    """A short circuit of somebody else's."""

    decides = "short_circuit"


MAKERS = {
    "a function": lambda answer: task.branch(lambda: answer, task_id="choose")(),
    "a class of others": lambda answer: Choose(task_id="choose", answer=answer),
    "a capability": lambda answer: operator("acme.choose", task_id="choose", answer=answer),
    "a mapped capability": lambda answer: operator.partial("acme.choose", task_id="choose").expand(answer=[answer]),
}
BRANCHES = {
    "a task": ("a", "success skipped skipped"),
    "a group": (["g"], "skipped success success"),
    "what is further on": ("g.last", "upstream_failed upstream_failed upstream_failed"),
    "a group that begins elsewhere": ("far", "upstream_failed upstream_failed upstream_failed"),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize(("answer", "states"), BRANCHES.values(), ids=BRANCHES)
def test_a_branch_chooses_by_one_rule_whoever_made_it(make, answer, states):
    with DAG("d") as dag:
        choose, a = make(answer), EmptyOperator(task_id="a")
        with TaskGroup("g") as g:
            EmptyOperator(task_id="first") >> EmptyOperator(task_id="last")
        with TaskGroup("far") as far:
            EmptyOperator(task_id="end")
        choose >> [a, g]
        a >> far
    result = run_dag(dag, operators={"acme.choose": Choose})
    assert " ".join(result.states[name] for name in ("a", "g.first", "g.last")) == states


def test_a_short_circuit_by_capability_ends_the_way():
    with DAG("d") as dag:
        operator("acme.stop", task_id="stop", answer=[]) >> EmptyOperator(task_id="a")
    assert run_dag(dag, operators={"acme.stop": Stop}).states == {"stop": "success", "a": "skipped"}
