"""What authors write to have somebody told, as rules."""

import pytest

from penstock.model.dag import AlertRule
from penstock.model.state import AlertEvent

E = AlertEvent
PRINT = ("builtins.print",)


@pytest.mark.parametrize(
    ("arguments", "rules"),
    [
        pytest.param("", (), id="nobody is told"),
        pytest.param('alerts=[Alert("task_failed", to="ops")]', (AlertRule((E.TASK_FAILED,), ("ops",)),), id="one"),
        pytest.param(
            'alerts=[Alert(["task_slow", "task_failed"], to=["ops", print], after=timedelta(minutes=1))]',
            (AlertRule((E.TASK_SLOW, E.TASK_FAILED), ("ops",), 60.0, "alerts.0", PRINT),),
            id="several, a function among them",
        ),
        pytest.param(
            "on_failure_callback=print",
            (AlertRule((E.TASK_FAILED,), callback="on_failure_callback", functions=PRINT),),
            id="a",
        ),
        pytest.param(
            "on_retry_callback=[print]",
            (AlertRule((E.TASK_RETRIED,), callback="on_retry_callback", functions=PRINT),),
            id="b",
        ),
        pytest.param(
            "on_success_callback=print",
            (AlertRule((E.TASK_SUCCEEDED,), callback="on_success_callback", functions=PRINT),),
            id="c",
        ),
        pytest.param(
            "on_skipped_callback=print",
            (AlertRule((E.TASK_SKIPPED,), callback="on_skipped_callback", functions=PRINT),),
            id="d",
        ),
        pytest.param(
            "on_execute_callback=print",
            (AlertRule((E.TASK_STARTED,), callback="on_execute_callback", functions=PRINT),),
            id="e",
        ),
        pytest.param("on_failure_callback=None, email=None, alerts=None", (), id="None is nobody"),
        pytest.param(
            'email="a@b.c; d@e.f"',
            (AlertRule((E.TASK_FAILED, E.TASK_RETRIED), ("mailto:a@b.c", "mailto:d@e.f")),),
            id="f",
        ),
        pytest.param(
            'email=["a@b.c"], email_on_retry=False',
            (AlertRule((E.TASK_FAILED,), ("mailto:a@b.c",)),),
            id="no mail of retries",
        ),
        pytest.param('email="a@b.c", email_on_failure=False, email_on_retry=False', (), id="no mail at all"),
        pytest.param(
            'email="a@b.c", email_on_failure=False, email_on_retry=False, sla=timedelta(hours=1)',
            (AlertRule((E.TASK_MISSED_DEADLINE,), ("mailto:a@b.c",), 3600.0),),
            id="a deadline",
        ),
    ],
)
@pytest.mark.parametrize("where", ["task", "default_args", "mapped"])
def test_arguments_of_a_task_are_rules(spec, where, arguments, rules):
    text = {
        "task": f'with DAG("d"):\n    EmptyOperator(task_id="t", {arguments})',
        "default_args": f'with DAG("d", default_args=dict({arguments})):\n    EmptyOperator(task_id="t")',
        "mapped": f'with DAG("d"):\n    BashOperator.partial(task_id="t", {arguments}).expand(bash_command=["a"])',
    }[where]
    dag = spec(text)
    assert (dag.task("t").alerts, dag.alerts, dag.alerting) == (rules, (), bool(rules))


def test_rules_of_a_dag_are_about_its_runs(spec):
    dag = spec(
        'with DAG("d", on_failure_callback=print, alerts=[Alert("run_recovered", to="ops")]):\n    EmptyOperator(task_id="t")'
    )
    assert dag.alerts == (
        AlertRule((E.RUN_FAILED,), callback="on_failure_callback", functions=PRINT), AlertRule((E.RUN_RECOVERED,), ("ops",)),
    )  # fmt: skip


def test_functions_are_named_by_their_module_and_others_that_are_called_by_their_class(spec):
    dag = spec("""
    class Caller:
        def __call__(self, context): ...

    def told(context): ...

    from functools import partial
    with DAG("d", on_failure_callback=[told, Caller(), partial(told)]):
        EmptyOperator(task_id="t")
    """)
    ((name, caller, partly),) = [rule.functions for rule in dag.alerts]
    assert (name.rpartition(".")[2], caller.rpartition(".")[2], partly) == ("told", "Caller", name)
