"""Mapped task groups as authors write them, in whole runs in this process."""

from penstock import DAG, EmptyOperator, FailTask, task, task_group
from penstock.author.build.build import build_dag
from penstock.testing import run_dag


@task
def names():
    return ["ann", "bob", "cem"]


@task
def shout(name, end="!"):
    return name.upper() + end


@task
def total(values):
    return list(values)


def test_inside_a_group_an_index_sees_its_own_values_and_outside_all_are_seen():
    @task_group
    def greet(name, word):
        loud = shout(name)

        @task
        def say(text, ti):
            assert ti.xcom_pull("greet.shout") == text
            return f"{word} {text} {ti.map_index}"

        return say(loud)

    with DAG("d") as dag:
        total(greet.partial(word="hi").expand(name=names()))
    result = run_dag(dag).check()
    assert result.value("total") == ["hi ANN! 0", "hi BOB! 1", "hi CEM! 2"]
    assert result.order[:3] == ["names", "greet.shout[0]", "greet.shout[1]"]


def test_one_index_that_fails_harms_no_other():
    @task
    def text(value):
        return str(value)

    with DAG("d") as dag:

        @task_group
        def each(number):
            @task
            def divide(by):
                if by == 0:
                    raise FailTask("by zero")
                return 12 // by

            return text(divide(number))

        total.override(trigger_rule="all_done")(each.expand(number=[0, 2, 3]))
    result = run_dag(dag)
    assert [result.states[f"each.text[{index}]"] for index in range(3)] == ["upstream_failed", "success", "success"]
    assert result.value("total") == ["6", "4"]


def test_a_group_is_mapped_over_combinations_dicts_and_sets_of_arguments():
    @task_group
    def crossed(a, b):
        return total.override(task_id="t")([a, b])

    @task_group
    def sets(a, b="usual"):
        return total.override(task_id="t")([a, b])

    with DAG("d") as dag:
        crossed.expand(a=[1, 2], b=names().zip(names()))
        crossed.override(group_id="pairs").partial(b=0).expand(a={"k": "v"})
        sets.expand_kwargs([{"a": 1}, {"a": 2, "b": 3}])
    result = run_dag(dag).check()
    assert result.value("crossed.t") == [[a, (name, name)] for a in (1, 2) for name in ("ann", "bob", "cem")]
    assert result.value("pairs.t") == [[("k", "v"), 0]]
    assert result.value("sets.t") == [[1, "usual"], [2, 3]]


def test_what_the_plan_says_of_a_mapped_group():
    @task_group
    def g(x):
        EmptyOperator(task_id="first") >> shout(x)

    with DAG("d") as dag:
        g.expand(x=names()) >> EmptyOperator(task_id="out")
    plan = build_dag(dag)
    assert {each.task_id: (each.group, len(each.mapped), each.upstream) for each in plan.tasks} == {
        "names": ("", 0, ()),
        "g.first": ("g", 1, ("names",)),
        "g.shout": ("g", 1, ("g.first",)),
        "out": ("", 0, ("g.shout",)),
    }
    assert run_dag(dag).check().states["g.first[2]"] == "success"


def test_a_branch_in_a_group_may_answer_what_stands_beside_it():
    with DAG("d") as dag:

        @task_group
        def g(x):
            @task.branch
            def pick(value):
                return f"g.{value}"

            pick(x) >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]

        g.expand(x=["left", "right"])
    states = run_dag(dag).check().states
    assert [states[f"g.{side}[{index}]"] for index in (0, 1) for side in ("left", "right")] == [
        "success", "skipped", "skipped", "success",
    ]  # fmt: skip
