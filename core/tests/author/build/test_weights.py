"""Priorities by weight rules, against the sum over all that can be reached."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.author.build.weights import effective_weights
from penstock.author.construct.weight_rule import WeightRule

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
