"""A DAG that always has live tries is held so that another scheduler can have it: for a stated time, and not again at once."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.model.dag import DagSpec, TaskSpec
from penstock.scheduler.sharing.handover import LONGEST_PAUSE_S, MOST_HELD, PAUSES, Handover
from penstock.scheduler.sharing.ownership import Ownership, owner_of

from .conftest import NOW, House
from .test_several import DAGS, Floor, SlowWorkers


def held_at(handover, misplaced, *instants):
    """Which DAGs are held at each of some instants."""
    found = []
    for now_s in instants:
        handover.decide(misplaced, now_s)
        found.append(sorted(handover.held))
    return found


def test_a_dag_is_held_for_its_time_then_goes_on_and_each_pause_is_twice_the_one_before():
    handover = Handover(10.0, lambda _: True)
    pause_s = PAUSES * 10.0
    assert held_at(handover, ["a"], 0.0, 9.9, 10.0, 9.9 + pause_s) == [["a"], ["a"], [], []]
    assert held_at(handover, ["a"], 10.0 + pause_s, 20.0 + pause_s, 19.0 + 3 * pause_s) == [["a"], [], []]
    assert held_at(handover, ["a"], 20.0 + 3 * pause_s) == [["a"]]


def test_none_is_held_that_is_not_misplaced_any_more_or_whose_tries_may_never_end():
    handover = Handover(10.0, lambda dag_id: dag_id != "sensor")
    assert held_at(handover, ["a", "b", "sensor"], 0.0) == [["a", "b"]]
    assert held_at(handover, ["b"], 1.0) == [["b"]]
    assert held_at(Handover(0.0, lambda _: True), ["a"], 0.0, 1e6) == [[], []]


@given(st.floats(0.1, 100.0), st.lists(st.tuples(st.floats(0.0, 1000.0), st.integers(0, 2 * MOST_HELD)), max_size=40))
def test_few_are_held_at_once_and_none_beyond_its_time(longest_s, looks):
    handover, now_s, since = Handover(longest_s, lambda _: True), 0.0, {}
    for pause_s, many in looks:
        before, now_s = set(handover.held), now_s + min(pause_s, longest_s)
        handover.decide([f"d{number}" for number in range(many)], now_s)
        held = set(handover.held)
        assert len(held) <= MOST_HELD
        since = {dag_id: since[dag_id] if dag_id in before else now_s for dag_id in held}
        assert all(now_s - begun <= longest_s for begun in since.values())


def test_the_longest_pause_is_an_hour():
    handover, now_s = Handover(100.0, lambda _: True), 0.0
    for _ in range(10):
        handover.decide(["a"], now_s)
        now_s += 100.0
        handover.decide(["a"], now_s)
        now_s += LONGEST_PAUSE_S
    handover.decide(["a"], now_s)
    assert list(handover.held) == ["a"]


class Held(SlowWorkers):
    """Tries of which those that began here first do not end before a test says so."""

    def __init__(self, name, floor, idle, ends):
        super().__init__(name, floor, idle)
        self._ends = ends

    def events(self):
        if not self._ends():
            for each in self._at_work:
                each[1] = 3
        return super().events()


def stored_hold(house):
    """Until when a DAG is held, as it is stored."""
    with house.store.database.read() as connection:
        return connection.exec_driver_sql("SELECT max(handover_until) FROM dag").scalar()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("url", ["postgres"], indirect=True)
@pytest.mark.parametrize("handover_s", [60.0, 0.3], ids=["it is handed over", "its tries outlast the hold"])
def test_one_that_joins_gets_a_dag_that_has_tries_all_the_time(url, tmp_path, handover_s):
    moves = next(dag_id for dag_id in DAGS if owner_of(dag_id, (1, 2)) == 2)
    houses = [House(url, tmp_path) for _ in range(2)]
    first, floor, begun, failed, seen = houses[0], Floor({f"t{n}": 1 for n in range(6)}), threading.Event(), [], []
    first.define(DagSpec(moves, "moves.py", tuple(TaskSpec(f"t{n}") for n in range(6)), max_active_tasks=1))
    first.trigger(moves)

    def ends():
        """Its first try ends once it was held, and if that is too short, once it is not any more."""
        begun.set()
        if not seen:
            seen.extend(first.store.role.held_dags())
        return bool(seen) and (handover_s > 1 or len(floor.ran) > 1 or not stored_hold(first))

    def run(house, name, workers):
        try:
            house.handover_s = handover_s
            house.schedule(name, workers)
        except BaseException as error:  # noqa: BLE001 - a thread's error is the test's
            failed.append(error)

    def joins():
        assert begun.wait(60)
        run(houses[1], "1", lambda *_: SlowWorkers("1", floor, houses[1].runs_have_ended))

    threads = [
        threading.Thread(target=run, args=(first, "0", lambda *_: Held("0", floor, first.runs_have_ended, ends))),
        threading.Thread(target=joins),
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []
    assert seen == [(moves, False)]
    assert set(first.states().values()) == {"success"}
    assert sorted(floor.ran.values()) == [1] * 6
    assert (floor.by["0"], floor.by["1"]) == (1, 5) if handover_s > 1 else floor.by["0"] > 1
    for house in houses:
        house.close()


@pytest.fixture
def two(postgres_tables_url, tmp_path):
    """Two that share DAGs, each with its house; all of these are idle."""
    houses = [House(postgres_tables_url, tmp_path) for _ in range(2)]
    houses[0].define(*(houses[0].simple(dag_id) for dag_id in DAGS))
    for place, house in enumerate(houses):
        house.store.role.acquire("a test", NOW, str(place))
    yield houses, [Ownership(house.store.role, lambda _: True) for house in houses]
    for house in houses:
        house.close()


def test_one_that_drains_hands_over_what_is_idle_at_once_and_gets_nothing_unless_it_is_alone(two):
    (first, second), owners = two
    for _ in range(2):
        assert [each.look() for each in owners]
    assert all(each.dag_ids for each in owners)
    first.store.role.drain(NOW)
    gone = set(owners[0].dag_ids)
    assert {each.dag_id for each in second.store.role.held_dags() if each.draining} == gone
    assert set(owners[0].look().lost) == gone
    assert set(owners[1].look().gained) == gone
    assert (owners[0].look().gained, owners[0].dag_ids, owners[1].dag_ids) == ([], set(), set(DAGS))
    assert [(each.draining_since, dags) for each, dags in second.store.role.owners()] == [(NOW, 0), (None, len(DAGS))]
    second.store.role.drain(NOW)
    assert [each.look().lost for each in owners] == [[], []], "nobody is left who could go on with them"


def test_a_dag_that_is_deleted_and_comes_back_is_another_one_to_its_owner_whoever_that_is(two):
    (first, _), owners = two
    for _ in range(2):
        assert [each.look() for each in owners]
    [mine, *_] = sorted(owners[0].dag_ids)
    with first.store.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM dag WHERE dag_id = %s", (mine,))
    assert [(each.look().lost, each.look().gained) for each in owners] == [([], [])] * 2, (
        "there is nothing to decide of it"
    )
    first.define(first.simple(mine))
    moves = [each.look() for each in owners]
    assert [(each.lost, each.gained) for each in moves] == [([mine], [mine]), ([], [])]
    assert owners[0].owns(mine)
    assert (owners[0].look().gained, owners[1].look().gained) == ([], [])
