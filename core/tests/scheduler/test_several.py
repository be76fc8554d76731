"""Several schedulers over one PostgreSQL, in threads: DAGs are shared out, limits hold for all of them, and nothing runs twice."""

import os
import threading
from collections import Counter

import pytest

from penstock.clock import SystemClock
from penstock.model.assets.asset_condition import AssetCondition
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.history.marked_task import MarkedTask
from penstock.model.schedule import Schedule
from penstock.scheduler.sharing.ownership import owner_of
from penstock.service.clear import clear_tasks, preview_clear
from penstock.service.history.marked_clears import with_marked
from penstock.service.installation import Installation
from penstock.settings import load_settings
from penstock.spec.executor import TryFinished, TryStarted
from penstock.store import Pool
from penstock_testkit.nightly import thinned

from .conftest import NOW, SUCCESS, House, Workers

pytestmark = pytest.mark.parametrize("url", ["postgres"], indirect=True)

DAGS = [f"dag_{number}" for number in range(8)]
TASKS = 12


class Floor:
    """Where the tries of all schedulers run: it sees how many do at once.

    Attributes:
        most: The highest number of slots that were in use at once.
        ran: How often each try began, by its run and task.
        by: How many tries each scheduler ran.
    """

    def __init__(self, slots):
        self._lock, self._slots, self._running = threading.Lock(), slots, 0
        self.most, self.ran, self.by = 0, Counter(), Counter()

    def enter(self, name, request):
        with self._lock:
            self._running += self._slots[request.key.task_id]
            self.most = max(self.most, self._running)
            self.ran[request.key] += 1
            self.by[name] += 1

    def leave(self, request):
        with self._lock:
            self._running -= self._slots[request.key.task_id]


class SlowWorkers(Workers):
    """Tries that take some turns of their scheduler."""

    def __init__(self, name, floor, idle):
        super().__init__(lambda _: [], idle, most=100_000)
        self._name_of, self._floor, self._at_work = name, floor, []

    def submit(self, tries):
        for each in tries:
            self._floor.enter(self._name_of, each)
            self._at_work.append([each, 3])
            self._told.append(TryStarted(each.key, each.epoch, 7, NOW))

    def events(self):
        for each in list(self._at_work):
            each[1] -= 1
            if not each[1]:
                self._at_work.remove(each)
                self._floor.leave(each[0])
                self._told.append(TryFinished(each[0].key, each[0].epoch, NOW, SUCCESS))
        return super().events()


@pytest.fixture
def houses(url, tmp_path):
    made = [House(url, tmp_path) for _ in range(2)]
    yield made
    for house in made:
        house.close()


def schedule_all(houses, floor, settled=lambda house: house.runs_have_ended):
    """Run a scheduler in each house, until everything has ended, or what a test says."""
    failed = []

    def run(house, name):
        def workers(*_):
            return SlowWorkers(name, floor, settled(house))

        try:
            house.schedule(name, workers)
        except BaseException as error:  # noqa: BLE001 - a thread's error is the test's
            failed.append(error)
            os.write(2, f"{name}: {error!r}\n".encode())

    threads = [threading.Thread(target=run, args=(house, str(place))) for place, house in enumerate(houses)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("slots", "needs"),
    thinned([pytest.param(4, 3, id="large"), pytest.param(3, 1, id="few"), pytest.param(1, 1, id="one")], 3),
)
def test_a_pool_holds_for_all_schedulers_and_each_task_runs_once(houses, slots, needs):
    assert {owner_of(dag_id, (1, 2)) for dag_id in DAGS} == {1, 2}
    first = houses[0]
    tasks = tuple(TaskSpec(f"t{n}", pool="shared", pool_slots=needs if n % 4 == 0 else 1) for n in range(TASKS))
    first.define(*(DagSpec(dag_id, f"{dag_id}.py", tasks) for dag_id in DAGS))
    first.store.config.put_pool(Pool("shared", slots, ""), NOW)
    for dag_id in DAGS:
        first.trigger(dag_id)
    floor = Floor({task.task_id: task.pool_slots for task in tasks})
    schedule_all(houses, floor)
    assert first.states_of(DAGS[0]) == {"one": "success"}
    assert set(first.states().values()) == {"success"}
    assert floor.most <= slots
    assert sorted(floor.ran.values()) == [1] * len(DAGS) * TASKS
    assert len(floor.by) == 2, "both have worked"


@pytest.mark.timeout(240)
def test_an_event_of_an_asset_makes_runs_of_a_dag_that_another_scheduler_owns(houses):
    makes, uses = (next(d for d in DAGS if owner_of(d, (1, 2)) == number) for number in (1, 2))
    first = houses[0]
    task, waits = TaskSpec("t0", outlets=("table",)), Schedule(assets=AssetCondition("table"))
    first.define(DagSpec(makes, "makes.py", (task,)), DagSpec(uses, "uses.py", (TaskSpec("t0"),), schedule=waits))
    floor, seen = Floor({"t0": 1}), []

    def settled(house):
        def asked():
            owners = [number for _, number in house.store.role.owners()]
            if owners == [1, 1] and not seen:
                seen.append(house)
                house.trigger(makes)
            return bool(seen) and len(first.states_of(uses)) == 1 and house.runs_have_ended()

        return asked

    schedule_all(houses, floor, settled)
    assert set(first.states().values()) == {"success"}
    assert len(first.states()) == 2
    assert len(floor.by) == 2, "each has run its own"


@pytest.mark.timeout(240)
def test_a_clear_that_follows_a_mark_is_carried_out_by_the_owners_of_both_dags(houses, tmp_path):
    marks, marked = (next(d for d in DAGS if owner_of(d, (1, 2)) == number) for number in (1, 2))
    first = houses[0]
    first.define(
        DagSpec(marks, "marks.py", (TaskSpec("t0", marks=MarkedTask(marked, "t0", "", 10)), TaskSpec("t1"))),
        DagSpec(marked, "marked.py", (TaskSpec("t0"), TaskSpec("t1", upstream=("t0",)), TaskSpec("t2"))),
    )
    for dag_id in (marks, marked):
        first.trigger(dag_id, logical_date=NOW)
    floor, asked, before = Floor({"t0": 1, "t1": 1, "t2": 1}), [], Counter()

    def clear():
        settings = load_settings({"PENSTOCK_CORE__STATE_FOLDER": str(tmp_path)}, tmp_path)
        seen = Installation(
            settings, SystemClock(), open_store=lambda _: first.store, find_plugins=None, open_vault=None, create=False
        )
        found = with_marked(seen, [preview_clear(seen, marks, "one", tasks=["t0"])])
        before.update(floor.by)
        clear_tasks(seen, *found.clears)
        asked.append([(each.run.dag_id, each.tasks) for each in found.clears])  # from now on either may stop

    def settled(house):
        def look():
            owners = [number for _, number in house.store.role.owners()]
            if owners == [1, 1] and house is first and not asked and len(floor.ran) == 5 and house.runs_have_ended():
                clear()
            return bool(asked) and house.runs_have_ended()

        return look

    schedule_all(houses, floor, settled)
    assert asked == [[(marks, ["t0"]), (marked, ["t0", "t1"])]]
    assert set(first.states().values()) == {"success"}
    assert sorted(floor.ran.values()) == [1, 1, 2, 2, 2]
    assert sorted((floor.by - before).values()) == [1, 2], "each owner has run what was cleared of its own"
