"""Two machines and one PostgreSQL: what the first ran is repeated by the second only when it must have ended."""

from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine, text

from penstock.errors import StoreFencedError
from penstock.model.now import Now
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.scheduler.sharing.takeover import MARGIN_S, RoleLease, TakeoverExecutor
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
def machine(postgres_tables_url, house):
    """A function that opens the database as another machine does, and joins there."""
    opened = []

    def join(place, clock, renew_lease=lambda _: None):
        store = Store.open(postgres_tables_url, house.keyring)
        opened.append(store)
        store.role.acquire(place, NOW, place, runs_on_s=TAKEOVER_S + MARGIN_S)
        return store, RoleLease(store.role, clock, takeover_s=TAKEOVER_S, renew_lease=renew_lease)

    yield join
    for store in opened:
        store.close()


def let_expire(store, seconds=0):
    """Have all leases end, and what was fenced be so for some seconds."""
    with store.database.write() as connection:
        connection.execute(text("UPDATE scheduler SET expires_at = clock_timestamp() - interval '1 ms'"))
        earlier = text("UPDATE scheduler SET fenced_at = fenced_at - make_interval(secs => :seconds)")
        connection.execute(earlier, {"seconds": seconds})


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_others_are_waited_for_until_their_tries_have_ended(machine, clock):
    first, _ = machine("first", clock)
    second, role = machine("second", clock)
    assert not second.role.take_over()
    assert role.wait_for_others() is None
    let_expire(first)
    assert second.role.take_over()
    role.renew()
    assert TAKEOVER_S < role.wait_for_others() - clock.monotonic_s <= TAKEOVER_S + MARGIN_S
    let_expire(second, TAKEOVER_S + MARGIN_S)
    clock.monotonic_s += 10
    role.renew()
    assert role.others_until_s is not None, "the clock of the database may have been set ahead"
    clock.monotonic_s += TAKEOVER_S
    role.renew()
    assert role.others_until_s is None


@pytest.fixture
def stepped(postgres_tables_url, monkeypatch):
    """A function that sets the clock of the database, as all see it that open it from now on."""
    engine = create_engine(postgres_tables_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA stepped"))
        connection.execute(text("CREATE TABLE stepped.step AS SELECT interval '0 s' AS by"))
        connection.execute(text(
            "CREATE FUNCTION stepped.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
            "'SELECT pg_catalog.clock_timestamp() + by FROM stepped.step'"
        ))  # fmt: skip
    monkeypatch.setenv("PGOPTIONS", "-csearch_path=stepped,pg_catalog,public")

    def step(by):
        with engine.begin() as connection:
            connection.execute(text("UPDATE stepped.step SET by = CAST(:by AS interval)"), {"by": by})

    yield step
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA stepped CASCADE"))
    engine.dispose()


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
@pytest.mark.parametrize("by", ["10 years", "1 hour", "-1 hour", "-10 years"])
def test_a_clock_of_the_database_that_is_set_ends_no_lease_that_is_renewed_and_keeps_none_that_is_not(
    stepped, machine, clock, by
):
    _, role = machine("first", clock)
    second, other = machine("second", clock)
    assert not second.role.take_over(clock.monotonic_s)
    stepped(by)
    assert not second.role.take_over(clock.monotonic_s + 1.0), "it has had no time to be renewed"
    for _ in range(8):
        clock.monotonic_s += 1.5
        role.renew()
        other.renew()
        assert not second.role.take_over(clock.monotonic_s)
    assert [each.holder for each in second.role.holders()] == ["first", "second"]
    clock.monotonic_s += 0.5
    assert not second.role.take_over(clock.monotonic_s)
    stepped("0 s")
    clock.monotonic_s += 3 * 5.0
    assert second.role.take_over(clock.monotonic_s), "nobody has renewed it for three leases"
    with pytest.raises(StoreFencedError):
        role.renew()


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
@pytest.mark.parametrize("by", ["10 years", "-10 years"])
def test_a_clock_of_the_database_that_is_set_neither_shortens_the_wait_for_tries_of_others_nor_has_it_last(
    stepped, machine, clock, by
):
    first, _ = machine("first", clock)
    second, role = machine("second", clock)
    let_expire(first)
    assert second.role.take_over(clock.monotonic_s)
    began_s = clock.monotonic_s
    assert role.wait_for_others() > began_s + TAKEOVER_S
    stepped(by)
    while role.wait_for_others() is not None:
        clock.monotonic_s += 5.0
        assert clock.monotonic_s < began_s + 3 * TAKEOVER_S
        with first.database.write() as connection:  # five seconds later by its clock, too
            connection.execute(text("UPDATE scheduler SET fenced_at = fenced_at - interval '5 s'"))
    assert clock.monotonic_s >= began_s + TAKEOVER_S


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_tries_run_on_only_while_the_role_is_renewed(machine, clock):
    renewed = []
    first, role = machine("first", clock, renewed.append)
    role.renew()
    assert renewed == [1000 + TAKEOVER_S]
    clock.monotonic_s += 1.4
    assert role.wait_s == pytest.approx(0.1)
    role.renew()
    assert len(renewed) == 1, "it is not asked at each turn"
    clock.monotonic_s += 0.2
    role.renew()
    assert renewed[1:] == [clock.monotonic_s + TAKEOVER_S]
    let_expire(first)
    assert machine("second", clock)[0].role.take_over()
    clock.monotonic_s += TAKEOVER_S
    with pytest.raises(StoreFencedError):
        role.renew()
    assert len(renewed) == 2


def test_with_a_file_nothing_is_renewed_and_nobody_waits(tmp_path, house, clock):
    with Store.open(f"sqlite:///{tmp_path}/other.db", house.keyring) as store:
        store.role.acquire("one", NOW, "one")
        renewed = []
        role = RoleLease(store.role, clock, renew_lease=renewed.append)
        role.renew()
        assert (renewed, role.wait_s, role.wait_for_others()) == ([], float("inf"), None)
        role.end()


class Others:
    """What a role knows of the tries of others."""

    def __init__(self, until_s):
        self.others_until_s = until_s

    def wait_for_others(self):
        return self.others_until_s


@pytest.fixture
def taken_over(clock):
    """The executor of the second machine, which has been asked for two open tries."""
    inner = Workers(lambda _: [], lambda: False)
    role, told = Others(clock.monotonic_s + 65), []
    executor = TakeoverExecutor(inner, role, 30.0, clock, told.append)
    requests = [SimpleNamespace(key=key, epoch=epoch) for key, epoch in (OURS, THEIRS)]
    assert set(executor.recover(requests)) == {
        TryRecovered(*OURS, elsewhere=True),
        TryRecovered(*THEIRS, elsewhere=True),
    }
    assert "What it ran is repeated in 65 s" in told[0]
    yield executor, inner, role
    executor.stop(0.0)


def test_what_was_open_is_believed_to_live_until_it_must_have_ended(taken_over, clock):
    executor, _, role = taken_over
    for _ in range(13):
        (beat,) = executor.events()
        assert (type(beat), set(beat.tries)) == (Heartbeat, {OURS, THEIRS})
        assert executor.events() == []
        clock.monotonic_s += 5
    role.others_until_s = None
    ended = executor.events()
    assert {(each.key, each.epoch) for each in ended} == {OURS, THEIRS}
    assert {type(each) for each in ended} == {TryFinished}
    assert {each.end.outcome for each in ended} == {Outcome.LOST}
    clock.monotonic_s += 100
    assert executor.events() == []


def test_a_try_of_the_other_machine_that_is_cancelled_is_not_over_before(taken_over, clock):
    executor, inner, role = taken_over
    executor.cancel([THEIRS, (TaskKey(2, "new"), 1)], "by hand")
    assert inner.cancelled == [(TaskKey(2, "new"), 1)]
    assert not [e for e in executor.events() if isinstance(e, TryFinished) and e.key == THEIRS[0]]
    role.others_until_s = None
    assert [e.end.outcome for e in executor.events() if e.key == THEIRS[0]] == [Outcome.LOST]
    executor.cancel([THEIRS], "once more")
    assert inner.cancelled[1:] == [THEIRS]
