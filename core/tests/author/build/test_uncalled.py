"""What stands where a task or its value was meant."""

import pytest

WRONG = {
    "f(f)": "it is given the @task function '<lambda>' itself. Call it, <lambda>(...)",
    "f(x=[1, {'a': f}])": "it is given the @task function '<lambda>' itself.",
    "f.expand(x=[f])": "it is given the @task function '<lambda>' itself.",
    "f(f.partial())": "it is given <lambda>.partial(...). Call .expand(...) on that",
    "f(1) >> f": "@task function '<lambda>' cannot stand in a chain of tasks. Call the function",
    "f(1).as_teardown(setups='s')": "'s' cannot stand in a chain of tasks.",
    "ExternalTaskSensor(task_id='e', external_dag_id='o', execution_delta='1d')": "execution_delta is '1d'; write",
    "ExternalTaskSensor(task_id='e', external_dag_id='o', failed_states=['success'])": (
        "'success' is in allowed_states, and in those that fail or skip it."
    ),
}


@pytest.mark.parametrize(("written", "found"), WRONG.items(), ids=WRONG)
def test_what_is_no_task_and_no_value_is_a_problem_of_its_line(complained, written, found):
    complained(f"with DAG('d'):\n    f = task(lambda x: x)\n    {written}\n", {3: [found]})
