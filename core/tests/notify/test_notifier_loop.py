"""The notifier waits for a database that cannot be had, and goes on where it was."""

import os
import time

import pytest

from penstock.errors import StoreUnavailableError
from penstock.notify.notifier_loop import NotifierLoop
from penstock.store import Store, new_key
from penstock.store.keyring import Keyring


class Work:
    """A part whose first steps fail; when none does any more, it asks for the end."""

    readable = writable = ()
    due, busy = None, False

    def __init__(self, failing):
        self.left, self.woken_times, self.finished, self.closed = failing, 0, False, False
        self.stop, self.asks = os.pipe()

    def woken(self):
        self.woken_times += 1

    def step(self, *, more=True):
        if self.left:
            self.left -= 1
            raise StoreUnavailableError("the database is locked.")
        os.write(self.asks, b"x")

    def finish(self):
        self.finished = True

    def close(self):
        self.closed = True


@pytest.fixture
def run(tmp_path):
    """A function that has a loop run with a part; what it told."""
    made, told = [], []

    def run(work):
        made.append(work)
        store = Store.open(f"sqlite:///{tmp_path}/penstock.db", Keyring([new_key()], "here"))
        try:
            NotifierLoop(store, [work], time.monotonic, told.append).run(work.stop)
        finally:
            store.close()
        return told

    yield run
    for work in made:
        os.close(work.stop)
        os.close(work.asks)


def test_a_database_that_cannot_be_had_is_waited_for_and_its_notices_are_looked_for_anew(run):
    work = Work(failing=2)
    assert run(work) == [
        "the database is locked. Nothing is told until it can be had.",
        "the database can be had again.",
    ]
    assert (work.woken_times, work.finished, work.closed) == (3, True, True)


def test_it_ends_without_the_database_if_it_is_to_stop(run):
    work = Work(failing=1)
    os.write(work.asks, b"x")
    with pytest.raises(StoreUnavailableError):
        run(work)
    assert (work.finished, work.closed) == (False, True)
