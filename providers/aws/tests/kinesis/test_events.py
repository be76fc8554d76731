"""What a record holds, and why one holds nothing."""

import json
import re

import pytest

from penstock_aws.hooks.kinesis.events import DeadLetterError, Record, Rules, folder, read_event

NINE = 1_772_355_600.0
RULES = Rules(event_field="event", id_field="id", time_field="at", window=10, lateness_s=60.0, accepted_age_s=86400.0)


def read(data, rules=RULES):
    content = data if isinstance(data, bytes) else json.dumps(data).encode()
    return read_event(Record("1", NINE + 1800, "key", content), rules)


@pytest.mark.parametrize(
    ("at", "where"),
    [
        pytest.param(NINE, "dt=2026-03-01/hour=09", id="seconds"),
        pytest.param(NINE * 1000 - 1, "dt=2026-03-01/hour=08", id="milliseconds"),
        pytest.param("2026-03-01T09:59:59.999Z", "dt=2026-03-01/hour=09", id="UTC"),
        pytest.param("2026-03-01T09:00:00+01:00", "dt=2026-03-01/hour=08", id="an offset"),
        pytest.param("2026-03-01 07:30:00", "dt=2026-03-01/hour=07", id="no offset is UTC"),
        pytest.param("2026-02-28T23:59:59", "dt=2026-02-28/hour=23", id="the day before"),
    ],
)
def test_an_event_belongs_to_the_hour_of_its_time(at, where):
    assert folder(read({"event": "a", "id": 1, "at": at}).hour) == where


def test_without_fields_the_arrival_counts_and_all_have_one_name():
    plain = Rules(event_field="", id_field="", time_field="", window=10, lateness_s=60.0, accepted_age_s=1.0)

    found = read({"x": 1}, plain)

    assert (found.name, folder(found.hour), found.digest) == ("all", "dt=2026-03-01/hour=09", b"")


def test_a_line_is_the_text_that_was_sent_without_its_line_breaks():
    text = b'{"event": "a",\r\n "id": 1, "at": 1772355600,\n "price": 1.10, "text": "a\\nb"}\n'

    assert read(text).line == b'{"event": "a",   "id": 1, "at": 1772355600,  "price": 1.10, "text": "a\\nb"}'


def test_ids_are_told_apart_by_type_and_text():
    texts = [1, 11, "1", "01", "1 "]

    assert len({read({"event": "a", "id": each, "at": NINE}).digest for each in texts}) == len(texts)


GOOD = {"event": "a", "id": 1, "at": NINE}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"\xff\xfe", "is no JSON", id="no text"),
        pytest.param(b"", "is no JSON", id="empty"),
        pytest.param(b'{"a": NaN}', "NaN is no JSON value", id="NaN"),
        pytest.param(b"[" * 100_000, "is no JSON", id="nested deeply"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", "is no JSON", id="a number too long"),
        pytest.param([1], "is no JSON object but a list", id="a list"),
        pytest.param(b"\xf3\x89\x9a\xc2\n\x01", "Kinesis Producer Library", id="aggregated"),
        pytest.param({**GOOD, "event": "../x"}, "no usable name in 'event'", id="a name that leaves its folder"),
        pytest.param({**GOOD, "event": "\ud800"}, "no usable name in 'event'", id="a name that is no text"),
        pytest.param({"id": 1, "at": NINE}, "no usable name in 'event'", id="no name"),
        pytest.param({**GOOD, "id": None}, "has no id in 'id'", id="no id"),
        pytest.param({**GOOD, "id": True}, "has no id in 'id'", id="an id of another type"),
        pytest.param({**GOOD, "at": "yesterday"}, "has no time in 'at'", id="no time"),
        pytest.param({**GOOD, "at": []}, "has no time in 'at'", id="a time of another type"),
        pytest.param({**GOOD, "at": 0}, "s from its arrival", id="too old"),
        pytest.param({**GOOD, "at": NINE + 9000}, "has a time +7200 s from its arrival", id="ahead"),
        pytest.param({**GOOD, "at": 10**400}, "has no time in 'at'", id="beyond all times"),
        pytest.param({**GOOD, "at": "0001-01-01T00:00:00+14:00"}, "from", id="before all times"),
    ],
)
def test_what_cannot_be_used_says_why(data, reason):
    with pytest.raises(DeadLetterError, match=re.escape(reason)):
        read(data)
