"""Two machines and one PostgreSQL: what the first ran is repeated by the second only when it must have ended."""

from types import SimpleNamespace

import pytest
from sqlalchemy import text

from penstock.errors import StoreHeldError
from penstock.model.now import Now
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.scheduler.takeover import CONFIRMATIONS, MARGIN_S, RoleLease, TakeoverExecutor
from penstock.spec.executor import Heartbeat, TryFinished, TryRecovered
from penstock.store import Store

from .conftest import NOW, Workers

TAKEOVER_S = 60.0
OURS, THEIRS = (TaskKey(1, "ours"), 1), (TaskKey(1, "theirs"), 3)


class Clock:
    """A clock that a test sets."""

    monotonic_s = 1000.0

    def now(self):
        return NOW

    def read(self):
        return Now(NOW, self.monotonic_s)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def machine(postgres_url, house):
    """A function that opens the database as another machine does, and takes the role there."""
    opened = []

    def take(place, clock, renew_lease=lambda _: None):
        store = Store.open(postgres_url, house.keyring)
        opened.append(store)
        store.leader_lock.acquire(place, NOW, place)
        return store, RoleLease(store.leader_lock, clock, takeover_s=TAKEOVER_S, place=place, renew_lease=renew_lease)

    yield take
    for store in opened:
        store.close()


def vanish(store):
    """End a holder's session without a word of its own, as the end of its machine does."""
    store.leader_lock._lock._session.close()


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_a_place_is_waited_for_until_somebody_knows_that_no_try_lives_there(machine, clock):
    first, _ = machine("first", clock)
    vanish(first)
    second, _ = machine("second", clock)
    assert second.leader_lock.others == ("first",)
    vanish(second)
    third, role = machine("third", clock)
    assert third.leader_lock.others == ("first", "second"), "the second may have waited for the first in vain"
    clock.monotonic_s += TAKEOVER_S + MARGIN_S - 1
    role.renew()
    assert third.leader_lock.others == ("first", "second")
    clock.monotonic_s += TAKEOVER_S
    role.renew()
    assert third.leader_lock.others == ()
    role.end()
    vanish(third)
    assert machine("fourth", clock)[0].leader_lock.others == (), "the third has ended its tries"


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_nobody_waits_for_his_own_machine(machine, clock):
    vanish(machine("first", clock)[0])
    assert machine("first", clock)[0].leader_lock.others == ()


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_leases_are_renewed_only_while_the_role_is_confirmed(machine, clock):
    renewed = []
    first, role = machine("first", clock, renewed.append)
    assert renewed == [1000 + TAKEOVER_S]
    clock.monotonic_s += TAKEOVER_S / CONFIRMATIONS - 1
    assert role.wait_s == 1
    role.renew()
    assert len(renewed) == 1, "it is not asked at each turn"
    clock.monotonic_s += 1
    role.renew()
    assert renewed[1:] == [clock.monotonic_s + TAKEOVER_S]
    with first.transaction() as tx:
        tx.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'penstock f%'")
        )
    while True:
        try:
            machine("second", clock)
            break
        except StoreHeldError:
            continue
    clock.monotonic_s += TAKEOVER_S
    with pytest.raises(StoreHeldError):
        role.renew()
    assert len(renewed) == 2


def test_with_a_file_nothing_is_confirmed_and_nobody_waits(tmp_path, house, clock):
    with Store.open(f"sqlite:///{tmp_path}/other.db", house.keyring) as store:
        store.leader_lock.acquire("one", NOW, "one")
        renewed = []
        role = RoleLease(store.leader_lock, clock, renew_lease=renewed.append)
        role.renew()
        role.end()
        assert (renewed, role.wait_s, store.leader_lock.others) == ([], float("inf"), ())


@pytest.fixture
def taken_over(clock):
    """The executor of the second machine, which has been asked for two open tries."""
    inner = Workers(lambda _: [], lambda: False)
    executor = TakeoverExecutor(inner, clock.monotonic_s + 65, 30.0, clock)
    requests = [SimpleNamespace(key=key, epoch=epoch) for key, epoch in (OURS, THEIRS)]
    assert set(executor.recover(requests)) == {TryRecovered(*OURS), TryRecovered(*THEIRS)}
    yield executor, inner
    executor.stop(0.0)


def test_what_was_open_is_believed_to_live_until_it_must_have_ended(taken_over, clock):
    executor, _ = taken_over
    for _ in range(13):
        (beat,) = executor.events()
        assert (type(beat), set(beat.tries)) == (Heartbeat, {OURS, THEIRS})
        assert executor.events() == []
        clock.monotonic_s += 5
    ended = executor.events()
    assert {(each.key, each.epoch) for each in ended} == {OURS, THEIRS}
    assert {type(each) for each in ended} == {TryFinished}
    assert {each.end.outcome for each in ended} == {Outcome.LOST}
    clock.monotonic_s += 100
    assert executor.events() == []


def test_a_try_of_the_other_machine_that_is_cancelled_is_not_over_before(taken_over, clock):
    executor, inner = taken_over
    executor.cancel([THEIRS, (TaskKey(2, "new"), 1)], "by hand")
    assert inner.cancelled == [(TaskKey(2, "new"), 1)]
    assert not [e for e in executor.events() if isinstance(e, TryFinished) and e.key == THEIRS[0]]
    clock.monotonic_s += 65
    assert [e.end.outcome for e in executor.events() if e.key == THEIRS[0]] == [Outcome.LOST]
    executor.cancel([THEIRS], "once more")
    assert inner.cancelled[1:] == [THEIRS]
