"""What the simulator's rules do not hold against a scheduler that is sound."""

from datetime import UTC, datetime

import pytest

from penstock.model.changes import Changes
from penstock.model.run import NewRun
from penstock.store import Keyring, Store, new_key
from penstock.testing.simulation.clock import SimulatedClock
from penstock.testing.simulation.rules.rows import Rows

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/x.db", Keyring([new_key()], "a test's key")) as opened:
        yield opened


def test_a_run_that_somebody_has_just_asked_for_is_not_missed_before_the_engine_is_told(store):
    rows, (told, asked) = Rows(), [NewRun.triggered("d", name, NOW, None, conf={}, version="v") for name in ("a", "b")]
    [known] = store.apply(Changes(new_runs=[told]), NOW)
    rows.apply(Changes(), [known])
    store.apply(Changes(new_runs=[asked]), NOW)
    rows.reread(store, ())
    assert [run.run_id for run in rows.runs.values()] == ["a"]
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE run SET state = 'failed'")
    rows.reread(store, ())
    assert [run.run_id for run in rows.runs.values()] == ["a", "b"], "one that could not be handled has failed"


def test_time_in_which_the_scheduler_waited_for_its_database_makes_nobody_silent_and_is_one_pause():
    clock = SimulatedClock()
    began = clock.read()
    for seconds in (0.1, 0.2, 99.7):
        since = clock.monotonic_s
        clock.advance_to(since + seconds)
        clock.waited(since)
    clock.advance_to(clock.monotonic_s + 3)
    running, pauses = (
        after - before for after, before in zip(clock.running(clock.read()), clock.running(began), strict=True)
    )
    assert (round(running, 6), pauses) == (3, 1)
    since = clock.monotonic_s
    clock.advance_to(since + 1)
    clock.waited(since)
    assert clock.running(clock.read())[1] - clock.running(began)[1] == 2, "a later wait is a pause of its own"
