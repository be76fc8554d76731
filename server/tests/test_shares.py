"""Who asks for much waits for its own share of the threads; who asks for little does not."""

import threading

import pytest

from penstock_server.http.problems import RefusedError
from penstock_server.http.shares import MOST_WAITING, Shares


@pytest.fixture
def busy():
    """Four threads, two of which are at work for one asker until a door opens; and that door."""
    shares, door, begun = Shares(4, "test"), threading.Event(), threading.Semaphore(0)

    def work():
        begun.release()
        assert door.wait(30)
        return "done"

    calls = [shares.submit("ann", work) for _ in range(2 + MOST_WAITING)]
    assert all(begun.acquire(timeout=30) for _ in range(2))
    yield shares, door, begun, calls
    door.set()
    assert {each.result(30) for each in calls if not each.cancelled()} == {"done"}


def test_who_asks_for_much_leaves_threads_to_others(busy):
    shares, _, begun, _ = busy
    assert shares.submit("eve", lambda: "at once").result(30) == "at once"
    assert not begun.acquire(blocking=False), "no third is at work for the first asker"


def test_who_has_too_much_waiting_is_told_to_come_again(busy):
    shares, door, _, calls = busy
    with pytest.raises(RefusedError, match="you ask for more than 130 things at once") as error:
        shares.submit("ann", lambda: None)
    assert (error.value.problem.status, error.value.headers) == (429, {"Retry-After": "1"})
    door.set()
    assert [each.result(30) for each in calls] == ["done"] * len(calls)
    assert shares.submit("ann", lambda: "again").result(30) == "again"


def test_who_goes_away_while_it_waits_is_called_no_more(busy):
    shares, door, _, calls = busy
    assert calls[-1].cancel()
    door.set()
    assert calls[-2].result(30) == "done"
    assert calls[-1].cancelled()
    with pytest.raises(ZeroDivisionError):
        shares.submit("ann", lambda: 1 / 0).result(30)
    assert shares.submit("ann", lambda: "well").result(30) == "well"
