"""What a task asks of its machine, in the forms that people write it in, and what it tells executors."""

import pytest

from penstock.author.construct.task_resources import (
    config_problems,
    executor_config_of,
    memory_text,
    resource_problems,
    resources_of,
)
from penstock.model.dag import to_json


@pytest.mark.parametrize(
    ("given", "cpu", "memory"),
    [
        (None, 0.0, 0),
        ({}, 0.0, 0),
        ({"cpu": 2}, 2.0, 0),
        ({"cpu": 0.25, "memory": None}, 0.25, 0),
        ({"cpu": "500m"}, 0.5, 0),
        ({"cpu": "1.5"}, 1.5, 0),
        ({"memory": "4Gi"}, 0.0, 4 << 30),
        ({"memory": "4G"}, 0.0, 4_000_000_000),
        ({"memory": "1.5Mi"}, 0.0, 3 << 19),
        ({"memory": "2048k"}, 0.0, 2_048_000),
        ({"memory": "2048Ki"}, 0.0, 2 << 20),
        ({"memory": 1 << 20, "cpu": 4096}, 4096.0, 1 << 20),
    ],
)
def test_each_form_of_a_request_is_read(given, cpu, memory):
    assert not list(resource_problems(given))
    assert resources_of(given) == (cpu, memory)


@pytest.mark.parametrize(
    "given",
    [
        {"cpu": 0}, {"cpu": -1}, {"cpu": "-1"}, {"cpu": True}, {"cpu": float("nan")}, {"cpu": 10**400}, {"cpu": "500 m"},
        {"cpu": "9" * 5000}, {"cpu": "\u0663"}, {"cpu": 4097}, {"memory": 4}, {"memory": "4"}, {"memory": "512"}, {"memory": "4gib"},
        {"memory": "4ki"}, {"memory": 1.5e9}, {"memory": True}, {"memory": "9999999Ti"}, {"memory": "1Ki"}, {"gpu": 1}, {1: 2}, "4Gi", [1],
    ],
)  # fmt: skip
def test_what_says_nothing_that_a_machine_could_be_asked_is_refused(given):
    assert len(list(resource_problems(given))) == 1


def test_a_hash_changes_only_where_something_is_asked_for(spec):
    text = 'with DAG("d"):\n    EmptyOperator(task_id="a"{})'
    plain = to_json(spec(text.format("")))
    assert to_json(spec(text.format(", resources=None, executor_config={}"))) == plain
    assert b"memory" not in plain
    assert b"executor_config" not in plain
    full = spec(
        text.format(', resources={"cpu": "1500m", "memory": "1Gi"}, executor_config={"aws": {"tags": ("a", 1)}}')
    )
    task = full.task("a")
    assert (task.cpu, task.memory_bytes, task.executor_config) == (1.5, 1 << 30, {"aws": {"tags": ["a", 1]}})


@pytest.mark.parametrize(
    "given", [{"a": {1}}, {"a": float("inf")}, {"a": 1 << 64}, {"a": "\ud800"}, {"a": {2: 3}}, [1], "x"]
)
def test_what_executors_cannot_be_told_is_refused(given):
    assert len(list(config_problems(given))) == 1


def test_a_config_without_end_is_refused():
    endless: dict[str, object] = {}
    endless["a"] = endless
    assert len(list(config_problems(endless))) == 1
    assert len(list(config_problems({"a": [0] * 6000}))) == 1
    assert executor_config_of({"a": (1, {"b": None})}) == {"a": [1, {"b": None}]}


@pytest.mark.parametrize(
    ("size", "text"), [(512 << 20, "512Mi"), (4 << 30, "4Gi"), (1000, "1000 bytes"), (1_500_000_000, "1.397Gi")]
)
def test_a_number_of_bytes_is_written_as_people_ask_for_it(size, text):
    assert memory_text(size) == text


def test_what_is_wrong_is_a_problem_at_its_line(complained):
    complained(
        """
        with DAG("d"):
            EmptyOperator(task_id="a", resources={"cpu": "half", "memroy": 1})
            EmptyOperator(task_id="b", resources={"memory": "4"}, executor_config={"kubernetes": {"image": object()}})
            EmptyOperator(task_id="c", resources="4Gi", executor_config={1: 2})
            d = EmptyOperator(task_id="d")
        d.resources = {"cpu": -1}
        """,
        {
            2: [
                "the cpu of resources is 'half'; write a number",
                "resources takes no 'memroy'. Did you mean 'memory'?",
            ],
            3: ["the memory of resources is '4'; write text such as", "executor_config holds <object object"],
            4: ["resources is '4Gi'; write a dict such as", "executor_config has the key 1; write text"],
            6: ["the cpu of resources is -1; write a number"],
        },
    )
