"""What the surrounding with blocks mean for the next task."""

from penstock.author.dag import DAG
from penstock.author.graph.task_group import TaskGroup
from penstock.author.scope import current_dag, current_group


def test_the_innermost_block_counts_and_the_one_around_it_comes_back():
    assert (current_dag(), current_group()) == (None, None)
    with DAG("outer") as outer:
        with TaskGroup("group") as group:
            assert (current_dag(), current_group()) == (outer, group)
            with DAG("inner") as inner:
                assert (current_dag(), current_group()) == (inner, None)
            assert (current_dag(), current_group()) == (outer, group)
        assert (current_dag(), current_group()) == (outer, None)
    assert current_dag() is None
