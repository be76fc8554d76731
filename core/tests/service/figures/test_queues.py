"""What queues and pools are asked for is worked out of counts, and so are the workers that a queue wants."""

from datetime import UTC, datetime, timedelta

import pytest

from penstock.metrics.exposition import exposition, of_records
from penstock.metrics.labels import bounded_figures
from penstock.metrics.metrics_table import FIGURES
from penstock.model.dag import DagSpec, SensorPolicy, TaskSpec
from penstock.service.figures.figures import of_load
from penstock.service.figures.queues import PoolFigures, load_of, with_workers
from penstock.settings.sharing.queues import WorkerRule
from penstock.store import Counts, HeldTries, WaitingTasks

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SPEC = DagSpec(
    "d",
    "d.py",
    (
        TaskSpec("a"),
        TaskSpec("b", queue="far", pool="narrow"),
        TaskSpec("c", pool="narrow", pool_slots=2),
        TaskSpec("s", sensor=SensorPolicy(60.0)),
    ),
)


def load(waiting=(), held=(), slots=None, limits=None):
    counts = Counts(
        [WaitingTasks("v", task, number, NOW - timedelta(seconds=since)) for task, number, since in waiting],
        [HeldTries(executor, "v", task, number) for executor, task, number in held],
        {}, {}, {}, {},
    )  # fmt: skip
    pools = {"default_pool": 128, "narrow": 4} if slots is None else slots
    specs = {"v": SPEC}
    return load_of(counts, specs.get, pools, NOW, routes={"far": "celery"}, limits=limits or {}, local="local")


CASES = [
    ("nothing", {}, {"default": 0, "far": 0}),
    ("all that waits, where the pool has room", {"waiting": [("a", 200, 5)]}, {"default": 128, "far": 0}),
    ("what runs is wanted, too", {"waiting": [("b", 9, 1)], "held": [("celery", "b", 3)]}, {"default": 0, "far": 4}),
    ("a full pool wants no worker", {"waiting": [("b", 9, 1)], "held": [("celery", "b", 4)]}, {"default": 0, "far": 4}),
    ("one that is overfull neither", {"waiting": [("b", 9, 1)], "held": [("local", "c", 3)]}, {"default": 3, "far": 0}),
    ("the pool is for who waits longest", {"waiting": [("b", 9, 1), ("c", 9, 2)]}, {"default": 2, "far": 0}),
    ("the queue has a limit", {"waiting": [("a", 9, 1)], "limits": {"default": 5}}, {"default": 5, "far": 0}),
    ("a limit below what runs", {"held": [("local", "a", 9)], "limits": {"default": 5}}, {"default": 9, "far": 0}),
    ("no such pool", {"waiting": [("b", 9, 1)], "slots": {}}, {"default": 0, "far": 0}),
    ("sensors hold nothing", {"waiting": [("s", 9, 1)], "held": [("w", "s", 3)]}, {"default": 0, "far": 0}),
    ("a task of no version", {"waiting": [("gone", 9, 1)]}, {"default": 0, "far": 0}),
]


@pytest.mark.parametrize(("given", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_queue_wants_what_its_pools_admit(given, wanted):
    assert {name: queue.wanted for name, queue in load(**given).queues.items()} == wanted


def test_queues_and_pools_tell_what_waits_and_since_when():
    found = load([("b", 2, 5), ("c", 1, 60)], [("celery", "b", 1)])
    far, default = found.queues["far"], found.queues["default"]
    assert (far.executor, far.waiting, far.held, far.oldest_s) == ("celery", 2, 1, 5.0)
    assert (default.executor, default.waiting, default.oldest_s) == ("local", 1, 60.0)
    assert found.pools["narrow"] == PoolFigures(4, 1, 4)
    assert found.executors == {"celery": 1}


@pytest.mark.parametrize(("wanted", "each", "workers"), [(0, 4, 0), (1, 4, 1), (4, 4, 1), (5, 4, 2), (7, 1, 7)])
def test_workers_are_as_many_as_hold_what_is_wanted(wanted, each, workers):
    held = [("local", "a", wanted)] if wanted else []
    assert with_workers(load(held=held).queues["default"], WorkerRule(each)).workers == workers


@pytest.mark.parametrize(
    ("wanted", "least", "most", "workers"), [(0, 2, None, 2), (9, 2, 5, 5), (3, 2, 5, 3), (0, 0, 5, 0), (9, 9, 9, 9)]
)
def test_a_queue_wants_no_fewer_and_no_more_workers_than_its_rule_says(wanted, least, most, workers):
    held = [("local", "a", wanted)] if wanted else []
    found = with_workers(load(held=held).queues["default"], WorkerRule(1, least, most, 30.0))
    assert (found.workers, found.min_workers, found.max_workers, found.cooldown_s) == (workers, least, most, 30.0)


def test_ten_thousand_queues_and_pools_are_shown_as_few_and_none_of_their_tasks_is_left_out():
    tasks = tuple(TaskSpec(f"t{n}", queue=f"q{n}", pool=f"p{n}") for n in range(10_000))
    counts = Counts(
        [WaitingTasks("v", each.task_id, 1, NOW - timedelta(seconds=n)) for n, each in enumerate(tasks)],
        [],
        {},
        {},
        {},
        {},
    )
    specs = {"v": DagSpec("d", "d.py", tasks)}
    found = load_of(
        counts, specs.get, {each.pool: 3 for each in tasks}, NOW, routes={}, limits={}, local="local",
    )  # fmt: skip
    shown = list(bounded_figures(of_load(found), 500))
    assert len(shown) <= 501 * len(FIGURES)
    assert len(exposition(of_records(shown))) < 300_000
    waiting = [each for each in shown if each.name == "queue.waiting"]
    assert (len(waiting), waiting[-1].tags, sum(each.value for each in waiting)) == (501, ("other",), 10_000)
    assert [each.value for each in shown if each.name == "queue.oldest"][-1] == 9_999
    assert sum(each.value for each in shown if each.name == "pool.slots") == 30_000
