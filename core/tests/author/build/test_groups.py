"""Edges of task groups: nested ones, ones without tasks, and every order in which they can be drawn."""

import random

import pytest

from penstock.author.build.build import build_dag
from penstock.author.dag import DAG
from penstock.author.graph.task_group import TaskGroup
from penstock.author.operator import EmptyOperator

# Groups and tasks, a deeper one indented; edges; what runs after what then. The edges are those of Apache Airflow 3.3 but for the
# last four rows: there it looks at a group as it stands when an edge is drawn, and empty ones count only in some orders.
CASES = {
    "edges of inner groups count": (
        "outer( i1( x ) i2( y ) ) z",
        "i1>i2 outer>z",
        {"outer.i2.y": ["outer.i1.x"], "z": ["outer.i2.y"]},
    ),
    "between two groups and a task": (
        "a outer( first inner( m ) last ) z",
        "first>inner inner>last a>outer outer>z",
        {"outer.first": ["a"], "outer.inner.m": ["outer.first"], "outer.last": ["outer.inner.m"], "z": ["outer.last"]},
    ),
    "an edge into a group from a task beside it": (
        "outer( i1( x y ) t ) z",
        "x>y y>t outer>z",
        {"outer.i1.y": ["outer.i1.x"], "outer.t": ["outer.i1.y"], "z": ["outer.t"]},
    ),
    "three deep": (
        "a g( h( i( x y ) j( k ) ) ) z",
        "i>j a>g g>z",
        {"g.h.i.x": ["a"], "g.h.i.y": ["a"], "g.h.j.k": ["g.h.i.x", "g.h.i.y"], "z": ["g.h.j.k"]},
    ),
    "an empty group in a chain": ("a e( ) z", "a>e e>z", {"z": ["a"]}),
    "two empty groups in a chain": ("a e( ) f( ) z", "a>e e>f f>z", {"z": ["a"]}),
    "an empty group between groups": ("g( x ) e( ) h( y )", "g>e e>h", {"h.y": ["g.x"]}),
    "an empty group in another": ("a o( e( ) ) z", "a>o o>z", {"z": ["a"]}),
    "an empty group beside work": ("a g( e( ) x ) z", "a>g g>z", {"g.x": ["a"], "z": ["g.x"]}),
    "an empty group after work": ("a g( x e( ) y ) z", "x>e e>y a>g g>z", {"g.x": ["a"], "g.y": ["g.x"], "z": ["g.y"]}),
}


def drawn(tree, edges):
    """Build a DAG of a tree of groups and tasks, and draw edges in this order; what is upstream of each task."""
    with DAG("d") as dag:
        made, open_groups = {}, []
        for word in tree.split():
            if word == ")":
                open_groups.pop().__exit__(None, None, None)
            elif word.endswith("("):
                made[word[:-1]] = group = TaskGroup(word[:-1])
                open_groups.append(group.__enter__())
            else:
                made[word] = EmptyOperator(task_id=word)
        for edge in edges:
            upper, lower = edge.split(">")
            made[upper] >> made[lower]
    found = {}
    for upper, lower in dag.graph().edges():
        found.setdefault(lower.task_id, []).append(upper.task_id)
    return {lower: sorted(uppers) for lower, uppers in found.items()}


@pytest.mark.parametrize(("tree", "edges", "expected"), CASES.values(), ids=CASES)
def test_edges_of_groups_in_whatever_order_they_are_drawn(tree, edges, expected):
    chance = random.Random(tree)
    for _ in range(8):
        order = edges.split()
        chance.shuffle(order)
        assert drawn(tree, order) == expected, order


@pytest.mark.parametrize(
    ("prefixes", "task_id", "group_id"),
    [
        ((True, True), "g.h.plain", "g.h"),
        ((True, False), "plain", "g.h"),
        ((False, True), "h.plain", "h"),
        ((False, False), "plain", "h"),
    ],
)
def test_a_group_without_prefix_puts_none_before_the_ids_in_it(prefixes, task_id, group_id):
    with DAG("d"), TaskGroup("g", prefix_group_id=prefixes[0]), TaskGroup("h", prefix_group_id=prefixes[1]) as inner:
        task = EmptyOperator(task_id="plain")
    assert (task.task_id, inner.group_id) == (task_id, group_id)


@pytest.mark.parametrize(
    ("names", "inside", "last"),
    [
        ("swt", "s >> w >> t.as_teardown(setups=s)", ["w"]),
        ("swtx", "s >> w >> t.as_teardown(setups=s) >> x", ["x"]),
        ("swtx", "s >> w; w >> t.as_teardown(setups=s); w >> x", ["x"]),
        ("swtx", "s >> w >> t.as_teardown(setups=s) >> x.as_teardown()", ["w"]),
        ("st", "s >> t.as_teardown(setups=s)", ["before"]),
        ("t", "t.as_teardown()", ["before"]),
        ("sx", "x.as_teardown(setups=s); TaskGroup('inner') >> x", ["before"]),
    ],
)
def test_after_a_group_means_after_its_last_work(names, inside, last):
    with DAG("d") as dag:
        with TaskGroup("g", prefix_group_id=False) as group:
            made = {name: EmptyOperator(task_id=name) for name in names}
            exec(inside, {"TaskGroup": TaskGroup}, made)
        before, after = EmptyOperator(task_id="before"), EmptyOperator(task_id="after")
        before >> group >> after
    assert sorted(upper.task_id for upper, lower in dag.graph().edges() if lower is after) == last


def test_a_branch_that_chooses_an_empty_group_chooses_what_follows_it(dag_of):
    dag = dag_of("""
        with DAG("d"):
            @task.branch
            def pick(): return ["e"]
            with TaskGroup("e") as empty: pass
            a, b = EmptyOperator(task_id="a"), EmptyOperator(task_id="b")
            picked = pick()
            picked >> empty >> a
            picked >> b
        """)
    assert build_dag(dag).groups == {"e": ("a",)}
