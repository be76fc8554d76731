"""Tasks named by capability id: what is stored of them, and what is said against them."""

import pytest

from penstock.model.dag import Mapping, SensorPolicy, XComRef

WRONG = [
    pytest.param(
        """
        with DAG("d"):
            operator("known.copy", task_id="a", source="x", targt="y")
            operator("known.cpy", task_id="b")
            operator("nowhere.copy", task_id="c")
            operator("known.copy", task_id="e", source=object())
        """,
        {
            2: ["known.copy takes no argument 'targt'"],
            3: ["Did you mean 'known.copy'"],
            4: ["Install it with: plugin-manager install nowhere"],
            5: ["source holds a builtins.object, which has no JSON form"],
        },
        id="operators by capability id",
    ),
    pytest.param(
        """
        with DAG("d"):
            e = EmptyOperator(task_id="e")
            operator.partial("known.copy", task_id="a").expand(sauce=["x"])
            operator.partial("known.copy", task_id="b", sorce="x").expand(target=["y"])
            operator.partial("known.copy", task_id="c").expand(parts=[1])
            operator.partial("known.copy", task_id="f", source="x").expand(parts=[1, "{{ 2 }}", e.output, "three"])
            operator.partial("known.copy", task_id="g", source="x", parts="no").expand(target=e.output)
            operator.partial("known.copy", task_id="h").expand_kwargs([{"source": "x"}, {"target": "y"}])
            operator.partial("known.copy", task_id="i", parts=[]).expand_kwargs(e.output)
            operator.partial("known.copy", task_id="j").expand_kwargs([{"source": "x", "retries": 1}])
            operator.partial("known.copy", task_id="k", source="x").expand(target=[object()])
            operator.partial("known.copy", task_id="l", source=object()).expand(target={"a": 1})
            operator.partial("known.copy", task_id="m", source="x").expand(target="abc")
            operator.partial("known.copy", task_id="n", source="x").expand()
            operator.partial("known.cpy", task_id="o").expand(source=["x"])
            operator.partial("known.copy", source="x").expand(target=["y"])
            operator.partial("known.copy", task_id="q", source="x").expand(target={"a": 1}, parts={"a": 1})
            operator.partial("known.copy", task_id="r", target=[{e.output}]).expand(source=["x"])
            operator.partial("known.copy", task_id="s", source="x").expand(target=["a", {e.output}])
            operator.partial(5, task_id="t").expand(source=["x"])
            operator.partial("known.copy", task_id="u", source="x").expand(source=["y"])
        """,
        {
            3: ["known.copy takes no argument 'sauce'; did you mean 'source'?"],
            4: ["known.copy takes no argument 'sorce'; did you mean 'source'?"],
            5: ["operator 'known.copy', task 'c': known.copy needs the argument 'source' (str): From where."],
            6: ["expand(parts=...): element 3: known.copy: parts must be int, not 'three' (str)"],
            7: ["known.copy: parts must be int, not 'no' (str)"],
            8: ["expand_kwargs(): element 1: known.copy needs the argument 'source'"],
            9: ["known.copy: parts must be int, not [] (list)"],
            10: ["expand_kwargs(): element 0: known.copy takes no argument 'retries'"],
            11: ["expand(target=...): element 0 holds a builtins.object"],
            12: ["source holds a builtins.object, which has no JSON form"],
            13: ["expand(target=...) was given str; write a list"],
            14: ["expand() needs at least one argument to map over"],
            15: ["Did you mean 'known.copy'"],
            16: ["task_id"],
            17: ["expand(parts=...): element 0: known.copy: parts must be int, not ('a', 1) (tuple)"],
            18: ["target holds a set with the value of a task in it; write a list."],
            19: ["target holds a set with the value of a task in it; write a list."],
            20: ["the capability id is 5; write text such as 'aws.s3_copy'."],
            21: ["'source' is given to partial() and to expand(). Give it to one of them."],
        },
        id="mapped operators by capability id",
    ),
    pytest.param(
        """
        with DAG("d"):
            operator("known.wait", task_id="a", source="x", poke_interval="often")
            operator.partial("known.wait", task_id="b", timeout=0).expand(source=["x"])
            operator.partial("known.wait", task_id="c", source="x").expand(poke_interval=[1, 2])
            operator("known.wait", task_id="d", source="x", mode="sleep")
        """,
        {
            2: ["poke_interval is 'often'; write a timedelta or a number of seconds."],
            3: ["timeout is 0; write a time longer than zero."],
            4: ["known.wait takes no argument 'poke_interval'"],
            5: ["mode is 'sleep'; write 'poke' or 'reschedule'."],
        },
        id="how a sensor by capability id waits",
    ),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_a_problem_names_its_line_and_what_to_write(complained, text, expected):
    complained(text, expected)


def test_a_capability_becomes_a_plan_that_needs_no_file(spec):
    dag = spec("""
        with DAG("d"):
            a = EmptyOperator(task_id="a")
            operator("known.copy", task_id="c", source="{{ ds }}", target=a.output, retries=1)
            operator("known.wait", task_id="w", source="x", poke_interval=5)
        """)
    copy, wait = dag.task("c"), dag.task("w")
    assert (copy.capability, copy.operator, copy.retry.retries) == ("known.copy", "", 1)
    assert copy.plan == {"source": "{{ ds }}", "target": {"$xcom": ["a", "return_value"]}}
    assert (copy.inputs, copy.upstream, copy.templated, copy.sensor) == ((XComRef("a"),), ("a",), True, None)
    assert (wait.plan, wait.sensor) == ({"source": "x", "poke_interval": 5}, SensorPolicy(poke_interval_s=5.0))


def test_a_mapped_capability_becomes_a_plan_with_the_elements_that_its_author_wrote(spec):
    dag = spec("""
        with DAG("d", default_args={"retries": 2}):
            @task
            def found(): return [1, 2]
            some = found()
            copy = operator.partial("known.copy", task_id="c", source="{{ ds }}", pool="p", do_xcom_push=False)
            copy.expand(target=["x", {"y": some}], parts=some)
            operator.partial("known.copy", task_id="k").expand_kwargs(({"source": "x"}, {"source": "{{ ds }}"}))
            operator.partial("known.copy", task_id="p", source="x").expand(target={"a": 1})
            operator.partial("known.wait", task_id="w", timeout=timedelta(minutes=1)).expand(source=some)
        """)
    copy, wait = dag.task("c"), dag.task("w")
    assert (copy.capability, copy.operator, copy.pool, copy.retry.retries) == ("known.copy", "", "p", 2)
    assert copy.plan == {"source": "{{ ds }}", "do_xcom_push": False}
    assert (copy.inputs, copy.upstream, copy.templated) == ((XComRef("found"),), ("found",), True)
    assert copy.mapped == (
        Mapping("target", length=2, literal=("x", {"y": {"$xcom": ["found", "return_value"]}})),
        Mapping("parts", source=XComRef("found")),
    )
    assert dag.task("k").mapped == (Mapping("**", length=2, literal=({"source": "x"}, {"source": "{{ ds }}"})),)
    pair = {"$penstock": "tuple", "value": ["a", 1]}
    assert dag.task("p").mapped == (Mapping("target", length=1, literal=(pair,)),)
    assert (wait.inputs, wait.upstream, wait.mapped) == ((), ("found",), (Mapping("source", source=XComRef("found")),))
    assert wait.sensor == SensorPolicy(timeout_s=60.0)
