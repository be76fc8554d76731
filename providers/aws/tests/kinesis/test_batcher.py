"""A stream becomes files, each record once, whatever happens to shards, readers and the store."""

import json
import threading

import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks.kinesis.states import Totals

HOUR = "dt=2026-03-01/hour=09"


def test_events_dead_letters_and_repetitions_are_told_apart(pipeline):
    pipeline.create(shards=2)
    pipeline.put(range(40))
    pipeline.put([3, 4])
    pipeline.put_raw(b"no JSON", b'{"event": "click"}')
    pipeline.put([100], event="view")

    found = pipeline.run()

    files = len(pipeline.keys("event=")) + len(pipeline.keys("_dead/"))
    assert found.totals == Totals(records=45, events=41, duplicates=2, dead=2, files=files, bytes=found.totals.bytes)
    assert found.caught_up
    assert pipeline.ids() == [*range(40), 100]
    assert [line["id"] for line in pipeline.lines(f"event=view/{HOUR}/")] == [100]
    letters = pipeline.lines("_dead/")
    assert sorted(each["reason"].partition(":")[0] for each in letters) == [
        "The record has no id in 'id'",
        "The record is no JSON",
    ]
    assert {each["data"] for each in letters} == {"bm8gSlNPTg==", "eyJldmVudCI6ICJjbGljayJ9"}


def test_the_next_one_goes_on_where_the_last_one_ended(pipeline):
    pipeline.create()
    pipeline.put(range(15))
    pipeline.run()
    pipeline.put(range(10, 20))

    found = pipeline.run()

    assert (found.totals.records, found.totals.duplicates) == (10, 5)
    assert pipeline.ids() == list(range(20))


def test_children_are_read_after_their_parents_and_know_their_ids(pipeline):
    pipeline.create(shards=2)
    pipeline.fake.page = 2  # of shards an answer
    pipeline.put(range(20))
    pipeline.split(0, 2**126)
    pipeline.put(range(10, 30))
    pipeline.merge(2, 3)
    pipeline.put(range(20, 40))

    found = pipeline.run()

    assert pipeline.ids() == list(range(40))
    assert (found.totals.records, found.totals.duplicates) == (60, 20)
    assert [pipeline.state(number)["closed"] for number in range(5)] == [True, False, True, True, False]


def test_a_batch_is_stored_when_it_is_full_or_old(pipeline):
    pipeline.create()
    pipeline.put(range(25))
    found = []

    def stop(seconds):
        pipeline.clock.pause(seconds)
        found.append(len(pipeline.ids()))
        return len(found) == 4

    pipeline.batcher(max_seconds=2.5).run(pause=stop)

    assert found == [20, 20, 20, 25]
    pipeline.put(range(100, 103), text="x" * 400)
    pipeline.batcher(max_bytes=1000, max_seconds=1000).run(pause=lambda _: True)
    assert len(pipeline.ids()) == 28


def test_what_was_read_is_stored_when_the_time_is_over(pipeline):
    pipeline.create()
    pipeline.put(range(5))

    pipeline.batcher(max_seconds=1000).run(pause=pipeline.clock.pause, run_for_s=3.0)

    assert pipeline.ids() == list(range(5))
    assert pipeline.clock.now == 3.0


def test_an_hour_is_complete_when_every_shard_has_passed_it(pipeline):
    pipeline.create(shards=2)
    pipeline.put(range(20))
    pipeline.run()
    assert pipeline.keys("_hours/") == []

    pipeline.time += 3600 + 59
    pipeline.run()
    assert pipeline.keys(f"_hours/{HOUR}") == []

    pipeline.time += 1
    assert pipeline.run().hours == 1
    assert pipeline.keys("_hours/dt=2026-03-01/hour=09") == [
        f"_hours/{HOUR}/_SUCCESS",
        f"_hours/{HOUR}/event=click.manifest",
    ]
    entries = json.loads(pipeline.s3.get(f"{pipeline.url}/_hours/{HOUR}/event=click.manifest"))["entries"]
    sizes = {f"{pipeline.url}/{key}": len(pipeline.s3.get(f"{pipeline.url}/{key}")) for key in pipeline.keys("event=")}
    assert {each["url"]: each["meta"]["content_length"] for each in entries} == sizes
    assert all(each["mandatory"] for each in entries)


def test_a_late_event_goes_beside_the_manifest_and_the_hour_is_marked(pipeline):
    pipeline.create()
    pipeline.put([1], at=pipeline.time)
    pipeline.run(time_field="at")
    pipeline.time += 2 * 3600
    pipeline.run(time_field="at")
    before = pipeline.s3.get(f"{pipeline.url}/_hours/{HOUR}/event=click.manifest")

    pipeline.put([2], at=pipeline.time - 7200)
    found = pipeline.run(time_field="at")

    assert found.totals.late == 1
    assert pipeline.s3.get(f"{pipeline.url}/_hours/{HOUR}/event=click.manifest") == before
    (mark,) = pipeline.keys(f"_hours/{HOUR}/_REOPENED/")
    key = json.loads(pipeline.s3.get(f"{pipeline.url}/{mark}"))["key"]
    assert [line["id"] for line in pipeline.lines(key)] == [2]
    assert key.encode() not in before


def test_latest_begins_when_the_first_batcher_does_and_not_at_each(pipeline):
    pipeline.create()
    pipeline.put([1])
    pipeline.time += 10
    pipeline.run(start="LATEST")
    pipeline.time += 10
    pipeline.put([2])

    pipeline.run(start="LATEST")

    assert pipeline.ids() == [2]


def test_two_batchers_share_a_stream_and_neither_stores_what_the_other_has(pipeline):
    pipeline.create(shards=2)
    pipeline.put(range(50))

    def beside(_):
        found = pipeline.batcher().run(pause=pipeline.clock.pause, run_for_s=25.0)
        assert list(found.lag_s) == ["shardId-000000000001"]
        return True

    pipeline.batcher(max_shards=1).run(pause=beside)

    assert pipeline.ids() == sorted(set(pipeline.ids()))
    pipeline.run()
    assert pipeline.ids() == list(range(50))


def test_a_shard_whose_reader_gives_no_sign_of_life_is_taken_and_the_old_reader_notices(pipeline):
    pipeline.create()
    pipeline.put(range(5))
    silent = pipeline.batcher(max_seconds=0.0)

    def sleep(_):
        pipeline.put(range(5, 10))
        assert pipeline.run().totals.records == 5  # it waits for the lease's end, and takes the shard
        assert pipeline.clock.now >= 30.0
        pipeline.put(range(10, 15))
        stops.append(1)
        return len(stops) == 2

    stops = []
    silent.run(pause=sleep)

    assert silent.progress().totals.records <= 15
    pipeline.run()
    assert pipeline.ids() == list(range(15))


def test_an_iterator_that_ends_and_a_busy_shard_are_no_failures(pipeline):
    pipeline.create()
    pipeline.put(range(20))
    pipeline.fake.most = 7  # records an answer
    busy = "ProvisionedThroughputExceededException"
    pipeline.fake.refusals["GetRecords"] = ["", "ExpiredIteratorException", "", busy, busy, busy, busy, busy, busy]

    pipeline.run()

    assert pipeline.ids() == list(range(20))


def test_single_records_that_a_stream_refuses_are_put_again(pipeline):
    pipeline.create()
    pipeline.fake.refusals["PutRecords"] = ["", "ProvisionedThroughputExceededException", "InternalFailure"]

    pipeline.put(range(5))

    pipeline.run(id_field="")
    assert pipeline.ids() == list(range(5))


def test_a_destination_belongs_to_one_stream(pipeline):
    pipeline.create()
    pipeline.s3.put(f"{pipeline.url}/_state/stream", "orders")

    with pytest.raises(ProviderError, match="is the destination of the stream 'orders', not of 'clicks'"):
        pipeline.run()


@pytest.mark.parametrize("condition", ["IfNoneMatch", "IfMatch"])
def test_a_store_that_ignores_conditions_is_refused(pipeline, condition):
    pipeline.create()
    batcher = pipeline.batcher()

    def drop(params, **_):
        if params.get(condition):
            del params[condition]

    events = batcher.store.hook.client.meta.events
    pipeline.s3.put(f"{pipeline.url}/_state/stream", "clicks")
    events.register("provide-client-params.s3.PutObject", drop)
    try:
        with pytest.raises(ProviderError, match=f"ignores {condition}") as found:
            batcher.run(pause=pipeline.clock.pause)
    finally:
        events.unregister("provide-client-params.s3.PutObject", drop)
    assert found.value.kind is ErrorKind.INVALID


def test_a_file_of_somebody_else_in_its_place_is_an_error_and_stays(pipeline):
    pipeline.create()
    pipeline.put([1])
    pipeline.run()
    (key,) = pipeline.keys("event=")
    pipeline.put([2])
    last = pipeline.fake._streams["clicks"]["shardId-000000000000"].records[-1]["SequenceNumber"]
    theirs = f"{pipeline.url}/{key.rpartition('/')[0]}/shardId-000000000000-{last}-{last}.jsonl.gz"
    pipeline.s3.put(theirs, b"")

    with pytest.raises(ProviderError, match="is there with another content"):
        pipeline.run()
    assert pipeline.s3.get(theirs) == b""


def test_a_stream_that_is_not_there_says_so(pipeline):
    with pytest.raises(ProviderError, match="Stream clicks under account") as found:
        pipeline.run()
    assert found.value.kind is ErrorKind.NOT_FOUND


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_records": 0}, "max_records is 0: it must be above 0"),
        ({"lease_s": float("nan")}, "lease_s is nan"),
        ({"poll_s": -1}, "poll_s is -1: it must not be below 0"),
        ({"start": "NOW"}, "TRIM_HORIZON or LATEST"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(pipeline, options, told):
    with pytest.raises(ValueError, match=told):
        pipeline.batcher(**options)


def test_several_files_are_on_their_way_at_once_and_the_first_that_is_refused_is_told(pipeline):
    store, both = pipeline.batcher().store, threading.Barrier(2)
    store.each(lambda _: both.wait(timeout=30), ["one", "two"])

    def refuse(item):
        if item == "two":
            raise ProviderError("no", service="s3", operation="PutObject", kind=ErrorKind.PERMISSION)

    with pytest.raises(ProviderError, match="no"):
        store.each(refuse, ["one", "two", "three"])
