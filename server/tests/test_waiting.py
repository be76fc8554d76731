"""Where too many connections are open, room is made by those that ask nothing."""

import resource

import pytest

from penstock_server.http.waiting import Waiting, most_connections


class Closed:
    """A connection that says which it is when it is closed."""

    def __init__(self, name, closed):
        self.name, self._closed = name, closed

    def abort(self):
        self._closed.append(self.name)


def test_the_oldest_that_asks_nothing_is_closed_first():
    closed = []
    first, second, third = (Closed(name, closed) for name in ("first", "second", "third"))
    many = Waiting(3)
    for each in (first, second, third):
        many.add(each)
    many.remove(second)
    many.add(first)  # it has asked meanwhile
    assert [many.close_oldest() for _ in range(3)] == [True, True, False]
    assert closed == ["third", "first"]


@pytest.mark.parametrize(
    ("limit", "most", "after"),
    [
        pytest.param((1_024, 1_024), 768, (1_024, 1_024), id="no more is to be had"),
        pytest.param((1_024, 4_096), 3_840, (4_096, 4_096), id="some more is"),
        pytest.param((1_024, 1_000_000), 4_000, (4_256, 1_000_000), id="all that is wanted"),
        pytest.param((9_000, 9_000), 4_000, (9_000, 9_000), id="more than is wanted"),
        pytest.param((100, 100), 1, (100, 100), id="hardly any"),
        pytest.param((-1, -1), 4_000, (-1, -1), id="no limit"),
    ],
)
def test_as_many_are_open_as_the_process_may_open(monkeypatch, limit, most, after):
    limits = [limit]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, given: limits.append(given))
    assert most_connections() == most
    assert limits[-1] == after
