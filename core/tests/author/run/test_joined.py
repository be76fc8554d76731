"""Values of tasks that are joined, mapped over and gathered, in whole runs in this process."""

import pytest

from penstock import DAG, BashOperator, FailTask, Operator, SkipTask, operator, task
from penstock.author.run.joined import GatheredSequence
from penstock.author.xcom.arg import XComArg
from penstock.errors import AuthoringError
from penstock.model.attempt import Gathered
from penstock.model.values.value import to_plain
from penstock.testing import run_dag


@task
def three():
    return [1, 2, 3]


@task
def pair():
    return {"a": 1, "b": 2}


@task
def take(x, by=None):
    return x if by is None else [x, by]


def odd(number):
    if number % 2 == 0:
        raise SkipTask("even")
    return number * 10


JOINS = {
    "zip stops at the shortest": (lambda: three().zip(pair()), [(1, ("a", 1)), (2, ("b", 2))]),
    "zip fills": (
        lambda: three().zip(pair(), fillvalue=None),
        [(1, ("a", 1)), (2, ("b", 2)), (3, None)],
    ),
    "concat keeps the order": (lambda: three().concat(pair(), three()), [1, 2, 3, ("a", 1), ("b", 2), 1, 2, 3]),
    "map": (lambda: pair().map(lambda each: each[0] * 2), ["aa", "bb"]),
    "map of a zip of a map": (
        lambda: three().map(str).zip(three()).map(lambda each: each[0] + str(each[1] + 1)),
        ["12", "23", "34"],
    ),
    "of a mapped task": (
        lambda: take.expand(x=three()).zip(take.override(task_id="also").expand(x=three()).map(str)),
        [(1, "1"), (2, "2"), (3, "3")],
    ),
}


@pytest.mark.parametrize(("join", "found"), JOINS.values(), ids=JOINS)
@pytest.mark.parametrize("way", ["mapped over", "whole"])
def test_joined_values_are_mapped_over_and_passed_on(join, found, way):
    with DAG("d") as dag:
        taken = take.override(task_id="taken")
        taken.expand(x=join()) if way == "mapped over" else taken(join())
    assert run_dag(dag).check().value("taken") == found


def test_a_function_that_skips_an_element_skips_its_instance_alone():
    with DAG("d") as dag:
        take.override(task_id="taken").expand(x=three().map(odd))
    result = run_dag(dag)
    assert result.states == {"three": "success", "taken[0]": "success", "taken[1]": "skipped", "taken[2]": "success"}
    assert (result.value("taken"), result.tasks["taken[1]"].reason) == ([10, 30], "even")


def test_what_is_joined_makes_a_cross_product_with_lists_and_gives_whole_sets_of_arguments():
    with DAG("d") as dag:
        take.override(task_id="crossed").expand(x=["l", "r"], by=three().zip(pair()))
        take.override(task_id="sets").expand_kwargs(three().zip(pair()).map(lambda each: {"x": each[0], "by": each[1]}))
    result = run_dag(dag).check()
    pairs = [(1, ("a", 1)), (2, ("b", 2))]
    assert result.value("crossed") == [[side, each] for side in "lr" for each in pairs]
    assert result.value("sets") == [list(each) for each in pairs]


def test_only_lists_and_dicts_can_be_joined():
    with DAG("d") as dag:

        @task
        def text():
            return "abc"

        take(text().concat(three()))
        take.override(task_id="mapped").expand(x=three().zip(text()))
    result = run_dag(dag)
    assert "text.output is a str, and only lists and dicts can be joined or mapped" in result.tasks["take"].errors[0]
    assert "left no list or dict under 'return_value'" in result.tasks["mapped"].reason


def test_a_capability_is_given_values_that_its_plan_can_hold_and_none_that_the_file_works_out():
    with pytest.raises(AuthoringError, match="the DAG file works out"), DAG("d"):
        operator("acme.copy", task_id="copy", source=three().map(str))
    with pytest.raises(AuthoringError, match="the DAG file works out"), DAG("d"):
        operator.partial("acme.copy", task_id="copy").expand(source=three().map(str))


class Keep(Operator):
    """Leaves the type and the value of what it is given."""

    def __init__(self, *, given, **kwargs):
        super().__init__(**kwargs)
        self.given = given

    def execute(self, context):
        return [type(self.given).__name__, self.given]


def test_a_function_gets_a_sequence_that_is_read_as_it_is_used_and_any_other_operator_a_list():
    with DAG("d") as dag:
        taken = take.override(task_id="taken").expand(x=three().map(odd))

        @task(trigger_rule="all_done")
        def look(counts, ti):
            ti.xcom_push("all", counts)
            texts = (repr(counts), len(counts), counts[-1], counts[:1], list(reversed(counts)), 30 in counts)
            return {"list": isinstance(counts, list), "texts": texts, "same": counts == [10, 30], "in": [counts]}

        look(taken)
        Keep(task_id="keep", given=taken, trigger_rule="all_done")
        taken >> BashOperator(task_id="b", bash_command=f"echo '{taken}'", trigger_rule="all_done")
    result = run_dag(dag).check()
    assert result.value("look") == {
        "list": False, "texts": ("[10, 30]", 2, 30, [10], [30, 10], True), "same": True, "in": [[10, 30]],
    }  # fmt: skip
    assert (result.value("look", "all"), result.value("keep")) == ([10, 30], ["list", [10, 30]])
    assert result.value("b") == "[10, 30]"


class Pages:
    """A runtime that answers with pages of what the instances of these indexes left, and knows which were asked for."""

    def __init__(self, indexes):
        self.indexes, self.asked = indexes, []

    def xcom_page(self, task_id, key, first):
        self.asked.append(first)
        return [(index, to_plain(index)) for index in self.indexes if index >= first][:100]


def gathered(runtime, *, dense):
    with DAG("d"):
        return GatheredSequence(runtime, XComArg(three().operator), Gathered(len(runtime.indexes), dense))


def test_ten_thousand_results_are_read_in_a_hundred_pages_of_which_one_is_kept():
    runtime = Pages(range(10_000))
    results = gathered(runtime, dense=True)
    assert sum(results) == sum(range(10_000))
    assert runtime.asked == list(range(0, 10_000, 100))
    assert len(results._page) == 100
    runtime.asked.clear()
    assert (results[5_000:5_200:50], results[-1]) == ([5_000, 5_050, 5_100, 5_150], 9_999)
    assert runtime.asked == [5_000, 5_100, 9_999]
    with pytest.raises(IndexError):
        results[10_000]
    runtime.indexes = ()
    with pytest.raises(FailTask, match="element 0 of the value 'return_value' of task 'three' is not there any more"):
        results[0]


def test_results_of_which_some_are_missing_are_read_through_the_pages_before_them():
    runtime = Pages(range(0, 1_000, 2))
    results = gathered(runtime, dense=False)
    assert (list(results) == list(runtime.indexes), runtime.asked) == (True, [0, 199, 399, 599, 799])
    runtime.asked.clear()
    assert (results[450], results[10], results[499]) == (900, 20, 998)
    assert runtime.asked == [0, 199, 399, 599, 799]
