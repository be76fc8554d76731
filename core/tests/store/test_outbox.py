from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import func, select

from penstock.errors import InternalError
from penstock.model.changes import Changes
from penstock.model.notice import RunStateChanged, TaskStateChanged
from penstock.model.run import TaskInstance
from penstock.model.state import TaskState
from penstock.store import NOTICES, Listener
from penstock.store.sql import tables
from penstock.store.sql.notices import NoticeWriter

FEW = 10


def notice(now, number=0, **more):
    given = {"reason": "", "at": now, **more}
    return TaskStateChanged("d", "r", f"t{number}", -1, 1, "queued", "running", **given)


def add(store, now, count, start=0):
    store.apply(Changes(notices=[notice(now, start + each) for each in range(count)]), now)


def kept(store):
    with store.database.read() as connection:
        return connection.execute(select(func.count()).select_from(tables.notice)).scalar()


def numbers(store):
    return [number for number, _ in store.outbox.notices(0, 1000)]


def test_notices_come_back_as_they_went_in_their_order(store, now):
    run = RunStateChanged("d", "r", "manual", "running", "failed", "naïve \0 \ud800", now)
    given = [notice(now, each) for each in range(300)] + [run]
    store.apply(Changes(notices=given[:200]), now)
    store.apply(Changes(notices=given[200:]), now)
    found = [each for _, each in store.outbox.notices(0, 1000)]
    assert found == [*given[:300], msgspec.structs.replace(run, reason="naïve \\x00 \\ud800")]
    assert numbers(store) == sorted(numbers(store))
    assert [each for _, each in store.outbox.notices(numbers(store)[99], 2)] == given[100:102]


def test_a_transaction_that_is_undone_leaves_no_notice(store, now):
    broken = TaskInstance(99, "t", -1, TaskState.QUEUED)
    with pytest.raises(InternalError):
        store.apply(Changes(notices=[notice(now)], tasks=[broken]), now)
    assert kept(store) == 0


def test_waiters_for_notices_are_woken_by_notices_alone(store, now):
    wakeup = store.wakeups.listen(NOTICES)
    try:
        store.apply(Changes(handled=[7]), now)
        assert not woken(wakeup)
        add(store, now, 1)
        assert woken(wakeup)
    finally:
        wakeup.close()


def woken(wakeup):
    from select import select as wait  # noqa: PLC0415 - the name is SQLAlchemy's above

    return bool(wait([wakeup.fileno()], [], [], 0.5)[0])


def test_a_notice_goes_once_everybody_has_heard_it(store, now):
    store.outbox.register(["acme", "zeta"])
    add(store, now, 5)
    seen = numbers(store)
    store.outbox.acknowledge([Listener("acme", seen[4])])
    assert numbers(store) == seen
    assert [(each.provider, each.waiting) for each in store.outbox.listeners()] == [("acme", 0), ("zeta", 5)]
    store.outbox.acknowledge([Listener("zeta", seen[2])])
    assert numbers(store) == seen[3:]


def test_how_a_listener_fares_is_kept_over_a_restart_and_nothing_is_heard_backwards(store, now):
    store.outbox.register(["acme"])
    add(store, now, 3)
    last = numbers(store)[-1]
    store.outbox.acknowledge([Listener("acme", last, failed=2, missed=3, broken="b", failure="f", failed_at=now)])
    assert store.outbox.acknowledge([Listener("acme", last - 1, failed=2, missed=1, failure="f", failed_at=now)]) == {
        "acme": 4
    }
    assert store.outbox.register(["acme"]) == [Listener("acme", last, 2, 4, "", "f", now, 0)]


def test_who_listens_no_more_holds_nothing_back(store, now):
    store.outbox.register(["acme", "gone"])
    add(store, now, 3)
    assert [each.provider for each in store.outbox.register(["acme", "new"])] == ["acme", "new"]
    store.outbox.acknowledge([Listener(each, numbers(store)[-1]) for each in ("acme", "new", "gone")])
    assert (kept(store), [each.provider for each in store.outbox.listeners()]) == (0, ["acme", "new"])


def test_a_full_outbox_drops_the_oldest_and_counts_who_missed_them(store, now):
    store.outbox.register(["acme", "zeta"])
    add(store, now, 4)
    store.outbox.acknowledge([Listener("acme", numbers(store)[-1])])
    small = NoticeWriter(store.database.engine.dialect, kept=FEW, check_every=7)
    for start in (4, 11):
        with store.database.pipeline() as pipeline:
            small.add(pipeline, [notice(now, start + each) for each in range(7)])
    assert kept(store) == FEW
    assert [each.task_id for _, each in store.outbox.notices(0, 100)] == [f"t{n}" for n in range(8, 18)]
    assert {each.provider: (each.missed, each.waiting) for each in store.outbox.listeners()} == {
        "acme": (4, FEW),
        "zeta": (8, FEW),
    }


def test_old_notices_are_dropped_and_counted_as_missed(store, now):
    store.outbox.register(["acme"])
    add(store, now, 3)
    add(store, now + timedelta(hours=1), 2)
    assert store.outbox.drop_before(now, 10) == 0
    assert store.outbox.drop_before(now + timedelta(minutes=1), 10) == 3
    assert (kept(store), store.outbox.listeners()[0].missed) == (2, 3)
