"""Priorities by weight rules, against the sum over all that can be reached."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import penstock
from penstock.author.build.weights import effective_weights
from penstock.author.construct.weight_rule import WeightRule
from penstock.errors import AuthoringError

IDS = "abcdefgh"
MOST = 2**31 - 1
weight = st.integers(-MOST, MOST) | st.integers(-3, 3)


def reached(start, edges):
    found, more = set(), {start}
    while more:
        found |= more
        more = {each for near in more for each in edges[near]} - found
    return found


@given(
    st.sets(st.tuples(st.sampled_from(IDS), st.sampled_from(IDS)).filter(lambda pair: pair[0] < pair[1])),
    st.fixed_dictionaries(dict.fromkeys(IDS, weight)),
    st.fixed_dictionaries({name: st.sampled_from(list(WeightRule)) for name in IDS}),
)
def test_a_weight_is_that_of_all_tasks_that_its_rule_reaches_each_once(edges, weights, rules):
    weights = {name: weights[name] for name in IDS}
    upstream = {name: {upper for upper, lower in edges if lower == name} for name in IDS}
    downstream = {name: {lower for upper, lower in edges if upper == name} for name in IDS}
    ways = {
        WeightRule.ABSOLUTE: dict.fromkeys(IDS, ()),
        WeightRule.UPSTREAM: upstream,
        WeightRule.DOWNSTREAM: downstream,
    }
    expected = {name: sum(weights[each] for each in reached(name, ways[rules[name]])) for name in IDS}
    cut = {name: max(-MOST, min(MOST, total)) for name, total in expected.items()}
    assert effective_weights(weights, rules, upstream) == cut


def test_ten_thousand_tasks_in_layers_have_so_many_ways_through_them_and_count_once():
    layers = [[f"t{layer}_{each}" for each in range(20)] for layer in range(500)]
    upstream = {name: layers[layer - 1] if layer else [] for layer in range(500) for name in layers[layer]}
    names = [name for layer in layers for name in layer]
    found = effective_weights(dict.fromkeys(names, 1), dict.fromkeys(names, "downstream"), upstream)
    assert [found[layer[0]] for layer in (layers[0], layers[-2], layers[-1])] == [1 + 20 * 499, 21, 1]


STRATEGY = """
from penstock import AirflowPlugin, PriorityWeightStrategy
class ByTry(PriorityWeightStrategy):
    def get_weight(self, ti):
        return {answer}
class Listed(AirflowPlugin):
    name = "listed"
    priority_weight_strategies = [ByTry]
with DAG("d"):
    EmptyOperator(task_id="a", weight_rule=ByTry(), retries=2, priority_weight=5)
"""


@pytest.mark.parametrize(
    ("answer", "weights"),
    [
        ("max(3 - ti.try_number, 2)", (3, (3, 2, 2))),
        ("ti.priority_weight + len(ti.task_id + ti.dag_id)", (7, ())),
    ],
)
def test_a_strategy_is_asked_for_each_try_that_a_task_may_have(spec, answer, weights):
    task = spec(STRATEGY.format(answer=answer)).tasks[0]
    assert (task.priority_weight, task.weights) == weights


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (STRATEGY.format(answer="1 / 0"), "asked about task 'a' after 0 tries, raised ZeroDivisionError"),
        (STRATEGY.format(answer="ti.state"), "raised AttributeError"),
        (STRATEGY.format(answer="'high'"), "answered 'high'; it must be a whole number"),
        (STRATEGY.format(answer="2**31"), "it must be a whole number"),
        (
            STRATEGY.format(answer="1").replace("ByTry()", "'nowhere.ByTry'"),
            "weight_rule is 'nowhere.ByTry', of which nothing",
        ),
        (STRATEGY.format(answer="1").replace("ByTry()", "'datetime.datetime'"), "of which nothing could be made"),
        (STRATEGY.format(answer="1").replace("ByTry()", "'builtins.list'"), "that is no PriorityWeightStrategy"),
        (STRATEGY.format(answer="1").replace("weight_rule=ByTry()", "weight_rule=3"), "write one of absolute"),
    ],
)
def test_a_strategy_that_cannot_be_asked_is_a_problem_of_the_file(built, text, sentence):
    found = built(text)
    assert found.dags == ()
    assert sentence in found.problems[0]


def test_a_plugin_that_lists_what_would_be_passed_over_is_refused():
    with pytest.raises(AuthoringError, match="plugin Lost has macros, and plugins are not collected here"):
        type("Lost", (penstock.AirflowPlugin,), {"name": "lost", "macros": [print]})
