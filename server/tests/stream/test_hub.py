"""The hub tells each who looks on all that it may see and wants, once and in order, and waits for nobody."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.model.feed.delta import DagDeleted, DagDelta, HealthDelta, TaskDelta, TaskRemoved
from penstock.model.feed.position import FeedPosition, FeedRow
from penstock.model.state import TaskState
from penstock_server.stream.hub import Hub, Wanted

START = FeedPosition("0" * 16, 0, 0)
ALL = Wanted()


class Owner:
    group = "all"

    def sees(self, _delta):
        return True


class Team(Owner):
    def __init__(self, name):
        self.group = name

    def sees(self, delta):
        return delta.dag_id == self.group


def row(number, *deltas):
    return FeedRow(START._replace(number=number), deltas or (DagDelta(f"d{number}"),))


def task(state, name="t"):
    return TaskDelta(1, name, -1, state, dag_id="d", run_id="r")


def parts(messages):
    """Name, number of the position and deltas of each event."""
    found = []
    for message in messages:
        fields = dict(line.split(": ", 1) for line in message.decode().splitlines() if line)
        found.append((fields["event"], FeedPosition.of(fields["id"]).number, msgspec.json.decode(fields["data"])))
    return found


def join(hub, viewer=None, wanted=ALL, after=None):
    return hub.join(viewer or Owner(), wanted, lambda: None, after)


def ids(subscriber):
    return [delta["dag_id"] for _, _, deltas in parts(subscriber.take()) for delta in deltas]


@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=8),
    joins=st.integers(0, 30),
    after=st.none() | st.integers(0, 30),
    takes=st.sets(st.integers(0, 8)),
)
def test_whoever_joins_is_told_of_all_after_its_place_once_and_in_order(sizes, joins, after, takes):
    hub, number, joined, start, heard = Hub(START), 0, None, 0, []
    for turn, size in enumerate(sizes):
        if joined is None and turn >= joins % len(sizes):
            place = None if after is None else START._replace(number=after)
            start = max(number, after or 0)
            joined = join(hub, after=place)
        hub.publish([row(number + each + 1) for each in range(size)])
        number += size
        if turn in takes:
            heard += ids(joined) if joined else []
    heard += ids(joined)
    assert heard == [f"d{each}" for each in range(start + 1, number + 1)]


def test_of_each_thing_the_newest_alone_is_told_in_one_event():
    hub = Hub(START)
    joined = join(hub)
    first = [task(TaskState.QUEUED), task(TaskState.QUEUED, "u"), TaskRemoved(1, "m", dag_id="d", run_id="r")]
    hub.publish([row(1, *first), row(2, task(TaskState.RUNNING))])
    ((name, number, deltas),) = parts(joined.take())
    assert (name, number) == ("changes", 2)
    assert [(each["kind"], each["task_id"], each.get("state")) for each in deltas] == [
        ("task", "u", "queued"), ("task_removed", "m", None), ("task", "t", "running"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (ALL, ["task", "dag"]),
        (Wanted(dags=frozenset({"d"})), ["task"]),
        (Wanted(run="r"), ["task"]),
        (Wanted(kinds=frozenset({"dag"})), ["dag"]),
        (Wanted(dags=frozenset({"d"}), kinds=frozenset({"dag"})), []),
    ],
)
def test_what_is_not_wanted_is_left_out(wanted, told):
    hub = Hub(START)
    joined = join(hub, wanted=wanted)
    hub.publish([row(1, task(TaskState.QUEUED), DagDelta("e"))])
    assert [each["kind"] for _, _, deltas in parts(joined.take()) for each in deltas] == told


def test_nobody_learns_of_what_it_may_not_see_and_the_same_is_encoded_once():
    hub = Hub(START)
    sales, more, stock = join(hub, Team("sales")), join(hub, Team("sales")), join(hub, Team("stock"))
    hub.publish([row(1, DagDelta("sales"))])
    first, second = sales.take(), more.take()
    assert first[0] is second[0]
    assert stock.take() == []
    hub.publish([row(2, DagDelta("stock"))])
    assert (ids(sales), ids(stock)) == ([], ["stock"])


def test_what_was_made_beside_is_handed_out_and_who_has_come_since_is_asked_about_then():
    hub = Hub(START)
    asked = []

    class Asked(Team):
        def sees(self, delta):
            asked.append(self)
            return True

    first, second = Asked("ann"), Asked("ann")
    one, other = join(hub, first), join(hub, second)
    rows = [row(1, DagDelta("d"))]
    made = hub.messages(rows)()
    assert asked == [first]
    late = join(hub, Asked("bob"))
    one_gone = join(hub, Asked("carl"))
    hub.leave(one_gone)
    hub.publish(rows, made)
    assert asked == [first, late.viewer]
    assert (ids(one), ids(other), ids(late)) == (["d"], ["d"], ["d"])


def test_whoever_takes_nothing_loses_all_is_told_so_and_is_let_go():
    hub = Hub(START, queued=3)
    slow, quick = join(hub), join(hub)
    for number in range(1, 5):
        hub.publish([row(number)])
        assert ids(quick) == [f"d{number}"]
    hub.publish([row(5)])
    assert parts(slow.take()) == [("reset", 4, {})]
    assert slow.ended
    assert not quick.ended


def test_whoever_takes_nothing_has_no_more_than_so_many_bytes_wait():
    hub = Hub(START, queued_bytes=1_000)
    slow = join(hub)
    hub.publish([row(1, *map(DagDelta, map(str, range(500))))])
    assert len(ids(slow)) == 500, "one message may be longer"
    for number in range(2, 20):
        hub.publish([row(number, DagDelta("d" * 100))])
    assert [(name, deltas) for name, _, deltas in parts(slow.take())] == [("reset", {})]
    assert slow.ended


def test_what_was_dropped_unread_is_told_to_all():
    hub = Hub(START)
    joined = join(hub)
    hub.lose(START._replace(number=9))
    hub.publish([row(10)])
    assert [(name, number) for name, number, _ in parts(joined.take())] == [("reset", 9), ("changes", 10)]


def test_all_that_end_are_told_why_and_once():
    hub = Hub(START)
    of_ann, of_bob = join(hub, Team("ann")), join(hub, Team("bob"))
    of_ann.end("Why.")
    hub.end("Why.")
    hub.end("Once is enough.")
    for each in (of_ann, of_bob):
        assert each.ended
        assert parts(each.take()) == [("end", 0, {"reason": "Why."})]


def test_a_dag_that_has_changed_is_found_out_about_anew_by_all():
    hub, forgotten = Hub(START), []

    class Remembers(Team):
        def forget(self, dag_ids):
            forgotten.append((self, set(dag_ids)))

    first, second = Remembers("ann"), Remembers("ann")
    join(hub, first)
    join(hub, second)
    hub.forget([row(1, task(TaskState.QUEUED))])
    assert forgotten == []
    hub.forget([row(1, DagDelta("d")), row(2, DagDeleted("e"), task(TaskState.QUEUED))])
    assert forgotten == [(each, {"d", "e"}) for each in (first, second)]


def test_what_stands_in_no_feed_is_told_to_who_may_see_it_and_moves_no_place():
    hub = Hub(START)
    heard, other, unseen = join(hub), join(hub, wanted=Wanted(kinds=frozenset({"run"}))), join(hub, Team("ann"))
    hub.notify(HealthDelta())
    assert parts(heard.take()) == [("changes", 0, [{"kind": "health"}])]
    assert (other.take(), unseen.take(), heard.after) == ([], [], START)
