"""A step is done once for all tries of a task: its value is kept before it is returned, and found by its name."""

import asyncio
from contextvars import copy_context
from dataclasses import dataclass
from threading import Thread

import pytest

from penstock import DAG, FailTask, PokeResult, Sensor, step, task
from penstock.author.run.context import Context, current_context
from penstock.errors import RequestError, SupersededError
from penstock.model.attempt import TryFacts, TryInputs
from penstock.model.values.not_serialisable import NotSerialisableError
from penstock.testing import FakeRuntime, run_dag


@dataclass
class Found:
    number: int


class Task:
    """A task instance whose tries run as functions of the test."""

    def __init__(self):
        self.runtime, self.calls = FakeRuntime(), []

    def tries(self, function):
        token = current_context.set(Context(TryFacts("d", "r", "t"), TryInputs(), self.runtime))
        try:
            return function()
        finally:
            current_context.reset(token)

    def work(self, value, error=None):
        self.calls.append(value)
        if error is not None:
            raise error
        return value

    async def work_later(self, value):
        await asyncio.sleep(0)
        return self.work(value)


@pytest.fixture
def instance():
    return Task()


def test_a_later_try_gets_the_value_without_a_call(instance):
    for _ in range(3):
        value = instance.tries(lambda: step("load", instance.work, Found(7)))
        assert value == Found(7)
    assert instance.calls == [Found(7)]


def test_the_first_try_gets_what_a_later_one_will_get(instance):
    first, second = (instance.tries(lambda: step("load", lambda: {1: (None, {2})})) for _ in range(2))
    assert first == second == {1: (None, {2})}
    assert instance.tries(lambda: step("nothing", instance.work, None)) is None
    assert instance.tries(lambda: step("nothing", instance.work, None)) is None
    assert instance.calls == [None]


def test_a_function_that_raises_has_kept_nothing(instance):
    with pytest.raises(ValueError, match="no"):
        instance.tries(lambda: step("load", instance.work, 1, ValueError("no")))
    assert instance.tries(lambda: step("load", instance.work, 2)) == 2


def test_steps_are_found_by_name_and_key_in_any_order(instance):
    def forth():
        return [step("one", instance.work, 1), *(step("many", instance.work, each, key=each) for each in (10, 11))]

    def back():
        return [*(step("many", instance.work, 0, key=each) for each in (11, 10)), step("one", instance.work, 0)]

    assert (instance.tries(forth), instance.tries(back)) == ([1, 10, 11], [11, 10, 1])
    assert instance.calls == [1, 10, 11]


def test_a_step_may_be_made_of_steps(instance):
    def outer():
        return step("inner", instance.work, 1) + 1

    def fails():
        step("outer", outer)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the test's own
        instance.tries(fails)
    assert instance.tries(lambda: step("outer", outer)) == 2
    assert instance.calls == [1]


def test_a_step_that_begins_twice_in_one_try_is_an_error(instance):
    def twice():
        step("load", instance.work, 1, key="a")
        step("load", instance.work, 1, key="b")
        step("load", instance.work, 2, key="a")

    with pytest.raises(FailTask, match=r"step 'load' with the key 'a' has begun twice in this try\. Give each"):
        instance.tries(twice)
    assert instance.calls == [1, 1]


@pytest.mark.parametrize(
    ("on_change", "value", "calls"), [("reuse", 1, [1]), ("rerun", 2, [1, 2])], ids=["reuse", "rerun"]
)
def test_another_version_of_the_work_reuses_or_replaces_the_value(instance, on_change, value, calls):
    instance.tries(lambda: step("load", instance.work, 1))
    for _ in range(2):
        assert instance.tries(lambda: step("load", instance.work, 2, version=2, on_change=on_change)) == value
    assert instance.calls == calls


def test_another_version_of_the_work_fails_unless_it_says_what_to_do(instance):
    instance.tries(lambda: step("load", instance.work, 1, version="a"))
    with pytest.raises(
        FailTask, match=r"done by version 'a' of its code in an earlier try, and is version 'b' now\. Clear"
    ):
        instance.tries(lambda: step("load", instance.work, 2, version="b"))
    assert instance.calls == [1]


def test_what_is_to_become_of_another_version_is_one_of_three(instance):
    with pytest.raises(FailTask, match="on_change is 'retry'; write 'fail' or 'reuse' or 'rerun'"):
        instance.tries(lambda: step("load", instance.work, 1, on_change="retry"))
    assert instance.calls == []


def test_async_steps_run_together_and_are_each_done_once(instance):
    async def many():
        return await asyncio.gather(*(step("many", instance.work_later, each, key=each) for each in range(5)))

    for _ in range(2):
        assert instance.tries(lambda: asyncio.run(many())) == [0, 1, 2, 3, 4]
    assert sorted(instance.calls) == [0, 1, 2, 3, 4]


def test_a_thread_does_steps_in_a_copy_of_the_context(instance):
    def threads():
        made = [Thread(target=copy_context().run, args=(step, f"s{n}", instance.work, n)) for n in range(4)]
        for each in made:
            each.start()
        for each in made:
            each.join()
        return [step(f"s{n}", instance.work, n, key="again") for n in range(2)]

    assert instance.tries(threads) == [0, 1]
    assert instance.tries(lambda: [step(f"s{n}", instance.work, 9) for n in range(4)]) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["", "a b", "x" * 101, "a:b", "\n", 7], ids=repr)
def test_a_name_that_cannot_be_one_is_refused(instance, name):
    with pytest.raises(FailTask, match="a name has 1 to 100 letters"):
        instance.tries(lambda: step(name, instance.work, 1))
    assert instance.calls == []


@pytest.mark.parametrize("key", [" a", "x" * 101, "a\0", 1.5, None], ids=repr)
def test_a_key_that_cannot_be_one_is_refused(instance, key):
    with pytest.raises(FailTask, match="a key is a number, or has up to 100 printable characters"):
        instance.tries(lambda: step("load", instance.work, 1, key=key))
    assert instance.calls == []


def test_a_value_that_cannot_be_kept_is_refused(instance):
    with pytest.raises(NotSerialisableError):
        instance.tries(lambda: step("load", object))


def test_outside_of_a_task_there_are_no_steps():
    with pytest.raises(RequestError, match="outside of a running task"):
        step("load", int)


def test_a_try_that_is_over_keeps_nothing(instance):
    def superseded(key, value):
        raise SupersededError("it is over")

    instance.runtime.set_checkpoint = superseded
    with pytest.raises(SupersededError):
        instance.tries(lambda: step("load", instance.work, 1))
    assert instance.runtime.checkpoints == {}


def test_each_mapped_instance_has_steps_of_its_own_and_each_poke_may_do_them():
    calls = []

    class Waits(Sensor):
        def poke(self, context):
            number = step("begin", lambda: calls.append("begun") or 3)
            seen = context["checkpoints"].get("seen", False)
            context["checkpoints"].set("seen", True)
            return PokeResult(seen, number)

    with DAG("d") as dag:

        @task(retries=1, retry_delay=1)
        def work(n, try_number):
            value = step("one", lambda: calls.append(n) or n * 10)
            if try_number == 1:
                raise ValueError
            return value

        work.expand(n=[1, 2])
        Waits(task_id="waits", poke_interval=1)
    found = run_dag(dag).check()
    assert found.value("work") == [10, 20]
    assert sorted(calls, key=str) == [1, 2, "begun"]


def test_what_is_no_function_is_no_step():
    with pytest.raises(FailTask, match="step 'a': what it does is 5; give a function"):
        Task().tries(lambda: step("a", 5))
