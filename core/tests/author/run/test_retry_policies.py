"""Policies that look at what was raised, and functions around a task: what becomes of a try by them."""

import pytest

POLICY = """
    class Refused(ConnectionError): ...
    class Odd(RetryPolicy):
        def evaluate(self, exception, try_number, max_tries, context=None):
            if "second" in str(exception):
                raise RuntimeError("it cannot say")
            return RetryDecision.retry(timedelta(seconds=try_number * max_tries), context["ti"].task_id)
    RULES = ExceptionRetryPolicy([
        RetryRule("json.JSONDecodeError", retry_delay=timedelta(seconds=5), reason="half an answer"),
        RetryRule(ConnectionError, RetryAction.FAIL, match_subclasses=False),
        RetryRule([ConnectionError, TimeoutError], RetryAction.RETRY, timedelta(minutes=1)),
        RetryRule("nowhere.at.all.Error", RetryAction.FAIL),
        RetryRule(KeyError, RetryAction.FAIL, reason="it will not come"),
    ])
    def fail(error): raise error
    """


@pytest.mark.parametrize(
    ("policy", "raised", "retryable", "delay", "told"),
    [
        ("RULES", "__import__('json').JSONDecodeError('m', '', 0)", True, 5.0, "(half an answer)"),
        ("RULES", "ConnectionError('gone')", False, None, "ConnectionError: gone"),
        ("RULES", "Refused('no')", True, 60.0, "Refused: no"),
        ("RULES", "TimeoutError()", True, 60.0, "TimeoutError"),
        ("RULES", "KeyError('k')", False, None, "(it will not come)"),
        ("RULES", "ValueError('x')", True, None, "ValueError: x"),
        ("RULES", "FailTask('at once')", False, None, "at once"),
        ("ExceptionRetryPolicy([], default='fail')", "ValueError('x')", False, None, "ValueError: x"),
        ("Odd()", "ValueError('x')", True, 6.0, "(t)"),
        ("Odd()", "ValueError('second')", True, None, "(its retry_policy failed: RuntimeError: it cannot say)"),
    ],
)
def test_what_was_raised_decides_whether_and_when_it_is_tried_again(
    dag_of, tried, policy, raised, retryable, delay, told
):
    dag = dag_of(f"""{POLICY}
    with DAG("d"):
        PythonOperator(task_id="t", python_callable=lambda: fail({raised}), retries=3, retry_policy={policy})
        """)
    ending = tried(dag, "t", try_number=2, max_tries=3)
    assert (ending.outcome, ending.retryable, ending.retry_delay_s) == ("failed", retryable, delay)
    assert told in ending.error.partition("\n")[0]


def test_what_is_no_policy_and_no_rule_is_a_problem_of_its_line(complained):
    complained(
        """
        with DAG("d"):
            EmptyOperator(task_id="a", retry_policy="often")
            EmptyOperator(task_id="b", retry_policy=RetryPolicy())
            ExceptionRetryPolicy(["often"])
            RetryRule("Error", "perhaps")
            RetryRule("Error")
            RetryRule(ValueError, retry_delay=timedelta(seconds=-1))
        """,
        {
            2: [
                "retry_policy is 'often'; write ExceptionRetryPolicy([RetryRule(...)]), or a class of your own with evaluate()."
            ],
            3: ["or a class of your own with evaluate()."],
            4: ["rules hold 'often'; write RetryRule(ConnectionError, ...)."],
            5: ["'perhaps' is not a valid RetryAction"],
            6: ["exception is 'Error'; write a class such as ConnectionError"],
            7: ["retry_delay is"],
        },
    )


def test_a_function_before_and_one_after_execute_see_the_context_and_the_value(dag_of, tried, value):
    dag = dag_of("""
        seen = []
        class Own(PythonOperator):
            def pre_execute(self, context): seen.append("own")
        def after(context, result): seen.append((context["ti"].task_id, result))
        def before(context): seen.append(context["run_id"])
        with DAG("d"):
            PythonOperator(task_id="t", python_callable=lambda: list(seen), pre_execute=before, post_execute=after)
            Own(task_id="own", python_callable=lambda: list(map(str, seen)))
        """)
    assert value(tried(dag, "t")) == ["r1"]
    assert value(tried(dag, "own")) == ["r1", "('t', ['r1'])", "own"]


def test_functions_around_a_task_that_waits_are_refused(complained):
    complained(
        """
        with DAG("d"):
            PythonSensor(task_id="s", python_callable=print, post_execute=print)
            TriggerDagRunOperator(task_id="now", trigger_dag_id="e", post_execute=print)
        """,
        {2: ["a task that waits is poked again and again, and takes no post_execute"]},
    )


def test_a_generator_gives_its_events_what_they_carry_and_returns_its_value(dag_of, tried, value):
    dag = dag_of("""
        a = Asset("a")
        with DAG("d"):
            @task(outlets=[a])
            def good():
                yield Metadata(a, {"x": 1})
                yield Metadata(a, {"y": 2})
                return 3
            @task
            def bad():
                yield 3
            good(), bad()
        """)
    ending = tried(dag, "good")
    assert (value(ending), ending.extras) == (3, {"a": {"x": 1, "y": 2}})
    assert "its function yielded 3; it yields Metadata(asset, {...}) of its outlets alone" in tried(dag, "bad").error
