"""Keys of mapped instances: what `map_index_template` becomes, and when."""

import pytest

from penstock import DAG, BashOperator, FailTask, Operator, SkipTask, get_current_context, task
from penstock.errors import RequestError
from penstock.model.names import LONGEST_MAP_KEY
from penstock.testing import run_dag


def keys_of(dag):
    return [each.map_key for name, each in run_dag(dag).tasks.items() if "[" in name]


def greeting(template, code=lambda _: None, **more):
    """The DAG of a mapped function with a template, over two names."""
    with DAG("d") as dag:

        @task(map_index_template=template, **more)
        def greet(name):
            return code(name)

        greet.expand(name=["ann", "bob"])
    return dag


def set_who(name):
    get_current_context()["who"] = name.upper()


def set_who_and(error):
    def code(name):
        set_who(name)
        raise error

    return code


def ask_for_more(name):
    get_current_context()["ds"] = name


LONG = "x" * 400
TEMPLATES = {
    "arguments of the function": ("{{ task.op_kwargs.name }}", None, ["ann", "bob"]),
    "what the code has set": ("{{ who }} {{ map_index }}", set_who, ["ANN 0", "BOB 1"]),
    "code that fails": ("{{ who }}", set_who_and(FailTask("no")), ["ANN", "BOB"]),
    "code that skips": ("{{ who }}", set_who_and(SkipTask("no")), ["ANN", "BOB"]),
    "plain text": ("one", None, ["one", "one"]),
    "lines": (
        "{{ task.op_kwargs.name }}\n\tof\x1b[2J us\0",
        None,
        ["ann of\\x1b[2J us\\x00", "bob of\\x1b[2J us\\x00"],
    ),
    "too long": (LONG, None, [LONG[: LONGEST_MAP_KEY - 3] + "..."] * 2),
    "nothing": ("{{ '' }}", None, ["", ""]),
    "a value": ("{{ map_index }}", None, ["0", "1"]),
    "none": (None, None, ["", ""]),
}


@pytest.mark.parametrize(("template", "code", "keys"), TEMPLATES.values(), ids=TEMPLATES)
def test_an_instance_gets_the_key_that_its_template_gives(template, code, keys):
    assert keys_of(greeting(template, code or (lambda _: None))) == keys


WRONG = {"{{ nope }}": "the name 'nope' does not exist", "{{ 1 / 0 }}": "division by zero"}


@pytest.mark.parametrize(("template", "problem"), WRONG.items())
def test_a_template_that_fails_names_nothing_and_fails_no_task(template, problem, caplog):
    result = run_dag(greeting(template))
    assert (result.state, result.tasks["greet[0]"].map_key) == ("success", "")
    assert problem in caplog.text


def test_a_template_that_fails_once_the_code_has_run_leaves_the_key_that_there_was(caplog):
    def code(_):
        get_current_context()["who"] = None

    dag = greeting("{{ task.op_kwargs.name }}{% if who is defined %}{{ who.size }}{% endif %}", code)
    assert keys_of(dag) == ["ann", "bob"]
    assert "there is no who.size" in caplog.text


def test_a_name_that_the_context_has_is_not_to_be_set():
    error = run_dag(greeting("{{ ds }}", ask_for_more)).tasks["greet[0]"].errors[0]
    assert error.startswith(
        f"{RequestError.__name__}: context['ds'] says what is known of the run, and is not to be set."
    )


def test_an_operator_and_a_whole_set_of_arguments_have_keys_and_a_task_that_is_not_mapped_has_none():
    class Shout(Operator):
        template_fields = ("text",)

        def __init__(self, *, text, **kwargs):
            super().__init__(**kwargs)
            self.text = text

        def execute(self, context):
            context["shouted"] = self.text.upper()

    with DAG("d", default_args={"map_index_template": "{{ task.bash_command }}"}) as dag:
        BashOperator.partial(task_id="a").expand(bash_command=["true"])
        Shout.partial(task_id="b", map_index_template="{{ task.text }} {{ shouted }}").expand_kwargs(
            [{"text": "{{ run_id[:1] }}"}]
        )
        BashOperator(task_id="c", bash_command="true")
    found = run_dag(dag).tasks
    assert {name: each.map_key for name, each in found.items()} == {"a[0]": "true", "b[0]": "t T", "c": ""}


def test_a_retry_gives_the_key_of_its_own_try():
    tried = []

    def code(name):
        tried.append(name)
        get_current_context()["who"] = f"{name} {tried.count(name)}"
        if tried.count(name) == 1:
            raise ValueError(name)

    assert keys_of(greeting("{{ who }}", code, retries=1, retry_delay=0)) == ["ann 2", "bob 2"]
