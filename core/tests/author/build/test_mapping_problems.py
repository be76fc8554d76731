"""What can be wrong with mapped groups and with values that are joined, each with its line and what to write."""

import pytest

WRONG = [
    pytest.param(
        """
        @task
        def f(x): return [x]
        @task_group
        def inner(x): f.override(task_id="in")(x)
        @task_group
        def g(x, y=1):
            f.expand(x=[1])
            inner.expand(x=[1])
            return x
        with DAG("d"):
            g.expand(z=[1])
            g.partial(x=1).expand(x=[2])
            g.expand(x=[f(1)])
            f(g.expand(x=7))
            g.expand()
        """,
        {
            7: ["is mapped, and stands in task group 'g', which is mapped, too. Indexes have one level"],
            8: ["task group 'g.inner' is mapped, and stands in task group 'g'"],
            11: ["takes no argument 'z'", "its function misses 'x'."],
            12: ["'x' is given to partial() and to expand()."],
            13: ["expand(x=...) holds the value of a task inside a list"],
            14: [
                "expand(x=...) was given int",
                "is given the argument 'x' of task group 'g__3', and stands outside of it.",
            ],
            15: ["expand() needs at least one argument to map over.", "its function misses 'x'."],
        },
        id="mapped task groups",
    ),
    pytest.param(
        """
        @task
        def f(): return [1]
        with DAG("d"):
            a = f()
            a.zip([1])
            a.map(f)
            BashOperator(task_id="b", bash_command="echo {}".format(a.concat(a)))
        """,
        {
            5: [".zip() was given a list. Give it values of tasks"],
            6: ["Write a plain function; a task of its own is mapped by .expand(...)."],
            7: ["f.output.concat(f.output) cannot be written into a text or a template."],
        },
        id="values that are joined",
    ),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_a_problem_of_a_mapping_names_its_line_and_what_to_write(complained, text, expected):
    complained(text, expected)
