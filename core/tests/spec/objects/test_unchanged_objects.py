"""Objects are complete when they were left alone for a while."""

from datetime import UTC, datetime, timedelta

import pytest

from penstock.errors import FailTask
from penstock.spec.objects.unchanged_objects import UnchangedObjects

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def files(**ages_s):
    return [(name, NOW - timedelta(seconds=age)) for name, age in ages_s.items()]


def objects(inactivity_period, *, min_objects=1, allow_delete=True):
    return UnchangedObjects(inactivity_period, min_objects=min_objects, allow_delete=allow_delete)


def judged(wait, *looks):
    """What the wait says at each look: objects, and seconds after the beginning."""
    return [wait.are_complete(iter(found), NOW + timedelta(seconds=after), "in/") for found, after in looks]


@pytest.mark.parametrize(
    ("found", "options", "complete"),
    [
        pytest.param(files(a=100, b=60), {}, True, id="quiet for long enough"),
        pytest.param(files(a=100, b=59), {}, False, id="changed lately"),
        pytest.param([], {}, False, id="nothing there"),
        pytest.param(files(a=100), {"min_objects": 2}, False, id="too few"),
        pytest.param([], {"min_objects": 0}, False, id="nothing is wanted, but it has only now been seen"),
    ],
)
def test_objects_are_complete_when_nothing_has_changed_for_a_while(found, options, complete):
    for period in (60, timedelta(minutes=1)):
        assert judged(objects(period, **options), (found, 0)) == [complete]


def test_nothing_at_all_is_complete_after_a_while_if_nothing_is_needed():
    assert judged(objects(300, min_objects=0), ([], 0), ([], 299), ([], 300)) == [False, False, True]


def test_an_object_that_vanishes_begins_the_wait_anew():
    both, one = files(a=200, b=200), files(a=200)
    assert judged(objects(300), (both, 0), (one, 200), (one, 499), (one, 500)) == [False, False, False, True]
    replaced = [*files(a=200), ("c", NOW)]
    assert judged(objects(300), (both, 0), (replaced, 300), (replaced, 600)) == [False, False, True], (
        "b vanished with it"
    )


def test_an_object_that_vanishes_fails_the_task_if_none_may():
    strict = objects(300, allow_delete=False)
    grown = [*files(a=200, b=200), ("c", NOW)]
    rewritten = [*files(a=200), ("b", NOW), ("c", NOW)]
    assert judged(strict, (files(a=200, b=200), 0), (grown, 1), (rewritten, 2)) == [False] * 3
    with pytest.raises(FailTask, match="1 objects under 'in/' vanished while the task waited"):
        judged(strict, ([*files(a=200), ("c", NOW), ("d", NOW)], 3))
