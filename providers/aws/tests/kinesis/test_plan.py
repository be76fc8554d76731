"""Which shards may be read, and which hours are complete."""

import pytest

from penstock_aws.hooks.kinesis.plan import Shard, first_hour, first_state, is_complete, low_watermark, readable
from penstock_aws.hooks.kinesis.states import ShardState

A, B = Shard("a"), Shard("b")
CHILD, MERGED = Shard("c", ("a",)), Shard("d", ("a", "b"))


def states(**known):
    return {name: ShardState(shard=name, **each) for name, each in known.items()}


CLOSED = {"closed": True, "watermark": 10.0, "recent": "aa"}


@pytest.mark.parametrize(
    ("shards", "known", "found"),
    [
        pytest.param([A, B], {}, [A, B], id="roots"),
        pytest.param([A, CHILD], {}, [A], id="the parent first"),
        pytest.param([A, CHILD], states(a={"checkpoint": "1"}), [A], id="the parent is not read to its end"),
        pytest.param([A, CHILD], states(a=CLOSED), [CHILD], id="then the child"),
        pytest.param([A, B, MERGED], states(a=CLOSED), [B], id="both parents"),
        pytest.param([A, B, MERGED], states(a=CLOSED, b=CLOSED), [MERGED], id="after both"),
        pytest.param([CHILD], {}, [CHILD], id="a parent that the stream has let go"),
        pytest.param([A], states(a=CLOSED), [], id="nothing left"),
    ],
)
def test_parents_are_read_before_their_children(shards, known, found):
    assert readable(shards, known) == found


def test_a_child_goes_on_where_its_parents_ended():
    known = states(a=CLOSED, b={"closed": True, "watermark": 12.0, "recent": "bb"})

    assert first_state(MERGED, known, begins=99.0) == ShardState(shard="d", watermark=10.0, recent="aabb")
    assert first_state(MERGED, {}, begins=99.0) == ShardState(shard="d", begins=99.0)


@pytest.mark.parametrize(
    ("shards", "known", "low"),
    [
        pytest.param([A, B], states(a={"watermark": 5.0}, b={"watermark": 7.0}), 5.0, id="the slowest counts"),
        pytest.param([A, B], states(a={"watermark": 5.0}), None, id="one that nobody has read"),
        pytest.param([A, B], states(a={"watermark": 5.0}, b={}), None, id="one that is not known yet"),
        pytest.param([A, CHILD], states(a=CLOSED), None, id="a child that has not begun"),
        pytest.param([A, CHILD], states(a=CLOSED, c={"watermark": 11.0}), 11.0, id="a closed one holds up nothing"),
        pytest.param([], {}, None, id="no shard"),
    ],
)
def test_time_has_passed_when_it_has_for_every_shard(shards, known, low):
    assert low_watermark(shards, known) == low


def test_hours_begin_with_the_first_event_or_now():
    assert first_hour(states(a={"earliest": 7}, b={}), low=3600.0 * 9, lateness_s=60.0) == 7
    assert first_hour(states(a={}), low=3600.0 * 9, lateness_s=60.0) == 8


@pytest.mark.parametrize(("low", "complete"), [(36_059.9, False), (36_060.0, True)])
def test_an_hour_waits_for_late_events(low, complete):
    assert is_complete(9, low, lateness_s=60.0) is complete
