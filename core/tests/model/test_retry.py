from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.model.retry import LONGEST_DELAY_S, RetrySpec

TABLE = {
    "constant": (RetrySpec(3, 10.0), [10, 10, 10]),
    "doubling": (RetrySpec(3, 10.0, 2.0), [10, 20, 40]),
    "doubling up to a bound": (RetrySpec(3, 10.0, 2.0, max_delay_s=25.0), [10, 20, 25]),
    "bound below the first": (RetrySpec(2, 10.0, max_delay_s=4.0), [4, 4]),
    "none": (RetrySpec(2, 0.0, 2.0), [0, 0]),
    "growing to a day": (RetrySpec(3, 40_000.0, 2.0), [40_000, 80_000, 86_400]),
    "growing to a bound beyond a day": (
        RetrySpec(3, 50_000.0, 2.0, max_delay_s=150_000.0),
        [50_000, 100_000, 150_000],
    ),
    "constant for days": (RetrySpec(2, 200_000.0), [200_000, 200_000]),
    "growing to the sky": (RetrySpec(3, 1e300, 1e300, max_delay_s=1e300), [LONGEST_DELAY_S] * 3),
}


@pytest.mark.parametrize(("policy", "seconds"), TABLE.values(), ids=TABLE)
def test_pauses_follow_the_policy(policy, seconds):
    found = [policy.delay_before(n, "seed").total_seconds() for n in range(1, len(seconds) + 1)]
    assert found == seconds


def test_no_number_of_repetitions_overflows():
    assert RetrySpec(5000, 300.0, 2.0).delay_before(5000, "x") == timedelta(days=1)


@given(st.floats(0, 1), st.integers(1, 30), st.text(max_size=20))
def test_jitter_only_shortens_and_by_no_more_than_its_part(jitter, repetition, seed):
    policy = RetrySpec(30, 10.0, 1.5, max_delay_s=600.0, jitter=jitter)
    full = min(10.0 * 1.5 ** (repetition - 1), 600.0)
    pause = policy.delay_before(repetition, seed)
    assert full * (1 - jitter) - 1e-5 <= pause.total_seconds() <= full + 1e-5
    assert pause == policy.delay_before(repetition, seed)


def test_jitter_differs_from_task_to_task_and_from_try_to_try():
    policy = RetrySpec(3, 1000.0, jitter=1.0)
    assert len({policy.delay_before(n, seed) for n in (1, 2, 3) for seed in "abcde"}) == 15
