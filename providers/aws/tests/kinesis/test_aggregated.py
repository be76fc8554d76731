"""What the Kinesis Producer Library has put together is taken apart again."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_aws.hooks.kinesis.aggregated import user_records
from penstock_aws.hooks.kinesis.event_files import make_batch
from penstock_aws.hooks.kinesis.events import AGGREGATED, Record, Rules
from penstock_aws.hooks.kinesis.states import ShardState

RULES = Rules(event_field="", id_field="", time_field="", window=10, lateness_s=60, accepted_age_s=3600)


def varint(value):
    found = b""
    while value >= 0x80:
        found, value = found + bytes([value & 0x7F | 0x80]), value >> 7
    return found + bytes([value])


def field(number, value):
    return varint(number << 3 | 2) + varint(len(value)) + value


def aggregated(parts, more=b""):
    """As the library writes it: each key once in a table, each record with the index of its key."""
    keys = list(dict.fromkeys(key for key, _ in parts))
    body = b"".join(field(1, key.encode()) for key in keys)
    body += field(2, b"340282366920938463463374607431768211455")
    for key, data in parts:
        body += field(3, b"\x08" + varint(keys.index(key)) + b"\x10\x00" + field(3, data) + more)
    return AGGREGATED + body + hashlib.md5(body, usedforsecurity=False).digest()


def record(data):
    return Record("49", 1_767_225_600.0, "a", data)


def test_an_example_that_was_written_by_hand():
    """Two records of one key, byte by byte by the format's page."""
    body = b"\x0a\x01k" + b"\x1a\x05\x08\x00\x1a\x01x" + b"\x1a\x05\x08\x00\x1a\x01y"
    data = b"\xf3\x89\x9a\xc2" + body + hashlib.md5(body, usedforsecurity=False).digest()

    assert [(each.partition_key, each.data) for each in user_records(record(data))] == [("k", b"x"), ("k", b"y")]


@given(st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=300)), min_size=1, max_size=20))
def test_each_record_comes_back_with_its_key_in_its_order(parts):
    found = user_records(record(aggregated(parts, more=field(4, b"a tag"))))

    assert [(each.partition_key, each.data) for each in found] == parts
    assert {(each.sequence_number, each.arrived) for each in found} == {("49", 1_767_225_600.0)}


@given(st.data())
def test_what_is_damaged_is_left_as_it_is(data):
    whole = aggregated([("a", b"one"), ("b", b"two")])
    at = data.draw(st.integers(0, len(whole) - 1))
    cut = data.draw(st.booleans())
    damaged = (
        whole[:at] if cut else whole[:at] + bytes([whole[at] ^ 1 << data.draw(st.integers(0, 7))]) + whole[at + 1 :]
    )

    assert user_records(record(damaged)) == [record(damaged)]


@given(st.binary(max_size=60))
def test_what_only_looks_like_one_raises_nothing(body):
    data = AGGREGATED + body + hashlib.md5(body, usedforsecurity=False).digest()

    assert all(isinstance(each, Record) for each in user_records(record(data)))


@pytest.mark.parametrize("key", [b"\x08\x07", b""], ids=["an unknown key", "no key"])
def test_a_record_without_its_key_is_no_record(key):
    body = field(1, b"k") + field(3, key + field(3, b"x"))
    data = AGGREGATED + body + hashlib.md5(body, usedforsecurity=False).digest()

    assert user_records(record(data)) == [record(data)]


def test_a_batch_has_each_events_line_and_each_dead_letter_by_itself():
    lines = [b'{"n": 1}', b"nothing", b'{"n": 2}']
    records = [record(aggregated([("k", line) for line in lines])), record(aggregated([("k", b"{}")])[:-1])]

    files = make_batch(records, ShardState(shard="shard-0"), RULES).files

    (events,), (letters,) = ([v for k, v in files.items() if k.startswith(each)] for each in ("event=", "_dead/"))
    assert events.splitlines() == [lines[0], lines[2]]
    reasons = [json.loads(each)["reason"] for each in letters.splitlines()]
    assert reasons[0].startswith("The record is no JSON")
    assert "damaged" in reasons[1]
