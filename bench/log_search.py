"""What the index of logs costs: a million lines are indexed and searched, beside a plain floor.

    python bench/log_search.py [--lines 1000000] [--postgres URL]

The floor is the same text in a table of SQLite FTS5 with its own tokenizer, a row a line, without the text. Prints lines for each second of
processor time, bytes of the index for each byte of the logs, and how long searches take; fails if a search does not find what was written.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from penstock.logs.local_logs import local_logs
from penstock.logs.log_parts import next_part
from penstock.logs.log_searching import matching_lines
from penstock.logs.log_view import LogView
from penstock.logs.reading import LogReader
from penstock.model.logs.log_index import ChunkPlace, LogFilter, LogPosition, LogSubject
from penstock.model.logs.log_words import log_query
from penstock.store import Keyring, LogSearch, Store, new_key
from penstock.tries.store_runtime import StoreRuntime
from penstock.tries.vault import Vault

LINES = (
    "{at} INFO shop.orders: loaded {n} rows of load_orders_{k} into warehouse.public.orders in 0.{k}s",
    "{at} INFO http.client: GET https://api.example.com/v2/customers/{n}?page={k}&limit=100 answered 200",
    "SELECT customer_id, sum(amount) FROM orders WHERE day = '2026-03-{k:02}' AND batch = {n} GROUP BY customer_id",
    "{at} WARNING shop.retry: attempt {k} of request {n:08x}{n:08x} was refused, waiting",
    '  File "/srv/dags/steps/step_{k}.py", line {n}, in transform',
)
RARE = "{at} ERROR shop.orders: psycopg.errors.DeadlockDetected: process {n} waits for ShareLock"
SEARCHES = (["deadlock"], ["load_orders_17", "loaded"], ["step_17.py"], ['"was refused, waiting"'])


def main() -> None:
    """Measure, print and check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--postgres", default="", help="The URL of an empty database, in place of SQLite.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rare = write(folder / "logs", given.lines)
        raw = sum(log.size for log in local_logs(folder / "logs"))
        floor(folder, given.lines)
        url = given.postgres or f"sqlite:///{folder}/penstock.db"
        with Store.open(url, Keyring([new_key()], "bench")) as store:
            search = LogSearch.make(store, folder)
            begun = time.process_time()
            index(folder / "logs", search)
            took = time.process_time() - begun
            print(
                f"indexed: {given.lines / took:,.0f} lines/s of this process's time, {search.size() / raw:.2f} bytes a byte"
            )
            find(folder / "logs", search, LogReader("", lambda: None, StoreRuntime(Vault([]))), rare)
            search.close()


def write(folder: Path, lines: int) -> int:
    """Write logs of 20,000 lines each; returns how many lines have the rare word."""
    rare = 0
    for number in range(0, lines, 20_000):
        path = folder / "shop" / f"run{number}" / "load" / "1.log"
        path.parent.mkdir(parents=True)
        with path.open("w") as file:
            for n in range(number, min(lines, number + 20_000)):
                at = f"2026-03-01T{n // 3600000 % 24:02}:{n // 60000 % 60:02}:{n // 1000 % 60:02}.{n % 1000:03}Z"
                is_rare = n % 4999 == 0
                rare += is_rare
                file.write((RARE if is_rare else LINES[n % len(LINES)]).format(at=at, n=n, k=n * 7 % 31) + "\n")
    return rare


def floor(folder: Path, lines: int) -> None:
    """Index the same by SQLite alone."""
    database = sqlite3.connect(folder / "floor.db")
    database.execute("CREATE VIRTUAL TABLE words USING fts5(line, content='', detail=none)")
    begun = time.process_time()
    for path in (folder / "logs").rglob("*.log"):
        with path.open() as file:
            database.executemany("INSERT INTO words (line) VALUES (?)", ((line,) for line in file))
        database.commit()
    took = time.process_time() - begun
    raw = sum(log.size for log in local_logs(folder / "logs"))
    print(
        f"floor:   {lines / took:,.0f} lines/s of this process's time, {(folder / 'floor.db').stat().st_size / raw:.2f} bytes a byte"
    )


def index(folder: Path, search: LogSearch) -> None:
    """Index all logs, a turn of one after the other."""
    for number, log in enumerate(local_logs(folder)):
        subject, position = LogSubject(number, "load", -1, 1, "shop", log.path.parent.parent.name), LogPosition()
        while (part := next_part(log, subject, position, 1 << 40, ended=True)) is not None:
            search.index([part], datetime.now(UTC), 1 << 40)
            position = part.after


def find(folder: Path, search: LogSearch, reader: LogReader, rare: int) -> None:
    """Search as the service does, for the first 50 lines; for all of those with a rare word."""
    for words in SEARCHES:
        query, only, most = log_query(words), LogFilter(), rare if words == ["deadlock"] else 50
        begun, found, first_s, before = time.perf_counter(), 0, 0.0, 1 << 62
        while found < most and (chunks := search.chunks(ChunkPlace(1, before), query.words, only, 50)):
            for chunk in chunks:
                path = folder / "shop" / chunk.subject.run_id / "load" / "1.log"
                view = LogView(reader, path, "", growing=False)
                found += len(matching_lines(chunk, view, query, only) or ()) if found < most else 0
                first_s = first_s or (time.perf_counter() - begun if found >= 50 else 0.0)
            before = chunks[-1].place.chunk
        took_s = time.perf_counter() - begun
        print(f"{' '.join(words):30} the first 50 lines in {first_s * 1000:.1f} ms, {found} in {took_s * 1000:.1f} ms")
        assert found >= most, f"{found} lines were found, and {most} were written"


if __name__ == "__main__":
    main()
