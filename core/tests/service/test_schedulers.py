"""Who schedules, who drains, and what waits for that."""

from penstock.service.schedulers.schedulers import described, list_schedulers
from penstock.service.schedulers.withheld import withheld


def test_one_that_drains_is_listed_and_told_by_doctor_and_its_executors_are_closed(installation, store, now):
    assert list_schedulers(installation) == []
    store.role.acquire("penstock up", now)
    assert [(row.name, row.dags, row.draining_since) for row in list_schedulers(installation)] == [
        ("penstock up", None, None)
    ]
    assert [(event.executor, event.capacity) for event in withheld(installation, {"local": 4})] == [("local", 4)]
    store.role.drain(now)
    [row] = list_schedulers(installation)
    assert row.draining_since == now
    assert "drained since 2026-03-01 12:30:00 UTC: it begins no try" in described(row, alone=True)
    assert [(event.capacity, event.draining) for event in withheld(installation, {"local": 4})] == [(0, True)]
