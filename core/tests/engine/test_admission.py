"""The choice among what is ready, with nothing around it: shares, reservations, and what a decision costs."""

from hypothesis import given, settings
from hypothesis import strategies as st
from stage import Stage, calls, dag

from penstock.engine.limits.admission import Admission
from penstock.engine.limits.fairness import Competitor, Tenant
from penstock.engine.limits.parking import PATIENCE
from penstock.engine.limits.resource import Resource
from penstock.engine.messages import PoolsUpdated
from penstock.model.dag import TaskSpec
from penstock_testkit.nightly import at_night


@settings(max_examples=at_night(60, 20), deadline=None)
@given(st.lists(st.floats(0.25, 8), min_size=2, max_size=5))
def test_the_shares_of_tenants_that_always_want_more_differ_by_one_task_of_each_at_most(weights):
    admission, places, given = Admission(), Resource("places", 1), [0.0] * len(weights)
    for number, weight in enumerate(weights):
        competitor = Competitor(Tenant(number, weight), number)
        for _ in range(100):
            admission.add(Item(number), ((places, 1),), competitor)
    for _ in range(100):
        (item,) = admission.admit()
        admission.release(item)
        given[item.name] += 1 / weights[item.name]
        # The bound of the paper on start-time fair queueing, its theorem 1.
        assert all(
            abs(given[one] - given[other]) <= 1 / weights[one] + 1 / weights[other] + 1e-9
            for one in range(len(weights))
            for other in range(one)
        )


def test_a_large_need_is_passed_so_many_times_and_then_what_gets_free_is_kept_for_it():
    stage = Stage(
        dag(TaskSpec("big", pool_slots=4), *(TaskSpec(f"t{n:03}") for n in range(60)), max_active_tasks=0),
        pools={"default_pool": 3},
    )
    stage.trigger()
    stage.step(PoolsUpdated({"default_pool": 4}))
    while "big" not in stage.running():
        stage.finish(stage.running()[0])
    assert sum(task.state == "success" for task in stage.store.tasks.values()) == PATIENCE + 3
    stage.finish("big")
    assert stage.running() == ["t013", "t014", "t015", "t016"]


class Pool:
    """A pool of three slots with nothing but an admission around it."""

    def __init__(self):
        self.admission, self.pool, self.out = Admission(), Resource("pool 'p'", 3), []

    def add(self, name, competitor, priority=1, amount=1, also=()):
        item = Item(name, priority)
        self.admission.add(item, (*also, (self.pool, amount)), competitor)
        return item

    def turn(self):
        """The one that went out first ends, and others go out; all that are out."""
        if self.out:
            self.admission.release(self.out.pop(0))
        self.out += self.admission.admit()
        return [item.name for item in self.out]

    def pass_over(self, competitor, big):
        """Have small ones pass a large one until slots are kept for it."""
        for number in range(3):
            self.add(f"first {number}", competitor)
        self.turn()
        self.add("big", competitor, amount=3, also=big)
        for number in range(PATIENCE + 1):
            self.add(f"small {number}", competitor)
            assert self.turn()[-1] == f"small {number}"


def test_while_slots_are_kept_only_a_higher_priority_of_the_same_tenant_passes_and_a_small_one_says_why_it_waits():
    house, ours, theirs = Pool(), Competitor(Tenant(0), 1), Competitor(Tenant(2), 3)
    house.pass_over(ours, ())
    waits = [house.add("late", ours), house.add("other", theirs, priority=9)]
    house.add("urgent", ours, priority=2)
    assert house.turn()[-1] == "urgent"
    house.turn()
    told = "pool 'p' keeps its free 1 for a task that needs 3 and was passed 11 times"
    assert [house.admission.refusal(item)[1] for item in waits] == [told, told]
    while "big" not in house.turn():
        assert {"late", "other"}.isdisjoint(item.name for item in house.out)
    assert set(house.turn()) == {"late", "other"}


def test_nothing_is_kept_for_what_waits_for_another_limit_as_well():
    house, own, competitor = Pool(), Resource("own", 1), Competitor(Tenant(0), 1)
    house.pass_over(competitor, ((own, 1),))
    house.add("kept", competitor)
    assert "kept" not in house.turn()
    own.closed = "own is closed"
    assert [item.name for item in house.admission.admit()] == ["kept"]


def test_what_is_kept_for_one_that_is_dropped_goes_to_the_others():
    house, competitor = Pool(), Competitor(Tenant(0), 1)
    house.pass_over(competitor, ())
    house.add("kept", competitor)
    assert "kept" not in house.turn()
    big = next(item for bucket in house.admission.waiting_for(house.pool) for item in bucket if item.name == "big")
    house.admission.drop(big)
    assert [item.name for item in house.admission.admit()] == ["kept"]


TENANT = Tenant(0)


class Item:
    def __init__(self, name, priority=1):
        self.name, self.priority, self.bucket, self.holds = name, priority, None, ()


def test_a_release_looks_at_few_of_many_parked_buckets():
    looks = 0

    class Counted(Resource):
        __slots__ = ()

        def has_room(self, amount):
            nonlocal looks
            looks += 1
            return super().has_room(amount)

    admission, places = Admission(), Counted("places", 1)
    for number in range(2000):
        admission.add(Item(number), ((Resource(f"own {number}", 1), 1), (places, 1)), Competitor(TENANT, number))
    (first,) = admission.admit()
    looks = 0
    admission.release(first)
    assert len(list(admission.admit())) == 1
    assert looks < 10


def cost_of_a_decision(signatures, blocked=0):
    """Calls of functions by which one instance is released and another admitted, on the average of many."""
    admission, places, full = Admission(), Resource("places", 4), Resource("full", 0)
    dags = [Competitor(TENANT, number) for number in range(10)]
    for number in range(signatures):
        own = Resource(f"own {number}", 9)
        for _ in range(40):
            admission.add(Item(number), ((own, 1), (places, 1)), dags[number % 10])
    for number in range(blocked):
        own = Resource(f"blocked {number}", 9)
        admission.add(Item(number), ((own, 1), (full, 1), (places, 1)), Competitor(TENANT, 100 + number))
    out = list(admission.admit())

    def decide():
        for _ in range(100):
            admission.release(out.pop(0))
            out.extend(admission.admit())

    decide()
    return calls(decide) / 100


def test_the_cost_of_a_decision_grows_neither_with_what_waits_nor_with_what_is_parked_at_a_full_pool():
    few = cost_of_a_decision(10)
    assert cost_of_a_decision(1000) <= 1.5 * few
    assert cost_of_a_decision(10, blocked=2000) <= 1.05 * few


def test_what_is_dropped_leaves_nothing_behind():
    admission, full = Admission(), Resource("full", 0)
    items = [Item(n) for n in range(5)]
    for item in items:
        admission.add(item, ((full, 1),), Competitor(TENANT, item.name))
    assert list(admission.admit()) == []
    for item in items:
        admission.drop(item)
    full.limit = 10
    admission.recheck(full)
    assert list(admission.admit()) == []
    assert (admission._buckets, admission._parking) == ({}, {})


def test_what_was_dropped_and_added_again_goes_out_once():
    admission, places = Admission(), Resource("places", 5)
    item, tenant = Item("a"), Competitor(TENANT, 1)
    admission.add(item, ((places, 1),), tenant)
    admission.add(Item("b"), ((places, 1),), tenant)
    admission.drop(item)
    admission.add(item, ((places, 1),), tenant)
    assert sorted(found.name for found in admission.admit()) == ["a", "b"]
    assert places.used == 2


def test_tenants_take_turns_however_many_buckets_one_has():
    admission, places = Admission(), Resource("places", 1)
    many_sided, simple = Competitor(TENANT, 1), Competitor(TENANT, 2)
    for side in range(3):
        own = Resource(f"own {side}", 9)
        for _ in range(3):
            admission.add(Item("many"), ((own, 1), (places, 1)), many_sided)
    for _ in range(4):
        admission.add(Item("simple"), ((places, 1),), simple)
    order = []
    for _ in range(8):
        (item,) = admission.admit()
        order.append(item.name)
        admission.release(item)
    assert order == ["many", "simple"] * 4
