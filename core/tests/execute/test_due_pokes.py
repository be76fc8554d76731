"""When sensors are to be poked, without a process, a thread or a clock."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.execute.sensors.due_pokes import DuePokes

STUCK_S = 30.0


@dataclass
class Sensor:
    serial: int
    due: float
    key: str | None = None
    poking: bool = False


@pytest.fixture
def pokes_due():
    return DuePokes(STUCK_S)


def taken(pokes_due, now):
    return [[sensor.serial for sensor in group] for group in pokes_due.take(now)]


def test_one_that_nobody_is_like_is_poked_when_it_is_due(pokes_due):
    pokes_due.add(Sensor(1, due=5.0))
    pokes_due.add(Sensor(2, due=3.0))
    assert (pokes_due.nearest, taken(pokes_due, 2.9)) == (3.0, [])
    assert (taken(pokes_due, 3.0), pokes_due.nearest) == ([[2]], 5.0)


def test_all_that_are_alike_are_poked_when_the_first_of_them_is_due(pokes_due):
    for serial, due in ((3, 9.0), (1, 8.0), (2, 3.0)):
        pokes_due.add(Sensor(serial, due, "one"))
    assert taken(pokes_due, 3.0) == [[1, 2, 3]]


def test_who_comes_during_a_poke_like_its_own_waits_for_its_end(pokes_due):
    first, second = Sensor(1, 0.0, "one"), Sensor(2, 1.0, "one")
    pokes_due.add(first)
    [group] = pokes_due.take(0.0)
    pokes_due.add(second)
    assert taken(pokes_due, 29.0) == []
    first.due = 60.0
    pokes_due.done("one", group, group)
    assert taken(pokes_due, 2.0) == [[1, 2]]


def test_a_poke_that_hangs_keeps_back_others_like_it_for_a_while(pokes_due):
    pokes_due.add(Sensor(1, 0.0, "one"))
    pokes_due.take(0.0)
    pokes_due.add(Sensor(2, 1.0, "one"))
    assert pokes_due.nearest == 1.0 + STUCK_S
    assert taken(pokes_due, 1.0 + STUCK_S) == [[2]]


def test_one_whose_poke_turns_out_to_be_like_no_other_is_poked_alone(pokes_due):
    first, second = Sensor(1, 0.0, "one"), Sensor(2, 0.0, "one")
    pokes_due.add(first)
    pokes_due.add(second)
    [group] = pokes_due.take(0.0)
    first.due, second.key = 60.0, None
    pokes_due.done("one", group, group)
    assert taken(pokes_due, 0.0) == [[2]]
    assert taken(pokes_due, 60.0) == [[1]]


def test_one_that_is_hurried_is_poked_at_once(pokes_due):
    sensor = Sensor(1, 60.0)
    pokes_due.add(sensor)
    sensor.due = 7.0
    pokes_due.add(sensor)
    assert taken(pokes_due, 7.0) == [[1]]
    assert taken(pokes_due, 60.0) == []


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "take", "done", "discard"]), st.integers(0, 5), st.sampled_from([None, "a", "b"])
    ),
    max_size=60,
)


@given(STEPS)
def test_each_is_poked_once_at_a_time_and_none_is_forgotten(steps):
    pokes_due, idle, pokes, now = DuePokes(STUCK_S), {}, [], 0.0
    for serial, (step, number, key) in enumerate(steps):
        if step == "add":
            idle[serial] = Sensor(serial, now + number, key)
            pokes_due.add(idle[serial])
        elif step == "take":
            now += number
            due = {
                each.serial for each in idle.values() if each.due <= now and not any(each.key == k for k, _ in pokes)
            }
            for group in pokes_due.take(now):
                assert len({each.key for each in group}) == 1
                assert min(each.due for each in group) <= now
                due -= {idle.pop(each.serial).serial for each in group}
                pokes.append((group[0].key, group))
            assert not due, "who is due and not kept back is poked"
        elif step == "done" and pokes:
            common, group = pokes.pop(number % len(pokes))
            left = [each for each in group if (each.serial + number) % 3]
            for each in left:
                each.due = now + number
                idle[each.serial] = each
            pokes_due.done(common, group, left)
        elif step == "discard" and idle:
            pokes_due.discard(idle.pop(sorted(idle)[number % len(idle)]))
        assert not any(each.poking for each in idle.values())
        assert all(each.poking for _, group in pokes for each in group)
    for key, group in pokes:
        pokes_due.done(key, group, [])
    assert {each.serial for group in pokes_due.take(now + 100.0) for each in group} == set(idle)


def test_what_a_poke_costs_does_not_grow_with_how_many_others_wait(pokes_due):
    """No look at all that wait: 10,000 sensors were looked at for each poke of one."""
    looked = 0

    class Watched(Sensor):
        def __getattribute__(self, name):
            nonlocal looked
            looked += name == "due"
            return super().__getattribute__(name)

    for serial in range(1000):
        pokes_due.add(Watched(serial, float(serial)))
    looked = 0
    [group] = pokes_due.take(0.0)
    pokes_due.done(None, group, group)
    assert looked < 10
