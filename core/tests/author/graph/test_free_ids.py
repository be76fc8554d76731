import gc
import sys
from typing import Any

from penstock import DAG, task, task_group
from penstock.author.graph.free_ids import FreeIds


def test_a_label_is_counted_on_from_the_first_id_that_is_free() -> None:
    ids = FreeIds(["f", "f__1", "f__3", "g"])
    found = []
    for _ in range(4):
        suffix = ids.suffix("f")
        found.append(suffix)
        ids.take(f"f{suffix}")
    assert found == ["__2", "__4", "__5", "__6"]
    assert ids.suffix("h") == ""


def test_an_id_that_was_found_and_not_taken_is_found_again() -> None:
    ids = FreeIds(["f"])
    assert (ids.suffix("f"), ids.suffix("f")) == ("__1", "__1")


@task
def step() -> None: ...


def test_a_task_that_is_renamed_frees_its_id() -> None:
    with DAG("d") as dag:
        first = step().operator
        step()
        first.task_id = "other"
        step()
    assert dag.task_ids == ["other", "step__1", "step"]


def test_a_group_that_stands_without_a_prefix_from_now_on_frees_the_ids_of_its_tasks() -> None:
    @task_group
    def around() -> None:
        step()

    with DAG("d") as dag:
        around()
        step()
        dag.groups[0].prefix_group_id = False
        step()
        around()
    assert dag.task_ids == ["step", "step", "step__1", "around__1.step"]


def _calls(count: int) -> int:
    """How many calls it takes to make a DAG of so many tasks."""
    seen = 0

    def note(_frame: Any, _event: str, _argument: Any) -> None:
        nonlocal seen
        seen += 1

    with DAG("d"):
        step()
        gc.disable()  # it would call what others have left to be called
        sys.setprofile(note)
        try:
            for _ in range(count):
                step()
        finally:
            sys.setprofile(None)
            gc.enable()
    return seen


def test_a_task_costs_the_same_in_a_large_dag() -> None:
    assert _calls(300) <= 10 * _calls(30)


def test_a_task_costs_no_more_calls_than_it_did() -> None:
    assert _calls(100) <= 100 * 400  # each call and each return counts; attributes set one by one made it 636
