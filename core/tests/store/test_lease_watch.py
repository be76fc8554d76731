"""Who watches leases goes by whether they change, and by the clock that nobody sets."""

from datetime import UTC, datetime, timedelta

import pytest

from penstock.store.schedulers.lease_watch import LeaseWatch, SeenLease

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
YEARS_S = 3e8


@pytest.mark.parametrize(
    ("looks", "over"),
    [
        ([(0.0, -0.1)], True),
        ([(0.0, 4.5), (4.0, 0.5)], False),
        ([(0.0, 4.5), (4.6, -0.1)], True),
        ([(0.0, 4.5), (1.0, 3.5 - YEARS_S)], False),
        ([(0.0, 4.5), (1.0, 3.5 - YEARS_S), (4.0, 0.5 - YEARS_S)], True),
        ([(0.0, 4.5), (1.0, 3.5 + YEARS_S), (14.9, YEARS_S)], False),
        ([(0.0, 4.5), (1.0, 3.5 + YEARS_S), (15.1, YEARS_S)], True),
        ([(0.0, 59.0), (40.0, 19.0 - YEARS_S)], False),
        ([(0.0, 59.0), (40.0, 19.0 + YEARS_S)], False),
        ([(0.0, YEARS_S), (1000.0, YEARS_S)], False),
        ([(0.0, YEARS_S), (1900.0, YEARS_S)], True),
    ],
    ids=[
        "over when first seen", "not yet", "over", "clock set ahead", "and not renewed since", "clock set back", "and not renewed for long",
        "a longer one, ahead", "a longer one, back", "first seen after a set-back", "and not renewed for very long",
    ],
)  # fmt: skip
def test_a_lease_that_does_not_change_is_over_in_its_time(looks, over):
    watch = LeaseWatch(5.0)
    for now_s, left_s in looks:
        ended = watch.ended([SeenLease(7, UNTIL, left_s)], now_s)
    assert [each.number for each in ended] == [7] * over


def test_a_lease_that_changes_is_not_over_whatever_the_clock_reads():
    watch = LeaseWatch(5.0)
    watch.ended([SeenLease(7, UNTIL, 4.5)], 0.0)
    assert watch.ended([SeenLease(7, UNTIL, 3.0 - YEARS_S)], 1.5) == []
    assert watch.ended([SeenLease(7, UNTIL + timedelta(days=3653), 4.5)], 2.0) == []
    assert watch.ended([], 3.0) == []
