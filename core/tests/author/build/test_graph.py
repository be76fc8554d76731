"""The order of a DAG's tasks."""

from graphlib import CycleError
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.author.build.graph import topological_order

IDS = "abcdefgh"


@given(st.sets(st.tuples(st.sampled_from(IDS), st.sampled_from(IDS)).filter(lambda pair: pair[0] < pair[1])))
def test_each_task_stands_behind_those_upstream_of_it(edges):
    upstream = {task_id: {upper for upper, lower in edges if lower == task_id} for task_id in IDS}
    order = topological_order(upstream)
    assert sorted(order) == list(IDS)
    assert all(order.index(upper) < order.index(lower) for upper, lower in edges)


def test_tasks_without_an_edge_between_them_stand_by_name():
    assert topological_order({"c": set(), "a": {"c"}, "b": set()}) == ["b", "c", "a"]


def test_a_cycle_is_told_downstream_by_downstream():
    with pytest.raises(CycleError) as caught:
        topological_order({"a": {"c"}, "b": {"a"}, "c": {"b"}, "d": set()})
    cycle = caught.value.args[1]
    assert cycle[0] == cycle[-1]
    assert {("a", "b"), ("b", "c"), ("c", "a")} == set(pairwise(cycle))
