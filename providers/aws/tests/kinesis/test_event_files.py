"""Batches are a function of records and state: cut anywhere, they hold the same events."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from penstock_aws.hooks.kinesis.event_files import make_batch
from penstock_aws.hooks.kinesis.events import Record, Rules, folder
from penstock_aws.hooks.kinesis.states import ShardState, decode

NINE = 1_772_355_600.0
RULES = Rules(event_field="event", id_field="id", time_field="at", window=5, lateness_s=60.0, accepted_age_s=86400.0)
EMPTY = ShardState(shard="shardId-0")
AROUND = range(int(NINE // 3600) - 48, int(NINE // 3600) + 48)

events = st.lists(
    st.tuples(st.sampled_from(["a", "b", ""]), st.integers(0, 8), st.integers(-7200, 600)), min_size=1, max_size=30
)


def records_of(found):
    return [
        Record(str(number), NINE + 600 * number, "k", json.dumps({"event": name, "id": id_, "at": NINE + 600 * number + off}).encode())
        for number, (name, id_, off) in enumerate(found)
    ]  # fmt: skip


def store(records, cuts):
    """Files and state after the records, in batches that end at the cuts."""
    files, state, start = {}, EMPTY, 0
    for end in sorted({min(cut, len(records)) for cut in cuts} | {len(records)}):
        if end > start:
            batch = make_batch(records[start:end], state, RULES)
            assert not files.keys() & batch.files.keys()
            files, state, start = files | batch.files, batch.after, end
    return files, state


def lines_of(files):
    parts = [content for key, content in files.items() if key.startswith("event=")]
    return sorted(line for content in parts for line in content.splitlines())


@given(events, st.sets(st.integers(1, 29)))
def test_the_same_events_are_stored_wherever_batches_end(found, cuts):
    records = records_of(found)

    (whole, one), (parts, other) = store(records, ()), store(records, cuts)

    assert lines_of(whole) == lines_of(parts)
    assert (one.recent, one.checkpoint, one.watermark) == (other.recent, other.checkpoint, other.watermark)
    counts = other.totals
    assert counts.records == len(records) == counts.events + counts.duplicates + counts.dead
    assert counts.dead == one.totals.dead == sum(name == "" for name, *_ in found)
    assert counts.duplicates == one.totals.duplicates


@given(events, st.sets(st.integers(1, 29)))
def test_a_batch_is_the_same_however_often_it_is_made_and_after_its_state_was_stored(found, cuts):
    records = records_of(found)
    _, state = store(records[: min(cuts, default=0)], cuts)
    if state.checkpoint:
        assert decode(state.encode()) == state

    one, again = (make_batch(records, each, RULES) for each in (state, decode(state.encode())))

    assert one == again
    intent = one.intent(records, RULES)
    assert decode(replace(state, intent=intent).encode()).intent == intent


@given(events, st.sets(st.integers(1, 29)))
def test_no_event_goes_into_an_hour_that_its_shard_has_let_pass(found, cuts):
    records, state, start = records_of(found), EMPTY, 0
    for end in [*sorted(cut for cut in cuts if cut < len(records)), len(records)]:
        batch = make_batch(records[start:end], state, RULES)
        for key in batch.files:
            if key.startswith("event=") and "/late-" not in key:
                hour = next(each for each in AROUND if f"/{folder(each)}/" in key)
                assert state.watermark is None or (hour + 1) * 3600 + RULES.lateness_s > state.watermark
        state, start = batch.after, end


def test_a_late_event_has_a_part_of_its_own_and_a_mark_that_names_it():
    passed = replace(EMPTY, watermark=NINE + 3600 + 60, checkpoint="1")
    data = b'{"event": "a", "id": 1, "at": 1772355600}'

    batch = make_batch([Record("7", NINE + 4000, "k", data)], passed, RULES)

    [part], [mark] = batch.files, batch.marks
    assert part == "event=a/dt=2026-03-01/hour=09/late-shardId-0-7-7.jsonl.gz"
    assert mark == "_hours/dt=2026-03-01/hour=09/_REOPENED/event=a/shardId-0-7-7.json"
    assert json.loads(batch.marks[mark]) == {"key": part, "event": "a", "records": 1}
    assert (batch.after.totals.late, batch.after.earliest) == (1, None)


def test_the_window_of_ids_is_bounded_and_forgets_the_oldest():
    ids = [1, 2, 3, 4, 5, 1, 6, 1]  # with a window of 5, the sixth id pushes the first one out
    records = [
        Record(str(n), NINE, "k", json.dumps({"event": "a", "id": id_, "at": NINE}).encode())
        for n, id_ in enumerate(ids)
    ]

    batch = make_batch(records, EMPTY, RULES)

    assert (batch.after.totals.events, batch.after.totals.duplicates) == (7, 1)
    assert len(bytes.fromhex(batch.after.recent)) == 5 * 12
