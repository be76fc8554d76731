"""Calls are repeated by kind, within attempts and a deadline."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.call_retry import Retry


class World:
    """A clock that only pauses move, and a service that fails as told."""

    def __init__(self, *failures):
        self.failures, self.pauses, self.calls, self.now = list(failures), [], 0, 0.0

    def ask(self):
        self.calls += 1
        self.now += 1.0
        if self.failures:
            raise self.failures.pop(0)
        return "done"

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds

    def call(self, retry, **options):
        return retry.call(self.ask, sleep=self.sleep, monotonic=lambda: self.now, chance=lambda: 1.0, **options)


def failure(kind=ErrorKind.TRANSIENT, retry_after_s=None):
    return ProviderError("it failed", service="s", operation="o", kind=kind, retry_after_s=retry_after_s)


def test_pauses_double_up_to_the_longest():
    world = World(*[failure() for _ in range(5)])

    assert world.call(Retry(max_attempts=6, first_pause_s=1, longest_pause_s=4)) == "done"
    assert world.pauses == [1, 2, 4, 4, 4]


@pytest.mark.parametrize(
    ("kind", "calls"),
    [(kind, 2 if kind in ("transient", "throttled", "timeout") else 1) for kind in ErrorKind],
)
def test_what_a_repetition_may_mend_is_repeated(kind, calls):
    world = World(failure(kind))
    with contextlib.suppress(ProviderError):
        world.call(Retry())

    assert world.calls == calls


def test_attempts_end_with_the_last_error():
    last = failure()
    world = World(failure(), failure(), last)
    with pytest.raises(ProviderError) as raised:
        world.call(Retry(max_attempts=3))

    assert raised.value is last


def test_the_time_that_the_service_asks_for_is_given_to_it():
    world = World(failure(ErrorKind.THROTTLED, retry_after_s=30))

    assert world.call(Retry(first_pause_s=1)) == "done"
    assert world.pauses == [31]


def test_a_pause_beyond_the_deadline_is_left_to_the_task():
    world = World(failure(ErrorKind.THROTTLED, retry_after_s=3600))
    with pytest.raises(ProviderError) as raised:
        world.call(Retry(deadline_s=120))

    assert raised.value.retry_after_s == 3600
    assert world.pauses == []


def test_a_caller_says_what_may_be_repeated():
    world = World(failure(ErrorKind.TIMEOUT))
    with pytest.raises(ProviderError):
        world.call(Retry(), repeated=lambda error: error.kind is ErrorKind.THROTTLED)

    assert world.calls == 1


@given(
    st.lists(st.tuples(st.sampled_from(ErrorKind), st.none() | st.floats(0, 1e6)), max_size=20),
    st.integers(1, 12),
    st.floats(0.1, 1e4),
)
def test_no_attempt_begins_after_the_deadline(failures, attempts, deadline_s):
    world = World(*[failure(kind, after) for kind, after in failures])
    begun = []

    def ask():
        begun.append(world.now)
        return world.ask()

    with contextlib.suppress(ProviderError):
        Retry(attempts, deadline_s).call(ask, sleep=world.sleep, monotonic=lambda: world.now, chance=lambda: 0.5)

    assert len(begun) <= attempts
    assert all(at <= deadline_s for at in begun)
