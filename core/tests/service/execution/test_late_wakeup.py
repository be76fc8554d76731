"""Schedulers are woken for claims a little later, once for all of them."""

import select

import pytest

from penstock.service.execution.late_wakeup import AFTER_S, LateWakeup
from penstock.store import REMOTE, Keyring, Store, new_key


class Timers:
    """Timers that end when they are told to."""

    def __init__(self):
        self.started, self.error = [], None

    def __call__(self, after_s, call):
        self.after_s, self.call, self.daemon = after_s, call, False
        return self

    def start(self):
        assert self.daemon, "a process that is to end waits for none"
        if self.error is not None:
            raise self.error
        self.started.append(self.after_s)


@pytest.fixture
def store(sqlite_tables_url):
    with Store.open(sqlite_tables_url, Keyring([new_key()], "the test's key")) as opened:
        yield opened


def test_many_claims_are_one_wakeup_and_the_next_claim_is_another(store):
    timers = Timers()
    late, waiter = LateWakeup(store.wakeups, timers), store.wakeups.listen(REMOTE)
    for _ in range(3):
        late.wake()
    assert timers.started == [AFTER_S]
    assert not is_awake(waiter)
    timers.call()
    assert is_awake(waiter)
    late.wake()
    assert timers.started == [AFTER_S] * 2
    waiter.close()


def test_a_claim_is_answered_though_no_thread_can_be_had_and_the_next_one_wakes(store):
    timers = Timers()
    late = LateWakeup(store.wakeups, timers)
    timers.error = RuntimeError("can't start new thread")
    late.wake()
    timers.error = None
    late.wake()
    assert timers.started == [AFTER_S]


def is_awake(waiter):
    return bool(select.select([waiter], [], [], 0)[0])
